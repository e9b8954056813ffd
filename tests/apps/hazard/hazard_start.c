/* SPDX-License-Identifier: Apache-2.0 */
/* System calls before main: whatever arms or maps has to have done so before any of these. The
 * folder comes from $D, which the tests set, since nobody has been given arguments yet. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char in_constructor[16], in_early_array[16];
static long resolved = -1;

static void read_early(char *out, const char *folder)
{
	char path[4096];
	long fd;

	snprintf(path, sizeof(path), "%s/probe/small.txt", folder ? folder : "");
	fd = hazard_raw(SYS_open, (long)path, O_RDONLY, 0);
	hazard_raw(SYS_read, fd, (long)out, 13);
	hazard_raw(SYS_close, fd, 0, 0);
}

__attribute__((constructor)) static void construct(void)
{
	read_early(in_constructor, getenv("D"));
}

#ifdef __GLIBC__
/* Runs before the constructors of the libraries: getenv(3) does not work yet. */
static void early(int argc, char **argv, char **env)
{
	(void)argc;
	(void)argv;
	while (*env && strncmp(*env, "D=", 2))
		env++;
	read_early(in_early_array, *env ? *env + 2 : NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const early_entry)(int, char **,
										  char **) = early;

/* An IFUNC is resolved while the program is being relocated; in a static one, before there is
 * thread-local storage. The call in it stands inline: nothing else may be called yet. */
static long answer(void)
{
	return 42;
}

static long (*choose(void))(void)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"((long)SYS_getppid)
			 : "rcx", "r11", "memory");
	resolved = result;
	return answer;
}

long hazard_chosen(void) __attribute__((ifunc("choose")));
#else
long hazard_chosen(void);
long hazard_chosen(void)
{
	read_early(in_early_array, getenv("D")); /* musl runs neither */
	resolved = getppid();
	return 42;
}
#endif

void hazard_start(void)
{
	say_text("constructor", in_constructor);
	say("ifunc", hazard_chosen());
	say("ifunc-call", resolved == getppid());
	say_text("preinit-array", in_early_array);
	say("raw", hazard_reads_small(hazard_raw));
}
