/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_uring, when it was asked for (handoff `uring`): the kernel takes entries of a ring by itself,
 * so it must never see one that has not been looked at. Of each ring the program gets the rings as
 * they are, but memory of the runtime's in place of the submission entries. io_uring_enter copies
 * each entry to the kernel's own (uring_submit.c): as it is, or, when it is about a cloud file,
 * carried out already, as an entry that does nothing and has that result.
 *
 * SQPOLL, in which a thread of the kernel takes entries by itself, is a ring without that thread
 * whose flags always ask to be woken.
 *
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_URING_H
#define INTERCEPT_URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>

#include "intercept/dispatch.h"
#include "intercept/lock.h"
#include "intercept/vfile.h"

/* A registered file that is a cloud file. */
struct uring_slot {
	struct vfile *vf; /* with a reference; NULL: it is none */
	int fd;		  /* it was registered by this, which may be another by now; -1: none */
	bool writer, append;
};

/* How the result of what the runtime has carried out gets into the completion. */
enum uring_answer {
	URING_ANSWER_NONE,
	URING_ANSWER_NOP,     /* IORING_NOP_INJECT_RESULT, Linux 6.11 */
	URING_ANSWER_MESSAGE, /* IORING_OP_MSG_RING to the ring itself, Linux 5.18 */
};

struct uring {
	struct lock lock;  /* guards what follows live; held while entries go to the kernel */
	uint32_t live;	   /* atomic */
	uint64_t dev, ino; /* of its descriptors */
	int fd;		   /* the first of them; -1: it is closed. Atomic */
	int fd_now;	   /* the one of the call under way */
	bool duplicated;   /* there are or were others: nobody can tell when it is gone */
	bool sqpoll;
	bool defers; /* completions that the kernel has come only with a wait */
	enum uring_answer answer;
	uint32_t entries;     /* a power of 2 */
	unsigned entry_shift; /* log2 of an entry's bytes */
	uint32_t prepared;    /* entries before this one have been looked at */
	uint32_t given;	      /* entries of the call under way that the kernel has taken */
	uint32_t expected;    /* completions of all entries that were looked at, since the first */
	bool uncertain;	      /* there may be more of them, or fewer */
	uint32_t cq_entries;
	/* in the rings, which the program has mapped as well; array: NULL without one */
	uint32_t *sq_head, *sq_tail, *sq_flags, *array, *cq_head, *cq_tail;
	char *rings; /* mapped here; NULL: memory of the program's own */
	uint64_t rings_bytes;
	char *kernels, *programs; /* the entries */
	uint64_t entries_bytes;
	bool programs_own; /* programs is not ours to unmap */
	struct uring_slot *slots;
	uint32_t slot_count; /* registered files; slots has room for so many, unless it is NULL */
};

/* Is there any ring? */
bool uring_any(void);

/* The ring that fd is, with its lock held, or NULL. */
struct uring *uring_take(int fd);
static inline void uring_drop(struct uring *r)
{
	lock_drop(&r->lock);
}

/* Makes a ring for the program. p: what it wants, and what the kernel has said. Its descriptor, or
 * a negative errno. */
long uring_make(unsigned entries, struct io_uring_params *p);

/* mmap(2) of entries, if that is what it is: an address, an errno, or -ENOSYS: it is not. */
long uring_map(const struct sys_args *a);

/* Is this the identity of a ring; is this a descriptor of one? */
bool uring_is(uint64_t dev, uint64_t ino);
bool uring_is_fd(int fd);

/* Descriptors from first to last are about to be closed; fd has got a duplicate. */
void uring_closing(unsigned first, unsigned last);
void uring_duplicated(int fd);

/* Of a fork's child. */
void uring_fork_child(void);

/* Gives the kernel the entries before end. How many it took, or a negative errno. */
long uring_give(struct uring *r, uint32_t end);
/* The same, and waits until the kernel is done with all it has got. False: it is not, or nobody can
 * tell. */
bool uring_settle(struct uring *r, uint32_t end);
/* e goes to the kernel, as it is: what completions come of it. */
void uring_expect(struct uring *r, const struct io_uring_sqe *e);

/* Gives the kernel up to count of the entries that wait. How many it took, or a negative errno. */
long uring_submit(struct thread *t, struct uring *r, uint32_t count);

/* Are so many completions there, and nothing to be done by the kernel before they are all? */
bool uring_has_completed(const struct uring *r, uint32_t count);

/* io_uring_register about files: carried out. */
long uring_files_register(struct uring *r, const struct sys_args *a);
/* What is registered at slot, if it is a cloud file, else NULL. */
struct uring_slot *uring_slot(struct uring *r, uint32_t slot);
/* Registers fd at slot (-1: nothing). 0 or a negative errno. */
int uring_slot_set(struct uring *r, uint32_t slot, int fd);
/* Has any of these a cloud file in it or to go there? */
bool uring_files_matter(struct uring *r, uint32_t first, uint64_t user_fds, uint32_t count);
/* io_uring_register(IORING_REGISTER_FILES_UPDATE), carried out: how many, or a negative errno. */
long uring_files_update(struct uring *r, uint32_t first, uint64_t user_fds, uint32_t count);
void uring_files_forget(struct uring *r);

#endif
