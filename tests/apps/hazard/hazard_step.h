/* SPDX-License-Identifier: Apache-2.0 */
/* Stepping through a system call (hazard_step.c), and the calls (hazard_step_calls.c). */
#ifndef TESTS_APPS_HAZARD_STEP_H
#define TESTS_APPS_HAZARD_STEP_H

#include "tests/apps/hazard/hazard.h"

struct step_call {
	long nr, arg[6];   /* 0, 8: known to the assembly by their offsets, like all up to code */
	long result;	   /* 56 */
	unsigned long sp;  /* 64 */
	long kept[11];	   /* 72: rdi rsi rdx r10 r8 r9 rbp r12 r13 r14 r15, afterwards */
	hazard_call *code; /* 160: what makes the call, or NULL */
	long low, high;	   /* what the result may be */
	unsigned long mask_after;
	int anywhere; /* the signal may meet the child in functions of libc */
};

struct step_case {
	const char *name;
	void (*once)(struct step_call *call);
	void (*prepare)(struct step_call *call);
	void (*finish)(struct step_call *call); /* or NULL */
};

/* Seen by the tracer and the child. */
struct step_shared {
	volatile long stop, injected, after, handled, pid, tracer, status;
	volatile long outside, wrong_registers, wrong_result, wrong_stack, wrong_mask, wrong_inside,
		wrong_count;
};
extern struct step_shared *step_shared;

void step_call(struct step_call *call);
void step_call_at(struct step_call *call);

/* Steps a child through the case, with the signal number at every step. */
void step_run(const struct step_case *which, int number);

#endif
