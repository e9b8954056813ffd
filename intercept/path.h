/* SPDX-License-Identifier: Apache-2.0 */
/* Whose path is it? The one place where a name from the program meets the clouds. */
#ifndef INTERCEPT_PATH_H
#define INTERCEPT_PATH_H

#include "intercept/dispatch.h"

#define PATH_NO_DIRFD (-1) /* the call has no directory descriptor: AT_FDCWD */

#define PATH_NOFOLLOW 1u /* the call does not follow a final symbolic link */

/* Looks at the name in argument path_arg, relative to the descriptor in argument dirfd_arg (or
 * PATH_NO_DIRFD). Returns 1 when it is in the clouds: a->thread->path[slot] holds it. Returns 0
 * when it is the kernel's; the arguments are replaced then if the kernel must be given another name
 * (a relative name that climbs out of a virtual directory, /proc/self/exe). A negative errno ends
 * the call; -WIRE_ELINK, from whatever asks the daemon about the path, too: then the handler is
 * called anew, and this gives another name; -EACCES
 * where modes decide (enforce.h). slot: 0 or 1, for calls with two names. */
int path_is_cloud(struct sys_args *a, int dirfd_arg, int path_arg, int slot, unsigned flags);

/* The virtual directory that a relative name starts from, dirfd's or for AT_FDCWD the working one:
 * copied to out, WIRE_PATH_MAX bytes. 1, 0: it is the kernel's, or a negative errno. */
int path_base(struct thread *t, int dirfd, char *out);

/* RESOLVE_BENEATH of openat2(2): does the name that was just decided about, the program's or a
 * link's, stay below the virtual directory that argument dirfd_arg means, all the way? */
bool path_beneath(struct sys_args *a, int dirfd_arg);

/* WIRE_MUST_BE_DIR and WIRE_NOFOLLOW as the path has it. */
unsigned path_flags(const struct vpath *path);

/* 0 when the virtual path exists, or did when it was last seen; or a negative errno. Costs no
 * request for names that were listed. */
int path_exists(const struct vpath *path);

/* Asks for the attributes of the virtual path. 0 or a negative errno. */
int path_stat(const struct vpath *path, struct wire_attr *out);

/* Does name (absolute) stand for this program's own /proc/self/NAME? Returns what follows
 * "/proc/self/" (or /proc/PID/, /proc/thread-self/), or NULL. */
const char *path_proc_self(const char *name);

/* Is name one of our own descriptors (/dev/stdin, /dev/fd/N, /proc/self/fd/N)? Its number, or -1.
 */
int path_named_fd(const char *name);

/* The number at text if it is all digits, else -1. */
int path_number(const char *text);

/* Writes value in decimal to out (12 bytes). Returns its length. */
size_t path_format_number(unsigned value, char *out);
/* The same for 64 bits (21 bytes). */
size_t path_format_wide(uint64_t value, char *out);

#endif
