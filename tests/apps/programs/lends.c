/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that comes to a program which had none but its file's, by ways that are easily missed:
 *	lends mremap FILE	a page moves, not yet executable, into the place of one of the text
 *	lends vfork FILE	a vfork child leaves it to its parent and the parent's thread
 * The code opens FILE.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)
#define RX   (PROT_READ | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* open(rdi, O_RDONLY) */
static const unsigned char open_code[] = {0xb8, 2, 0, 0, 0, 0x31, 0xf6, 0x0f, 0x05, 0xc3};

/* A page of text of its own: returns 0. */
__asm__(".pushsection .text\n"
	".p2align 12\n"
	".type lent_page, @function\n"
	"lent_page: xor %eax, %eax\n ret\n"
	".p2align 12\n"
	".popsection\n");
extern unsigned char lent_page[];

static const char *file;
static int wake[2];
static unsigned char *volatile code;

static int opens(void)
{
	return ((int (*)(const char *))(void *)code)(file) >= 0;
}

static int moved(void)
{
	unsigned char *copy = mmap(NULL, PAGE, RW, ANON, -1, 0);

	code = lent_page;
	printf("before %d\n", opens());
	memcpy(copy, open_code, sizeof(open_code));
	if (mremap(copy, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, code) != code ||
	    mprotect(code, PAGE, RX))
		return 1;
	printf("opens %d\n", opens());
	return 0;
}

static void *sleeper(void *arg)
{
	char byte;

	(void)arg;
	return (void *)(long)(read(wake[0], &byte, 1) == 1 && opens());
}

static int lent(void)
{
	pthread_t thread;
	void *result;
	int status;
	pid_t pid;

	if (pipe(wake) || pthread_create(&thread, NULL, sleeper, NULL))
		return 1;
	if (!(pid = vfork())) {
		code = mmap(NULL, PAGE, RW | RX, ANON, -1, 0);
		memcpy(code, open_code, sizeof(open_code));
		_exit(opens());
	}
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	printf("child %d\n", WEXITSTATUS(status));
	printf("parent %d\n", opens());
	if (write(wake[1], "x", 1) != 1 || pthread_join(thread, &result))
		return 1;
	printf("thread %ld\n", (long)result);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	file = argv[2];
	return strcmp(argv[1], "vfork") ? moved() : lent();
}
