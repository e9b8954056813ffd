/* SPDX-License-Identifier: Apache-2.0 */
/* Code that comes from no file: written at run time and made executable in each way there is. Each
 * of them has to be seen when it becomes executable, by every thread that may run it. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096
#define RW    (PROT_READ | PROT_WRITE)
#define RX    (PROT_READ | PROT_EXEC)
#define RWX   (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define TIMES 40 /* often enough that hot places may have been patched */

static hazard_call *as_code(void *at)
{
	return (hazard_call *)at;
}

static void say_runs(const char *name, void *at)
{
	long good = 0, last = 0;

	for (int i = 0; i < TIMES; i++)
		good += (last = hazard_reads_small(as_code(at))) == 1;
	say(name, good == TIMES ? good : last);
}

static unsigned char *fresh(int protection, int flags)
{
	return mmap(NULL, PAGE, protection, flags, -1, 0);
}

static unsigned char *written(int flags)
{
	unsigned char *at = fresh(RW, flags);

	memcpy(at, hazard_code, HAZARD_CODE_BYTES);
	return at;
}

static void jit_anonymous(void)
{
	unsigned char *at = written(ANON), *moved;

	say("mprotect", mprotect(at, PAGE, RX));
	say_runs("protected", at);
	moved = mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, fresh(PROT_NONE, ANON));
	say_runs("moved", moved);
	munmap(moved, PAGE);
	at = fresh(RWX, ANON);
	memcpy(at, hazard_code, HAZARD_CODE_BYTES);
	say_runs("writable", at);
	/* The same place, other code: what only returns its second argument; then the old. */
	memcpy(at, "\x48\x89\xf0\xc3", 4);
	say("rewritten", as_code(at)(SYS_getppid, 77, 0, 0));
	memcpy(at, hazard_code, HAZARD_CODE_BYTES);
	say_runs("rewritten-back", at);
	munmap(at, PAGE);
	at = written(MAP_SHARED | MAP_ANONYMOUS);
	mprotect(at, PAGE, RX);
	say_runs("shared", at);
	at = written(ANON);
	say("pkey-mprotect", syscall(SYS_pkey_mprotect, at, PAGE, RX, -1) == 0);
	say_runs("protected-by-key", at);
}

/* Two views of one memory, as JITs have it that are never writable and executable at once. */
static void jit_two_views(void)
{
	int fd = (int)syscall(SYS_memfd_create, "code", 0);
	unsigned char *write_view, *run_view;

	say("memfd", res(ftruncate(fd, PAGE)));
	write_view = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	run_view = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
	memcpy(write_view, hazard_code, HAZARD_CODE_BYTES);
	say_runs("two-views", run_view);
	close(fd);
	say_runs("two-views-closed", run_view);
}

static void jit_file(void)
{
	char name[] = "/tmp/hazard.XXXXXX";
	unsigned char page[PAGE] = {0}, *at;
	int fd = mkstemp(name);

	memcpy(page + 100, hazard_code, HAZARD_CODE_BYTES);
	say("file", write(fd, page, sizeof(page)));
	at = mmap(NULL, PAGE, RX, MAP_PRIVATE, fd, 0);
	say_runs("file-no-elf", at + 100);
	munmap(at, PAGE);
	at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	mprotect(at, PAGE, RX);
	say_runs("file-protected-later", at + 100);
	unlink(name);
	at = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
	say_runs("file-deleted", at + 100);
	close(fd);
}

static void jit_elsewhere(void)
{
	unsigned char on_stack[3 * PAGE], *page = on_stack + PAGE - (uintptr_t)on_stack % PAGE;
	unsigned char *heap = (unsigned char *)syscall(SYS_brk, 0L), *top;

	top = heap + PAGE - (uintptr_t)heap % PAGE;
	say("brk", syscall(SYS_brk, top + PAGE) == (long)(top + PAGE));
	memcpy(top, hazard_code, HAZARD_CODE_BYTES);
	mprotect(top, PAGE, RWX);
	say_runs("heap", top);
	memcpy(page + 64, hazard_code, HAZARD_CODE_BYTES);
	say("stack-protect", mprotect(page, PAGE, RWX));
	say_runs("stack", page + 64);
	mprotect(page, PAGE, RW);
}

static int wake[2];
static unsigned char *volatile later;

static void *run_later(void *arg)
{
	char byte;

	(void)arg;
	if (read(wake[0], &byte, 1) != 1)
		return NULL;
	return (void *)hazard_reads_small(as_code(later));
}

static void *make_code(void *arg)
{
	(void)arg;
	later = written(ANON);
	mprotect(later, PAGE, RX);
	return NULL;
}

/* Run by a thread that slept in a read when the code came to be, and by one that is born later. */
static void jit_threads(void)
{
	pthread_t sleeper, maker, young;
	void *result = NULL;

	if (pipe(wake) || pthread_create(&sleeper, NULL, run_later, NULL))
		return;
	usleep(20000);
	pthread_create(&maker, NULL, make_code, NULL);
	pthread_join(maker, NULL);
	say("slept-meanwhile-wake", write(wake[1], "xx", 2));
	pthread_join(sleeper, &result);
	say("slept-meanwhile", (long)result);
	pthread_create(&young, NULL, run_later, NULL);
	pthread_join(young, &result);
	say("born-later", (long)result);
	say_runs("other-threads-code", later);
}

static void jit_children(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(hazard_reads_small(as_code(later)) == 1 ? 31 : 1);
	say("fork", hazard_wait(pid));
	if (!(pid = vfork()))
		_exit(hazard_reads_small(as_code(later)) == 1 ? 32 : 1);
	say("vfork", hazard_wait(pid));
	say_runs("after-children", later);
}

/* A handler that is such code itself: it writes its number to a pipe. */
static void jit_handler(void)
{
	/* mov $1, %eax; mov wake[1], %edi; lea -8(%rsp), %rsi; mov $1, %edx; syscall; ret */
	unsigned char code[] = {0xb8, 1,    0,	  0,	0, 0xbf, 0, 0, 0,    0,	   0x48, 0x8d,
				0x74, 0x24, 0xf8, 0xba, 1, 0,	 0, 0, 0x0f, 0x05, 0xc3};
	struct sigaction action = {0};
	unsigned char *at = fresh(RWX, ANON);
	char byte;

	memcpy(code + 6, &wake[1], sizeof(int));
	memcpy(at, code, sizeof(code));
	action.sa_handler = (void (*)(int))(void *)at;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	say("handler", res(read(wake[0], &byte, 1)));
	signal(SIGUSR1, SIG_DFL);
}

void hazard_jit(void)
{
	jit_anonymous();
	jit_two_views();
	jit_file();
	jit_elsewhere();
	jit_threads();
	jit_children();
	jit_handler();
}
