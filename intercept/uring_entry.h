/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of a ring as the system call that it stands for. */
#ifndef INTERCEPT_URING_ENTRY_H
#define INTERCEPT_URING_ENTRY_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>

#include "intercept/dispatch.h"
#include "intercept/iov.h"
#include "intercept/vfile.h"

struct uring_call {
	long nr;
	uint64_t arg[6];
	bool on_file;	/* about the descriptor in arg[0]; otherwise about names: */
	unsigned names; /* 0 to 2 of them, each behind its directory's descriptor */
	unsigned name[2];
	bool nofollow;
	bool transfers;	 /* reads or writes: less than all breaks a chain of links */
	struct kiov one; /* where the call wants a vector and the entry has none */
};

/* Fills *out, which must not move afterwards. False: this is nothing that can be done with a file
 * of the clouds. */
bool uring_translate(const struct io_uring_sqe *e, struct uring_call *out);

/* Makes the call as the program would, with the same answer. No signal interrupts it. */
long uring_make_call(struct thread *t, const struct uring_call *c);

/* Is it one that the runtime must make: about a cloud file, or about a name that the kernel must
 * not be given as it is? */
bool uring_is_ours(struct thread *t, const struct uring_call *c);

/* Transfers of all kinds: to the program's buffers, registered ones, those the kernel picks. */
bool uring_reads(const struct io_uring_sqe *e);
bool uring_writes(const struct io_uring_sqe *e);

/* The bytes that a transfer is to move, as far as that can be told; UINT64_MAX: it cannot. */
uint64_t uring_transfer_bytes(struct thread *t, const struct io_uring_sqe *e);

/* Does a call on it not wait for anybody? So it is with files, and not with pipes or sockets. */
bool uring_is_prompt(const struct uring_call *c);

/* Leaves e, about the cloud file vf, to the kernel: what it will read is fetched, and kept, what
 * it will write counts as changed from now on. fd: a descriptor of it, or -1. 0, or the errno that
 * is its result. */
long uring_keep(struct thread *t, struct vfile *vf, bool writer, bool append,
		const struct io_uring_sqe *e);

#endif
