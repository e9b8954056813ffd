/* SPDX-License-Identifier: Apache-2.0 */
/* What a system call leaves alone, for calls that the kernel answers and for calls that are ours,
 * with the number known at the place and not: all registers but rax, rcx and r11, the flags, 128
 * bytes below the stack pointer, vectors and masks, rounding modes; and rcx and r11 are as the
 * processor leaves them. */
#include "tests/apps/hazard/hazard.h"

#include <cpuid.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	RAX,
	RBX,
	RCX,
	RDX,
	RSI,
	RDI,
	RBP,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	FLAGS,
	BEHIND,
	RSP
};

extern uint64_t hazard_regs[20], hazard_regs_after[20], hazard_regs_sp;
void regs_any(void), regs_getppid(void), regs_read(void), regs_pread(void), regs_stat(void),
	regs_openat(void);
void vectors_load_xmm(const void *v), vectors_store_xmm(void *v), vectors_load_ymm(const void *v),
	vectors_store_ymm(void *v), vectors_load_zmm(const void *v), vectors_store_zmm(void *v);

#define FLAG_CARRY     0x1u
#define FLAGS_RESULT   0x8d5u /* carry, parity, adjust, zero, sign, overflow */
#define FLAG_DIRECTION 0x400u
#define FLAG_ALIGN     0x40000u
#define FLAGS_ALWAYS   0x202u
#define RED_ZONE       128

static unsigned char stack[65536] __attribute__((aligned(64)));
static char data[4096];
static struct stat status;
static long wrong_rcx, wrong_r11;

struct call {
	const char *name;
	void (*code)(void);
	long nr, arg[5], expected; /* 0: a result that is no error */
};

static void prepare(const struct call *call, uint64_t flags)
{
	static const int place[5] = {RDI, RSI, RDX, R10, R8};

	for (int i = 0; i < 15; i++)
		hazard_regs[i] = 0xa5a5000000000000u + 0x0001000100010001u * (unsigned)(i + 1);
	for (int i = 0; i < 5; i++)
		if (call->arg[i] != -1)
			hazard_regs[place[i]] = (uint64_t)call->arg[i];
	hazard_regs[RAX] = (uint64_t)call->nr;
	hazard_regs[FLAGS] = flags | FLAGS_ALWAYS;
	hazard_regs_sp = (uintptr_t)stack + sizeof(stack) / 2;
	for (int i = 1; i <= RED_ZONE; i++)
		stack[sizeof(stack) / 2 - (size_t)i] = (unsigned char)(i * 37);
}

/* Bits: which of the promises was broken. */
static long broken(const struct call *call)
{
	const uint64_t *was = hazard_regs, *is = hazard_regs_after;
	long result = (long)is[RAX], wrong = 0;
	uint64_t flags = was[FLAGS] & (FLAGS_RESULT | FLAG_DIRECTION | FLAG_ALIGN);

	wrong |= (call->expected ? result != call->expected : result < 0) ? 1 : 0;
	for (int i = 0; i < 15; i++)
		if (i != RAX && i != RCX && i != R11 && was[i] != is[i])
			wrong |= 2;
	wrong |= is[RSP] != hazard_regs_sp ? 4 : 0;
	wrong |= (is[FLAGS] & (FLAGS_RESULT | FLAG_DIRECTION | FLAG_ALIGN)) != flags ? 8 : 0;
	for (int i = 1; i <= RED_ZONE; i++)
		wrong |= stack[sizeof(stack) / 2 - (size_t)i] != (unsigned char)(i * 37) ? 16 : 0;
	wrong_rcx += is[RCX] != is[BEHIND];
	wrong_r11 += (is[R11] & ~0x10000u) != (is[FLAGS] & ~0x10000u);
	return wrong;
}

static long run(const struct call *call, uint64_t flags)
{
	long wrong;

	prepare(call, flags);
	call->code();
	wrong = broken(call);
	if (call->nr == SYS_open || call->nr == SYS_openat)
		close((int)hazard_regs_after[RAX]);
	return wrong;
}

