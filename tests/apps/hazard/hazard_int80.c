/* SPDX-License-Identifier: Apache-2.0 */
/* The 32-bit entry, which a 64-bit program may use. It has other numbers (getpid 20, open 5, read
 * 3, close 6, getppid 64): taken for 64-bit ones they would be writev, fstat and the like. A
 * cloud file is opened, read and looked at by it as well. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static long int80(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return (int)result;
}

/* 1 when r8 to r15, rdi, rsi and the arguments are what they were. */
static long int80_keeps(void)
{
	long kept;

	__asm__ volatile("push %%rbp\n mov $0x1001, %%rbp\n mov $0x1008, %%r8\n"
			 "mov $0x1009, %%r9\n mov $0x100a, %%r10\n mov $0x100b, %%r11\n"
			 "mov $0x100f, %%r15\n mov $0x1005, %%rsi\n mov $0x1006, %%rdi\n"
			 "mov $0x1003, %%ecx\n mov $20, %%eax\n int $0x80\n"
			 "mov $0, %%eax\n cmp $0x1008, %%r8\n jne 1f\n cmp $0x1009, %%r9\n jne 1f\n"
			 "cmp $0x100a, %%r10\n jne 1f\n cmp $0x100b, %%r11\n jne 1f\n"
			 "cmp $0x100f, %%r15\n jne 1f\n cmp $0x1005, %%rsi\n jne 1f\n"
			 "cmp $0x1006, %%rdi\n jne 1f\n cmp $0x1001, %%rbp\n jne 1f\n"
			 "cmp $0x1003, %%rcx\n jne 1f\n inc %%eax\n"
			 "1: pop %%rbp\n"
			 : "=a"(kept)
			 :
			 : "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r15", "memory", "cc");
	return kept;
}

static void int80_files(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	char text[8];
	long fd;

	strcpy(low, "/proc/version");
	fd = int80(5, (long)low, O_RDONLY, 0);
	say("open-local", fd >= 0 ? 1 : fd);
	say("read-local", int80(3, fd, (long)low, 5));
	say("text", memcmp(low, "Linux", 5));
	say("close", int80(6, fd, 0, 0));
	say("closed", int80(3, fd, (long)low, 5));
	strcpy(low, "/none");
	say("open-missing", int80(5, (long)low, O_RDONLY, 0));
	/* A cloud file's descriptor is the kernel's as well; its bytes have been read already. */
	fd = open(hazard_small, O_RDONLY);
	say("filled", res(pread((int)fd, text, 5, 0)));
	say("read-cloud", int80(3, fd, (long)low, 5));
	say("read-cloud-same", memcmp(low, "hello", 5));
	close((int)fd);
	strcpy(low, hazard_small);
	fd = int80(5, (long)low, O_RDONLY, 0);
	say("open-cloud", fd >= 0 ? 1 : fd);
	say("read-cloud-cold", int80(3, fd, (long)low, 5));
	say("read-cloud-text", memcmp(low, "hello", 5));
	say("close-cloud", int80(6, fd, 0, 0));
	say("read-closed", int80(3, fd, (long)low, 5));
}

/* In code that no file holds: int $0x80; ret. */
static void int80_jit(void)
{
	unsigned char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long pid;

	memcpy(at, "\xcd\x80\xc3", 3);
	__asm__ volatile("call *%[at]" : "=a"(pid) : "0"(20L), [at] "r"(at) : "memory");
	say("jit-getpid", pid == getpid());
}

void hazard_int80(void)
{
	long same = 0;
	pid_t pid;

	if (!(pid = fork()))
		_exit(int80(20, 0, 0, 0) == getpid() ? 3 : 4);
	say("there", hazard_wait(pid)); /* a kernel without it answers with a signal */
	if (!(pid = fork())) {
		int80(20, 0, 0, 0);
		for (int i = 0; i < 50; i++)
			same += int80(20, 0, 0, 0) == getpid() && int80(64, 0, 0, 0) == getppid();
		say("same", same);
		say("kept", int80_keeps());
		say("no-such", int80(9999, 0, 0, 0));
		int80_files();
		int80_jit();
		_exit(0);
	}
	say("all", hazard_wait(pid));
}
