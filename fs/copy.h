/* SPDX-License-Identifier: Apache-2.0 */
/* Copies that the service makes by itself. */
#ifndef FS_COPY_H
#define FS_COPY_H

#include "fs/change.h"
#include "fs/lookup.h"

/* from's object as to's, which may be the same. Of its metadata everything goes along, and its time
 * stays; attr: what is to be other, or NULL. must_be_new: nothing may be there, -EEXIST otherwise.
 * fact: in: the version that is copied; out: what to's object is. Costs a HEAD more unless the fact
 * tells all. Returns 0, -ENOENT, -ESTALE (another version is there by now), or the store's error,
 * with from->message. */
int copy_object(struct lookup *from, const struct lookup *to, bool must_be_new,
		const struct change_attr *attr, struct meta_fact *fact);

/* The same, with all metadata as it is. if_match: only this version is replaced, -ESTALE otherwise;
 * NULL: whatever is there. */
int copy_over(struct lookup *from, const struct lookup *to, const char *if_match,
	      struct meta_fact *fact);

/* How often a change is begun anew because of what others store meanwhile. */
#define COPY_TRIES_MAX 16

/* What copy_object() of that version has ended with. Of -ESTALE, and of an -EEXIST that may mean
 * the same, it is found out what from is by now, which is what is known of it from then on.
 * -EAGAIN: the version was old, the change is to be made of the one that is there. Otherwise error,
 * or that of asking, with from->message. */
int copy_again(struct lookup *from, const struct store_object *version, int error);

#endif
