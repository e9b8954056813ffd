/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors on cloud files: how one comes into being and goes, and which call is about one. */
#ifndef INTERCEPT_CLOUDFD_H
#define INTERCEPT_CLOUDFD_H

#include "intercept/dispatch.h"
#include "intercept/request.h"
#include "intercept/vfile.h"

/* WIRE_OPEN of a path, with the flags and the mode of open(2), to which the umask was not applied
 * yet. 0 with two descriptors in *rq, three if flags have an access mode that writes, or a negative
 * errno. */
int cloudfd_ask(const struct vpath *path, unsigned flags, unsigned mode, struct request *rq);

/* Turns the answer of WIRE_OPEN (data, vnode and maybe notes descriptor) into the program's
 * descriptor: the lowest free number, as open(2) promises. flags: of open(2). Returns it or a
 * negative errno. */
long cloudfd_install(struct request *rq, unsigned flags);

/* FICLONE: fd, which was just opened for writing and is empty, becomes the copy of vf's file that
 * the service makes. 0, -EOPNOTSUPP (copy the bytes; so also where another descriptor or process
 * may have what fd was opened as, and would go on with that), or another negative errno. */
long cloudfd_clone(int fd, const struct vfile *source);

/* A process is about to be made that has all descriptors as well. */
void cloudfd_forking(void);

/* Is fd a cloud file? Returns 1 with a reference in *out, 0 when it is the kernel's, -EIO when the
 * daemon could not tell. */
int cloudfd_get(int fd, struct vfile **out);

/* The same for a call that changes the file: it has its notes then. -EBADF: not open for writing.
 */
int cloudfd_get_writer(int fd, struct vfile **out);

/* fd was opened by the kernel, by the name of a descriptor: it has an offset of its own. */
void cloudfd_reopened(int fd);

/* fd is about to be closed or replaced: publishes what has changed, if fd may have been what it was
 * changed by and no duplicate of it stays open. 0 or what close(2) has to say. */
int cloudfd_closing(int fd);

/* The same where the call cannot tell, of a descriptor that is replaced; of all from first to last;
 * of those that do not outlive an execve. */
void cloudfd_replacing(int fd);
void cloudfd_closing_range(unsigned first, unsigned last);
void cloudfd_closing_exec(void);

/* A program that nobody intercepts gets this process's descriptors: what it writes counts too. */
void cloudfd_lend(void);

/* The process ends: publishes all it answers for. False: something that was written is not in the
 * bucket, and no call has said so. */
bool cloudfd_settle(const struct thread *t);

#endif
