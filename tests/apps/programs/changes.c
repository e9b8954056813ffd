/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes mprotect|mem FILE: a program that holds nothing unusual but one call, whose number it
 * changes from getppid to open: by making its text writable, or by /proc/self/mem.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

__asm__(".text\n"
	".p2align 4\n"
	".type changed, @function\n"
	"changed:\n"
	"	mov	$110, %eax\n"
	"	syscall\n"
	"	ret\n"
	".size changed, . - changed\n");
extern long changed(const char *path, int flags);

static int change(const char *how, unsigned char number)
{
	unsigned char *at = (unsigned char *)(uintptr_t)changed + 1;
	unsigned char *page = at - (uintptr_t)at % 4096;
	int fd, ret;

	if (!strcmp(how, "mprotect")) {
		if (mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
			return -1;
		*at = number;
		return mprotect(page, 4096, PROT_READ | PROT_EXEC);
	}
	fd = open("/proc/self/mem", O_RDWR);
	ret = pwrite(fd, &number, 1, (off_t)(uintptr_t)at) == 1 ? 0 : -1;
	close(fd);
	return ret;
}

int main(int argc, char **argv)
{
	char text[6] = "";
	long fd;

	if (argc != 3)
		return 2;
	printf("getppid %d\n", changed(NULL, 0) == getppid());
	printf("changed %d\n", change(argv[1], SYS_open));
	fd = changed(argv[2], O_RDONLY);
	printf("open %d\n", fd >= 0);
	printf("read %zd %s\n", read((int)fd, text, 5), text);
	return 0;
}