static void each_call(const struct call *calls, size_t count)
{
	static const uint64_t flags[] = {0, FLAGS_RESULT, FLAG_CARRY, FLAG_DIRECTION,
					 FLAGS_RESULT | FLAG_DIRECTION};

	for (size_t i = 0; i < count; i++) {
		long wrong = 0;

		for (int times = 0; times < 10; times++)
			for (size_t f = 0; f < sizeof(flags) / sizeof(*flags); f++)
				wrong |= run(&calls[i], flags[f]);
		say(calls[i].name, wrong);
	}
}

/* level: 16 xmm of 16 bytes, 16 ymm of 32, 32 zmm of 64 and 7 masks of 8. */
static long vectors_broken(const struct call *call, int level)
{
	static unsigned char before[2048 + 64], after[2048 + 64];
	void (*const load[])(const void *) = {vectors_load_xmm, vectors_load_ymm, vectors_load_zmm};
	void (*const store[])(void *) = {vectors_store_xmm, vectors_store_ymm, vectors_store_zmm};
	static const size_t bytes[] = {256, 512, sizeof(before)};

	for (size_t i = 0; i < sizeof(before); i++)
		before[i] = (unsigned char)(i * 7 + 13);
	memset(after, 0, sizeof(after));
	/* %k0 is no mask, and no register of its own in the loaders: its slot stays as it is. */
	memcpy(after + 2048, before + 2048, 8);
	prepare(call, 0);
	load[level](before);
	call->code();
	store[level](after);
	if (call->nr == SYS_open || call->nr == SYS_openat)
		close((int)hazard_regs_after[RAX]);
	return memcmp(before, after, bytes[level]) != 0;
}

static long modes_broken(const struct call *call)
{
	uint32_t mxcsr = 0x1f80 | 0x6000, mxcsr_after, mxcsr_own;
	uint16_t control = 0x0c7f, control_after, control_own;
	double in_stack = 1.0 / 3, out = 0;

	prepare(call, 0);
	__asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(control_own), "=m"(mxcsr_own));
	__asm__ volatile("fldl %0" : : "m"(in_stack));
	__asm__ volatile("fldcw %0\n ldmxcsr %1" : : "m"(control), "m"(mxcsr));
	call->code();
	__asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(control_after), "=m"(mxcsr_after));
	__asm__ volatile("fldcw %0\n ldmxcsr %1" : : "m"(control_own), "m"(mxcsr_own));
	__asm__ volatile("fstpl %0" : "=m"(out));
	if (call->nr == SYS_open || call->nr == SYS_openat)
		close((int)hazard_regs_after[RAX]);
	return (mxcsr != mxcsr_after) + 2 * (control != control_after) + 4 * (in_stack != out);
}

/* 0: xmm only, 1: ymm, 2: zmm and 64-bit masks; as processor and kernel both have it. */
static int vector_level(void)
{
	unsigned a, b = 0, c = 0, d, state;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return 0;
	__asm__("xgetbv" : "=a"(state), "=d"(d) : "c"(0));
	if ((state & 6) != 6)
		return 0;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX512F) || !(b & bit_AVX512BW))
		return 1;
	return (state & 0xe6) == 0xe6 ? 2 : 1;
}

static void each_vector(const struct call *calls, size_t count)
{
	int level = vector_level();
	long wrong = 0, modes = 0;

	say("vector-level", level);
	for (size_t i = 0; i < count; i++) {
		for (int times = 0; times < 10; times++) {
			for (int l = 0; l <= level; l++)
				wrong |= vectors_broken(&calls[i], l) << l;
			modes |= modes_broken(&calls[i]);
		}
	}
	say("vectors", wrong);
	say("modes", modes);
}

#define NONE -1, -1, -1, -1, -1

