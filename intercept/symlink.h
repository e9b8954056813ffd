/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic links: local ones that lead into the clouds, and those in the clouds, which the daemon
 * finds and the runtime follows: the call is answered anew, with another name. */
#ifndef INTERCEPT_SYMLINK_H
#define INTERCEPT_SYMLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/vpath.h"

/* The kernel found nothing at name (relative to dirfd): does it lead into the clouds through
 * symbolic links? Returns 1 and fills out, or 0. nofollow: a final link is not followed. Uses the
 * calling thread's iov as memory; name may be changed. */
int symlink_leads_to_cloud(int dirfd, char *name, bool nofollow, struct vpath *out);

struct thread;

/* The daemon has answered WIRE_ELINK for the name in slot: text is to stand for it. Returns
 * -WIRE_ELINK, for the handler to give back; -ELOOP after too many; or -ENAMETOOLONG. */
int symlink_redirect(struct thread *t, uint64_t slot, const char *text);

/* The call under way is another one. */
void symlink_forget(struct thread *t);

#endif
