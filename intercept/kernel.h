/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw system calls and the kernel's own structures (x86-64). Every call made here comes from the
 * runtime's text, which Syscall User Dispatch lets pass.
 */
#ifndef INTERCEPT_KERNEL_H
#define INTERCEPT_KERNEL_H

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096ul

/* Of a large constant, and of large zeroed memory that a start does not touch: runtime.ld. */
#define LARGE_TABLE  __attribute__((section(".tables")))
#define LARGE_ZEROES __attribute__((section(".bss.large")))

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define SYS_ARG(x)	     ((long)(x))
#define sys0(nr)	     sys6(nr, 0, 0, 0, 0, 0, 0)
#define sys1(nr, a)	     sys6(nr, SYS_ARG(a), 0, 0, 0, 0, 0)
#define sys2(nr, a, b)	     sys6(nr, SYS_ARG(a), SYS_ARG(b), 0, 0, 0, 0)
#define sys3(nr, a, b, c)    sys6(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), 0, 0, 0)
#define sys4(nr, a, b, c, d) sys6(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), 0, 0)
#define sys5(nr, a, b, c, d, e) \
	sys6(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), 0)
#define sys_failed(ret) ((unsigned long)(ret) >= (unsigned long)-4095L)

/* rt_sigaction(2)'s structure, not libc's. */
struct ksigaction {
	uintptr_t handler;
	uint64_t flags;
	uintptr_t restorer;
	uint64_t mask;
};

struct kstack {
	void *sp;
	int flags;
	size_t size;
};

/* uapi headers hide these from anyone who might have libc's */
#define S_ISUID	      04000
#define S_ISGID	      02000
#define S_IXGRP	      00010
#define S_IFMT	      0170000
#define S_IFREG	      0100000
#define S_ISREG(mode) (((mode)&S_IFMT) == S_IFREG)
#define S_ISDIR(mode) (((mode)&S_IFMT) == 0040000)
#define S_ISLNK(mode) (((mode)&S_IFMT) == 0120000)

/* General registers in the order of the kernel's struct sigcontext. */
struct kregs {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	void *fpstate; /* NULL, or an XSAVE image aligned to 64 bytes */
	uint64_t reserved[8];
};

struct kucontext {
	unsigned long flags;
	struct kucontext *link;
	struct kstack stack;
	struct kregs regs;
	uint64_t mask;
};

struct ksiginfo {
	int signo, err, code, pad;
	union {
		uint64_t fields[14];
		struct {
			void *call_addr;
			int syscall;
			unsigned arch;
		} sys; /* SIGSYS */
	};
};

/* What the kernel pushes for a handler; the XSAVE image lies above it. */
struct ksigframe {
	uintptr_t restorer;
	struct kucontext uc;
	struct ksiginfo info;
};

_Static_assert(sizeof(struct kregs) == 256, "struct sigcontext of x86-64");
_Static_assert(sizeof(struct kucontext) == 304, "struct ucontext of x86-64");
_Static_assert(sizeof(struct ksiginfo) == 128, "siginfo_t");

#define K_SIGHUP  1
#define K_SIGINT  2
#define K_SIGILL  4
#define K_SIGTRAP 5
#define K_SIGBUS  7
#define K_SIGFPE  8
#define K_SIGKILL 9
#define K_SIGSEGV 11
#define K_SIGTERM 15
#define K_SIGSTOP 19
#define K_SIGXFSZ 25
#define K_SIGSYS  31
#define K_NSIG	  64
#define SIGBIT(n) (UINT64_C(1) << ((n)-1))

#define K_SIG_DFL 0ul
#define K_SIG_IGN 1ul

#define K_SA_NOCLDSTOP 1ul
#define K_SA_NOCLDWAIT 2ul
#define K_SA_SIGINFO   4ul
#define K_SA_RESTORER  0x04000000ul
#define K_SA_ONSTACK   0x08000000ul
#define K_SA_RESTART   0x10000000ul
#define K_SA_NODEFER   0x40000000ul
#define K_SA_RESETHAND 0x80000000ul

#define K_SIG_BLOCK   0
#define K_SIG_UNBLOCK 1
#define K_SIG_SETMASK 2

#define K_SS_ONSTACK	1
#define K_SS_DISABLE	2
#define K_SS_AUTODISARM ((int)(1u << 31))

#define K_SYS_USER_DISPATCH 2 /* si_code of SIGSYS by Syscall User Dispatch */
#define K_AUDIT_ARCH_X86_64 0xc000003eu

#define K_FUTEX_WAIT_PRIVATE 128
#define K_FUTEX_WAKE_PRIVATE 129

#define K_ARCH_SET_GS 0x1001
#define K_ARCH_GET_GS 0x1004

#endif
