/* SPDX-License-Identifier: Apache-2.0 */
/* The hazards' start: see hazard.h. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *probe_self;
char hazard_small[4096], hazard_big[4096];

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"start", hazard_start},   {"site", hazard_site},	{"jit", hazard_jit},
	{"patch", hazard_patch},   {"mem", hazard_mem},		{"plugin", hazard_plugin},
	{"int80", hazard_int80},   {"stack", hazard_stack},	{"registers", hazard_registers},
	{"storm", hazard_storm},   {"jump", hazard_jump},	{"cancel", hazard_cancel},
	{"thread", hazard_thread}, {"child", hazard_child},	{"stale", hazard_stale},
	{"view", hazard_view},	   {"clock", hazard_clock},	{"clobbered", hazard_clobbered},
	{"align", hazard_align},   {"segment", hazard_segment}, {"foreign", hazard_foreign},
	{"fork", hazard_fork},	   {"step", hazard_step},	{"mask", hazard_mask},
	{"order", hazard_order},   {"unmap", hazard_unmap},	{"fault", hazard_fault},
	{"race", hazard_race},	   {"high", hazard_high},
};

const unsigned char hazard_code[HAZARD_CODE_BYTES] = {
	0x48, 0x89, 0xf8, /* mov %rdi, %rax */
	0x48, 0x89, 0xf7, /* mov %rsi, %rdi */
	0x48, 0x89, 0xd6, /* mov %rdx, %rsi */
	0x48, 0x89, 0xca, /* mov %rcx, %rdx */
	0x0f, 0x05,	  /* syscall */
	0xc3,		  /* ret */
};

long hazard_raw(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

long hazard_reads_small(hazard_call *code)
{
	char text[16] = "";
	long fd = code(SYS_open, (long)hazard_small, O_RDONLY, 0), got;

	if (fd < 0)
		return fd;
	got = code(SYS_read, fd, (long)text, 14);
	code(SYS_close, fd, 0, 0);
	return got == 14 && !memcmp(text, "hello skyshim\n", 14) ? 1 : got;
}

long hazard_wait(int pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* hazard FOLDER [GROUP]... */
int main(int argc, char **argv)
{
	probe_self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "inherited"))
		return hazard_inherited(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "inherited-high"))
		return hazard_inherited_high(argv[2], argv[3]);
	if (argc < 2 || chdir(argv[1])) {
		fprintf(stderr, "usage: hazard FOLDER [GROUP]...: %s\n", strerror(errno));
		return 2;
	}
	snprintf(hazard_small, sizeof(hazard_small), "%s/small.txt", argv[1]);
	snprintf(hazard_big, sizeof(hazard_big), "%s/big.bin", argv[1]);
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		int wanted = argc == 2;

		for (int a = 2; a < argc; a++)
			wanted |= !strcmp(argv[a], groups[i].name);
		if (!wanted)
			continue;
		group(groups[i].name);
		groups[i].run();
	}
	return 0;
}
