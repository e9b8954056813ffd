/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hazards: programs that come to their system calls by ways that a rewriter of files does not
 * see, or that look at what a rewriter disturbs. Run like the probe (probe.h): natively on a local
 * folder and intercepted on the same folder in a bucket, with the same output expected of both.
 *
 * Wherever a hazard makes system calls of its own, one of them opens small.txt by its absolute
 * path: a call that escapes finds no such file, and the line it prints differs.
 */
#ifndef TESTS_APPS_HAZARD_HAZARD_H
#define TESTS_APPS_HAZARD_HAZARD_H

#include "tests/apps/probe/probe.h"

/* Absolute paths in the probe's folder. */
extern char hazard_small[4096], hazard_big[4096];

/* Some code that makes the system call nr and returns what the kernel gave. */
typedef long hazard_call(long nr, long a, long b, long c);

/* Opens and reads small.txt by nothing but this code. 1 when it was read, else what failed. */
long hazard_reads_small(hazard_call *code);

/* The kernel's own calls, by an instruction in this program's text. */
long hazard_raw(long nr, long a, long b, long c);

/* Position-independent machine code of a hazard_call. */
extern const unsigned char hazard_code[];
#define HAZARD_CODE_BYTES 15
#define HAZARD_CODE_INSN  12 /* where the syscall instruction stands in it */

/* wait(2) for pid: its exit status, or 1000 + the signal. */
long hazard_wait(int pid);

void hazard_start(void);
void hazard_site(void);
void hazard_jit(void);
void hazard_mem(void);
void hazard_patch(void);
void hazard_plugin(void);
void hazard_int80(void);
void hazard_registers(void);
void hazard_clobbered(void);
void hazard_align(void);
void hazard_segment(void);
void hazard_stack(void);
void hazard_storm(void);
void hazard_jump(void);
void hazard_cancel(void);
void hazard_thread(void);
void hazard_child(void);
void hazard_stale(void);
void hazard_foreign(void);
void hazard_view(void);
void hazard_clock(void);
void hazard_step(void);
void hazard_fork(void);
void hazard_mask(void);
void hazard_order(void);
void hazard_unmap(void);
void hazard_fault(void);
void hazard_race(void);
void hazard_high(void);

/* Started anew by hazard_stale: says what the descriptor argv[2] holds. */
int hazard_inherited(const char *number);
/* Started anew by hazard_high: is the descriptor that file? */
int hazard_inherited_high(const char *number, const char *file);

#endif
