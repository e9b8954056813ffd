/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime keeps for each thread and for each process.
 *
 * A struct thread stands at the base of an aligned region whose rest is the thread's private stack,
 * which is also the kernel's alternate signal stack: all of the runtime runs there, so nothing is
 * ever taken from the program's stack. %gs points to it, for trampolines, gates and the entry.
 *
 * A system call that may be ours is saved in regs (the program's registers), answered on the
 * private stack, and left through rt_leave, which needs nothing but this struct. Signals that
 * arrive meanwhile are put off (deferred) until the program's registers are complete again.
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
#define EXIT_CANNOT_START   126		   /* as a shell says it */
#define THREAD_IOV_MAX	    1024	   /* UIO_MAXIOV */
#define THREAD_FAR	    408		   /* from %gs: farther.h */

struct proc_sigaction {
	struct ksigaction act;
	bool known; /* false: as it was inherited through execve; ask the kernel */
};

/* What threads of one process share, and a vfork child must not change for its parent. */
struct proc {
	struct lock lock; /* guards all below */
	struct proc_sigaction sig[K_NSIG + 1];
	int debugged; /* the process that has asked to be traced by its parent, or 0 */
	bool cwd_virtual;
	char cwd[WIRE_PATH_MAX]; /* a clean virtual path when cwd_virtual */
};

enum thread_retry {
	RETRY_NO,
	RETRY_LINK,  /* the kernel answered ENOENT for this very call */
	RETRY_AFTER, /* the kernel has answered: result */
};

enum thread_deferred {
	DEFERRED_NO,
	DEFERRED_CALL, /* until the call is over */
	DEFERRED_ON,   /* while the program runs: it blocks every signal itself */
};

enum thread_state { THREAD_FREE, THREAD_LIVE, THREAD_EXITING };

struct thread {
	/* Known to start.S by offset. */
	struct thread *self;	/* 0 */
	uint64_t gate_ret;	/* 8: where the gate continues: behind the program's syscall */
	uint64_t gate_args[6];	/* 16: rdi rsi rdx r10 r8 r9 as the program had them */
	uint64_t site;		/* 64: the program's syscall instruction */
	uint64_t nr;		/* 72: its number */
	uint32_t retry;		/* 80: enum thread_retry */
	uint8_t selector;	/* 84: of Syscall User Dispatch; TWIN_GS_SELECTOR */
	uintptr_t entry;	/* 88: TWIN_GS_ENTRY */
	const uint8_t *classes; /* 96: TWIN_GS_CLASSES */
	const uint8_t *fds;	/* 104: TWIN_GS_FDS */
	struct kregs regs;	/* 112: the program's, while a call of it is answered */
	uintptr_t pass;		/* 368: where a passed call is made: a trampoline, or gate_plain */
	uintptr_t ret;		/* 376: where rt_leave goes */
	uint64_t stack;		/* 384: top of the private stack */
	uint32_t deferred; /* 392: enum thread_deferred: the kernel's mask is not the program's */
	long result;	   /* 400: of a call that is looked at again */
	uintptr_t far;	   /* 408: gate_far, for trampolines whose syscall would trap */

	uint64_t deferred_mask; /* the program's, then */
	bool put_off;		/* a signal has been put off in this call */
	int kept_sig;		/* it, to be delivered before all others when the call is over; 0 */
	struct ksiginfo kept;	/* what it brought */
	bool handling;		/* a signal is being delivered to the program */
	bool leaving;		/* regs and ret are complete, deferred signals are let in */
	bool trapped;		/* the call under way came by a trap */
	bool int80;		/* and it was int $0x80 */
	uint32_t armed;		/* atomic: the trap is set */
	uint32_t state;		/* enum thread_state, under threads' lock */
	bool ended;		/* its kernel thread is about to be gone; under threads' lock */
	struct thread *next;	/* all threads, under threads' lock */
	struct proc *proc;
	int tid;
	int tgid;	   /* of the process: a vfork child shares our memory, but is another */
	bool vforking;	   /* suspended until its vfork child is gone */
	int sock;	   /* a connection in flight, or -1: a fork's child closes it */
	int sock_beside;   /* and another, while that one waits */
	bool fds_private;  /* a vfork child: shares memory, not descriptors; the fd table is not its
			    */
	bool borrowed;	   /* a vfork child's, or its kin's: a process in the memory of another */
	bool fds_high;	   /* among those, one may be a cloud file's beyond fdtab_bytes() */
	bool segv_blocked; /* the program's mask blocks SIGSEGV or SIGBUS: unblock before a copy */
	bool sys_blocked;  /* the program believes SIGSYS is blocked */
	bool unhandled;	   /* made with CLONE_CLEAR_SIGHAND, and not begun yet */
	struct kstack altstack; /* the program's own alternate stack */
	void *exec_scratch;	/* of a vfork child's execve; its parent unmaps it */
	size_t exec_scratch_bytes;
	bool masked;	    /* the call under way waits with a mask of its own: mask_copy */
	bool mask_acts;	    /* and the signal that is being delivered has ended it */
	uint64_t mask_copy; /* a signal mask without SIGSYS, for the kernel to read */
	struct {
		uint64_t mask;
		uint64_t size;
	} mask_arg; /* pselect6's last argument */
	struct {
		uint64_t sigmask;
		uint32_t sigmask_bytes, min_wait_us;
		uint64_t timeout;
	} uring_arg;			 /* struct io_uring_getevents_arg */
	char name[WIRE_PATH_MAX];	 /* a name as the program gave it */
	struct vpath path[2];		 /* names of the call under way, decided */
	char redirect[2][WIRE_PATH_MAX]; /* what stands for those the program gave: symlink.h */
	bool redirected[2];
	uint8_t links;			  /* followed in the call under way */
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

/* The lowest address of the stack that the kernel is given for signals; it ends at stack. */
uintptr_t thread_altstack(const struct thread *t);

/* The region of the first thread_new() and, behind it, room bytes of zeroed memory, which are
 * returned: one mapping for all that a start needs. NULL: no memory. */
void *thread_first_region(size_t room);

/* A thread with proc (shared), or, if proc is NULL, with a copy of from's. NULL: no memory. */
struct thread *thread_new(struct thread *from, struct proc *proc);
/* Gives back one that never ran or whose user is gone. */
void thread_free(struct thread *t);
/* The calling thread is about to exit: its region is reused once the kernel has let go of it. */
void thread_exiting(struct thread *t);

/* Makes the calling kernel thread run as t: %gs, alternate stack, the trap if the process needs it.
 * 0 or negative errno. */
int thread_arm(struct thread *t);

/* From now on system calls from memory that no twin proves must trap, in every thread of this
 * process. Once is enough. 0, or a negative errno: the kernel cannot. */
int thread_arm_all(void);
/* The part of it for the calling thread, in a signal handler. */
void thread_arm_self(struct thread *t);

/* Is t the only thread of its process? */
bool thread_is_alone(const struct thread *t);

/* The calling thread, t, has descriptors that the process's table does not know. */
void thread_fds_private(struct thread *t);

/* Around a fork: no lock is held by another thread when memory is copied. The child keeps only t.
 */
void thread_fork_prepare(void);
void thread_fork_parent(void);
int thread_fork_child(struct thread *t); /* arms it again: 0 or negative errno */

/* Things of the whole program image, set once at start. */
struct runtime {
	struct handoff handoff; /* strings live in handoff_text */
	char **envp;		/* of this image, for registering the context again */
	uint32_t armed;		/* atomic: the trap is set in every thread */
	bool started;		/* the program runs */
	uint64_t interp;	/* an address in its interpreter, or 0 */
	uint32_t sandboxed;	/* atomic: the program has set a filter of its own */
	char handoff_text[HANDOFF_BYTES];
};
extern struct runtime rt;

#endif
