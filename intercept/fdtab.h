/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which descriptors are cloud files. Only a cache: a descriptor's identity is its inode, so an
 * entry may be forgotten at any time and is found again by asking the kernel (and, for one that was
 * inherited or received, the daemon). Numbers that are free have no entry.
 *
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_FDTAB_H
#define INTERCEPT_FDTAB_H

#include <stdbool.h>

#include "intercept/vfile.h"

/* Before the first thread_new(), whose region it maps as well. Sized by RLIMIT_NOFILE; descriptors
 * beyond its size are asked about each time. 0 or -ENOMEM. */
int fdtab_init(void);

/* A byte for each descriptor, by its low 16 bits: 1 when calls on it are the kernel's and need not
 * be looked at (TWIN_GS_FDS). private: for a thread whose descriptors are not the process's; all
 * are looked at. */
const uint8_t *fdtab_bytes(bool private_fds);

/* The cloud file behind fd with a reference taken, or NULL when fd is the kernel's (or closed).
 * Every non-NULL result needs one vfile_put(). Its vn is NULL when the daemon could not be asked:
 * the caller answers EIO. */
struct vfile *fdtab_get(int fd);

/* The same; *writer_out: the descriptor is open for writing. */
struct vfile *fdtab_get_for(int fd, bool *writer_out);

/* The same if it is open for writing and the daemon could tell, else NULL: where only that matters,
 * which costs no question about another. */
struct vfile *fdtab_get_writer(int fd);

/* Is it known what fd is, so that nobody need be asked? */
bool fdtab_known(int fd);

/* The next number above after that is known to be a cloud file's, open for writing; *out with a
 * reference. -1: none, or the thread's descriptors are not the process's. */
int fdtab_next_writer(int after, struct vfile **out);

/* May there be a cloud file with a number beyond those bytes, which the next image has to know? */
bool fdtab_high(void);

/* Has this process been seen with a cloud file? */
bool fdtab_seen_cloud(void);

/* fd was just opened on vf, for writing or not; takes a reference of its own. */
void fdtab_note(int fd, struct vfile *vf, bool writer);

/* fd is closed or replaced. */
void fdtab_forget(int fd);
/* fd is closed at some time from now on, when nobody tells: until this process closes that number
 * itself, it is asked about each time. */
void fdtab_unsure(int fd);
/* fd came into being without our knowing what it is. */
void fdtab_arrived(int fd);
void fdtab_forget_range(unsigned first, unsigned last);
void fdtab_forget_all(void);

void fdtab_fork_prepare(void);
void fdtab_fork_done(void);

#endif