void hazard_registers(void)
{
	long at = AT_FDCWD, small = (long)hazard_small, to = (long)data, st = (long)&status,
	     ppid = getppid(), cloud = open(hazard_big, O_RDONLY),
	     zero = open("/dev/zero", O_RDONLY), null = (long)"/dev/null", none = (long)"none";
	const struct call calls[] = {
		{"getppid", regs_getppid, SYS_getppid, {NONE}, ppid},
		{"getppid-any", regs_any, SYS_getppid, {NONE}, ppid},
		{"nothing", regs_any, 5000, {NONE}, -38},
		{"read-zero", regs_read, SYS_read, {zero, to, 9, -1, -1}, 9},
		{"read-bad", regs_read, SYS_read, {999, to, 9, -1, -1}, -9},
		{"pread-cloud", regs_pread, SYS_pread64, {cloud, to, 4096, 512, -1}, 4096},
		{"pread-cloud-any", regs_any, SYS_pread64, {cloud, to, 4096, 512, -1}, 4096},
		{"stat-cloud", regs_stat, SYS_stat, {small, st, -1, -1, -1}, 0},
		{"stat-cloud-any", regs_any, SYS_stat, {small, st, -1, -1, -1}, 0},
		{"open-cloud", regs_any, SYS_open, {small, O_RDONLY, 0, -1, -1}, 0},
		{"openat-cloud", regs_openat, SYS_openat, {at, small, O_RDONLY, -1, -1}, 0},
		{"openat-local", regs_openat, SYS_openat, {at, null, O_RDONLY, -1, -1}, 0},
		{"fstat-cloud", regs_any, SYS_fstat, {cloud, st, -1, -1, -1}, 0},
		{"access-missing", regs_any, SYS_access, {none, 0, -1, -1, -1}, -2},
		{"lseek-cloud", regs_any, SYS_lseek, {cloud, 77, SEEK_SET, -1, -1}, 77},
	};

	each_call(calls, sizeof(calls) / sizeof(*calls));
	each_vector(calls, sizeof(calls) / sizeof(*calls));
	close((int)cloud);
	close((int)zero);
}

/* The two registers that a system call does change tell where it was made and the flags there. */
void hazard_clobbered(void)
{
	const struct call any = {"", regs_any, SYS_getppid, {NONE}, getppid()};
	const struct call known = {"", regs_getppid, SYS_getppid, {NONE}, getppid()};
	const struct call opens = {"", regs_any, SYS_open, {(long)hazard_small, 0, 0, -1, -1}, 0};
	const struct call fails = {"", regs_any, SYS_access, {(long)"none", 0, -1, -1, -1}, -2};
	const struct call *calls[] = {&any, &known, &opens, &fails};

	for (int i = 0; i < 4; i++)
		for (int times = 0; times < 10; times++)
			run(calls[i], times % 2 ? FLAGS_RESULT : 0);
	/* Only told: what a jump has clobbered nobody may rely on, and nobody is known to. */
	fprintf(stderr, "clobbered.wrong-rcx = %ld\n", wrong_rcx);
	say("wrong-r11", wrong_r11);
}

/* The alignment check is on, as only this program wants it: nobody else's business. */
void hazard_align(void)
{
	const struct call passed = {"", regs_any, SYS_getppid, {NONE}, getppid()};
	const struct call ours = {"", regs_any, SYS_open, {(long)hazard_small, 0, 0, -1, -1}, 0};
	const struct call stats = {
		"", regs_any, SYS_stat, {(long)hazard_small, (long)&status, -1, -1, -1}, 0};
	int cloud = open(hazard_big, O_RDONLY);
	const struct call reads = {
		"", regs_any, SYS_pread64, {cloud, (long)data, 4096, 512, -1}, 4096};

	say("passed", run(&passed, FLAG_ALIGN));
	say("open", run(&ours, FLAG_ALIGN));
	say("stat", run(&stats, FLAG_ALIGN));
	say("pread", run(&reads, FLAG_ALIGN));
	close(cloud);
}

/* fs is the program's; gs is the runtime's, but nothing of it is to be seen. (Setting it to an
 * address is refused under the runtime alone, so that is not compared here.) */
void hazard_segment(void)
{
	uint64_t fs = 0, gs = 1;

	say("fs", syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &fs) ?: fs != 0);
	say("gs-unused", syscall(SYS_arch_prctl, 0x1004 /* ARCH_GET_GS */, &gs) ?: gs != 0);
	say("gs-cleared", res(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, 0)));
	say("reads", hazard_reads_small(hazard_raw));
	say("passes", getppid() > 0);
}
