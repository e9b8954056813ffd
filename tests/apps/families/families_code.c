/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that a program has none of until it makes some, in each way there is, and in a process of
 * its own for each: its system calls are intercepted from the first on, whatever is blocked then.
 */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)
#define RX   (PROT_READ | PROT_EXEC)
#define RWX  (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

typedef long made_code(long nr, const char *path, long flags);

static const unsigned char code[] = {
	0x48, 0x89, 0xf8, /* mov %rdi, %rax */
	0x48, 0x89, 0xf7, /* mov %rsi, %rdi */
	0x48, 0x89, 0xd6, /* mov %rdx, %rsi */
	0x31, 0xd2,	  /* xor %edx, %edx */
	0x0f, 0x05, 0xc3, /* syscall; ret */
};

/* A page of text in which nothing is but room for that. */
__asm__(".pushsection .text.families_room, \"ax\", @progbits\n .balign 4096\n"
	".globl families_room\n.type families_room, @function\n"
	"families_room:\n ret\n .skip 4095, 0x90\n.popsection\n");
extern made_code families_room;

static void *filled(void *at)
{
	return at == MAP_FAILED ? NULL : memcpy(at, code, sizeof(code));
}

static void *in_writable(void)
{
	return filled(mmap(NULL, PAGE, RWX, ANON, -1, 0));
}

static void *made_executable(void)
{
	void *at = filled(mmap(NULL, PAGE, RW, ANON, -1, 0));

	return at && !mprotect(at, PAGE, RX) ? at : NULL;
}

static void *with_key(void)
{
	void *at = filled(mmap(NULL, PAGE, RW, ANON, -1, 0));

	return at && !syscall(SYS_pkey_mprotect, at, PAGE, RX, -1) ? at : NULL;
}

/* Written by one mapping, executed by another. */
static void *mapped_twice(void)
{
	int fd = memfd_create("code", 0);
	void *at;

	if (ftruncate(fd, PAGE))
		return NULL;
	if (!filled(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0)))
		return NULL;
	at = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static void *from_file(void)
{
	char name[] = "families-code";
	int fd = open(name, O_RDWR | O_CREAT, 0700);
	void *at;

	unlink(name);
	if (write(fd, code, sizeof(code)) != sizeof(code))
		return NULL;
	at = mmap(NULL, PAGE, RX, MAP_PRIVATE, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static void *shared_segment(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0700);
	void *at = shmat(id, NULL, SHM_EXEC);

	shmctl(id, IPC_RMID, NULL);
	return filled(at);
}

static void *on_stack(void)
{
	static void *at;
	unsigned char *here = __builtin_alloca(3 * PAGE);

	at = (void *)(((uintptr_t)here + PAGE) & ~(PAGE - 1));
	return mprotect(at, PAGE, RWX) ? NULL : filled(at);
}

static void *in_text(void)
{
	void *at = (void *)(uintptr_t)families_room;

	return mprotect(at, PAGE, RWX) ? NULL : filled(at);
}

/* Data that may be executed since it can be read. */
static void *implied(void)
{
	if (personality(READ_IMPLIES_EXEC) < 0)
		return NULL;
	return filled(mmap(NULL, PAGE, RW, ANON, -1, 0));
}

static int try_code(void *(*make)(void), int blocked)
{
	made_code *call;
	sigset_t all;
	long fd;

	sigfillset(&all);
	if (blocked)
		sigprocmask(SIG_SETMASK, &all, NULL);
	call = (made_code *)(uintptr_t)make();
	if (!call)
		return 1;
	fd = call(SYS_open, beside[0], O_RDONLY);
	return fd >= 0 && descriptor_sum((int)fd, 1111111) > 0 ? 17 : 2;
}

void family_code(void)
{
	static const struct {
		const char *name;
		void *(*make)(void);
	} ways[] = {
		{"writable", in_writable},  {"made executable", made_executable},
		{"with a key", with_key},   {"mapped twice", mapped_twice},
		{"from a file", from_file}, {"shared segment", shared_segment},
		{"on the stack", on_stack}, {"in text", in_text},
		{"implied", implied},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		for (int blocked = 0; blocked < 2; blocked++) {
			pid_t pid = fork();

			if (!pid)
				_exit(try_code(ways[i].make, blocked));
			say(ways[i].name, ended(pid));
		}
	read_file();
}
