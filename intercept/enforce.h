/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EACCES by mode: where the user asked for it (SKYSHIM_ENFORCE_MODE, or enforce_mode of the
 * configuration), modes and owners decide who may do what, as they do on a disk; the rules are
 * those of path_resolution(7) and of the calls' own pages. Elsewhere all of this answers 0 at once.
 *
 * It is the program's own runtime that refuses: a fence for programs that err, not against those
 * that mean harm, as whoever has the credentials may ask the store. Whatever is not there, or
 * cannot be asked about, is left to the call itself, so that it finds its own error.
 *
 * On a private stack; it asks the daemon. A link in the way is -WIRE_ELINK as of path_stat().
 */
#ifndef INTERCEPT_ENFORCE_H
#define INTERCEPT_ENFORCE_H

#include "core/base/wire.h"
#include "intercept/dispatch.h"
#include "intercept/who.h"

/* May the directories on the way to the name, just decided for the call as of path_is_cloud(), be
 * searched? 0 or -EACCES. */
int enforce_way(struct sys_args *a, int dirfd_arg, int slot);

/* open(2) with those flags: 0, -EACCES, -EPERM (O_NOATIME). */
int enforce_open(const struct vpath *path, unsigned flags);

/* What the name leads to: may it be used so? 0, -EACCES. */
int enforce_use(const struct vpath *path, unsigned want);

/* The same of attributes that are known, by the effective IDs or, as access(2) has it, the real
 * ones. path: tells where. */
int enforce_attr(const struct vpath *path, const struct wire_attr *attr, unsigned want, bool real);

/* May a new name be made? 0, -EACCES; 0 as well if there is such a name. */
int enforce_make(const struct vpath *path);

/* May the name be removed? 0, -EACCES, -EPERM (a sticky directory). */
int enforce_remove(const struct vpath *path);

/* renameat2(2) */
int enforce_rename(const struct vpath *from, const struct vpath *to, unsigned flags);

/* chmod, chown, utimes: WIRE_SET_* of a file at path, or of attr if that is not NULL. gid: with
 * WIRE_SET_GID; touch: to the time that is now. 0, -EPERM, -EACCES. */
struct enforce_change {
	unsigned set;
	uint32_t uid, gid;
	bool touch;
};
int enforce_change(const struct vpath *path, const struct wire_attr *attr,
		   const struct enforce_change *change);

/* setxattr and removexattr of user attributes. attr: as above. 0, -EACCES, -EPERM. */
int enforce_set_xattr(const struct vpath *path, const struct wire_attr *attr);

/* Is anything enforced at the virtual path? */
bool enforce_at(const char *path);

#endif
