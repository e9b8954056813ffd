/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime keeps for each thread and for each process.
 *
 * A struct thread stands at the base of an aligned region whose rest is the thread's private stack,
 * which is also the kernel's alternate signal stack: every handler of ours runs there, with all
 * signals blocked, so nothing is ever taken from the program's stack and nothing nests (faults of
 * the runtime's own user copies excepted). %gs points to it, for the gates.
 */
#ifndef INTERCEPT_THREAD_H
#define INTERCEPT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/handoff.h"
#include "core/base/vpath.h"
#include "intercept/kernel.h"
#include "intercept/lock.h"

#define THREAD_REGION_BYTES (128ul * 1024) /* of address space; a few pages of it are touched */
#define THREAD_IOV_MAX	    1024	   /* UIO_MAXIOV */

struct proc_sigaction {
	struct ksigaction act;
	bool known; /* false: as it was inherited through execve; ask the kernel */
};

/* What threads of one process share, and a vfork child must not change for its parent. */
struct proc {
	struct lock lock; /* guards all below */
	struct proc_sigaction sig[K_NSIG + 1];
	bool cwd_virtual;
	char cwd[WIRE_PATH_MAX]; /* a clean virtual path when cwd_virtual */
};

enum thread_state { THREAD_FREE, THREAD_LIVE, THREAD_EXITING };

struct thread {
	/* Known to start.S by offset. */
	struct thread *self;   /* 0 */
	uint64_t gate_ret;     /* 8: where the gate continues: behind the program's syscall */
	uint64_t gate_args[6]; /* 16: rdi rsi rdx r10 r8 r9 as the program had them */
	uint64_t site;	       /* 64: the program's syscall instruction */
	uint64_t nr;	       /* 72: its number */
	uint32_t retry;	       /* 80: the kernel answered ENOENT for this very call */

	uint32_t state;	     /* enum thread_state, under threads' lock */
	struct thread *next; /* all threads, under threads' lock */
	struct proc *proc;
	int tid;
	int sock;	   /* a connection in flight, or -1: a fork's child closes it */
	bool fds_private;  /* a vfork child: shares memory, not descriptors; the fd table is not its
			    */
	bool segv_blocked; /* the interrupted mask blocks SIGSEGV or SIGBUS: unblock before a copy
			    */
	bool sys_blocked;  /* the program believes SIGSYS is blocked */
	struct kstack altstack; /* the program's own alternate stack */
	void *exec_scratch;	/* of a vfork child's execve; its parent unmaps it */
	size_t exec_scratch_bytes;
	uint64_t program_mask; /* the signal mask of the program at the call under way */
	uint64_t mask_copy;    /* a signal mask without SIGSYS, for the kernel to read */
	struct {
		uint64_t mask;
		uint64_t size;
	} mask_arg;			  /* pselect6's last argument */
	char name[WIRE_PATH_MAX];	  /* a name as the program gave it */
	struct vpath path[2];		  /* names of the call under way, decided */
	uint64_t iov[2 * THREAD_IOV_MAX]; /* an iovec array, or room for a name */
};

/* Of the code that runs on a private stack, which is all but start-up. */
static inline struct thread *thread_current(void)
{
	uintptr_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct thread *)(sp & ~(THREAD_REGION_BYTES - 1));
}

static inline uintptr_t thread_stack_base(const struct thread *t)
{
	return (uintptr_t)(t + 1);
}

static inline uintptr_t thread_stack_top(const struct thread *t)
{
	return (uintptr_t)t + THREAD_REGION_BYTES;
}

/* A thread with proc (shared), or, if proc is NULL, with a copy of from's. NULL: no memory. */
struct thread *thread_new(struct thread *from, struct proc *proc);
/* Gives back one that never ran or whose user is gone. */
void thread_free(struct thread *t);
/* The calling thread is about to exit: its region is reused once the kernel has let go of it. */
void thread_exiting(struct thread *t);

/* Makes the calling kernel thread run as t: %gs, alternate stack, dispatch armed. 0 or negative
 * errno. */
int thread_arm(struct thread *t);

/* Around a fork: no lock is held by another thread when memory is copied. The child keeps only t.
 */
void thread_fork_prepare(void);
void thread_fork_parent(void);
int thread_fork_child(struct thread *t); /* arms it again: 0 or negative errno */

/* Things of the whole program image, set once at start. */
struct runtime {
	struct handoff handoff; /* strings live in handoff_text */
	char handoff_text[HANDOFF_BYTES];
	char exe[WIRE_PATH_MAX];     /* what /proc/self/exe shall say */
	char rt_path[WIRE_PATH_MAX]; /* the runtime's own file */
	char **envp;		     /* of this image, for registering the context again */
	bool have_gs;		     /* %gs is ours */
};
extern struct runtime rt;

#endif
