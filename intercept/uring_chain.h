/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that were submitted together and are linked to each other: one after the other. */
#ifndef INTERCEPT_URING_CHAIN_H
#define INTERCEPT_URING_CHAIN_H

#include "intercept/uring.h"
#include "intercept/uring_entry.h"
#include "intercept/usercopy.h"

#define CHAIN_FILES_MAX 8u

#define CHAIN_KEEP (-200000L) /* instead of a result: the kernel has to do it */
#define CHAIN_DONE (-200001L) /* instead of an errno: nothing is to be done */

struct chain {
	struct thread *t;
	struct uring *r;
	uint32_t first, end; /* its entries, the last not among them; they may wrap around */
	uint32_t ours_end;   /* behind the last that is about a cloud file */
	uint32_t behind;     /* from here on they wait for something the kernel does */
	bool severed;	     /* one has failed: the rest is cancelled */
	bool unsettled;	     /* it has to wait for all before it, which are not done */
	/* Cloud files that entries of the chain register as they open them: open here, too. */
	unsigned opened_count;
	struct {
		uint32_t slot;
		int fd; /* -1: not yet, or no more */
	} opened[CHAIN_FILES_MAX];
};

/* Has the runtime a say in e? *call is filled in any case; nr is -1 when it is no call on files. */
bool chain_is_ours(struct chain *ch, const struct io_uring_sqe *e, struct uring_call *call);

/* e, which is ours, will register a file: those behind it may be about that. */
void chain_plan(struct chain *ch, const struct io_uring_sqe *e);

/* Does it not do anything of its own? */
bool chain_is_nothing(const struct io_uring_sqe *e);

/* Can e, which is not ours, be carried out at once all the same? */
bool chain_is_prompt(const struct io_uring_sqe *e, const struct uring_call *call);

/* Must e, which is ours, be the kernel's to carry out? */
bool chain_is_for_kernel(const struct io_uring_sqe *e);

/* Carries e out: its result, or CHAIN_KEEP. */
long chain_execute(struct chain *ch, const struct io_uring_sqe *e, struct uring_call *call);

/* Prepares that the kernel carries e out. 0, CHAIN_DONE or the errno that is its result. */
long chain_keep(struct chain *ch, const struct io_uring_sqe *e);

/* It is over. */
void chain_close(struct chain *ch);

#endif
