/* SPDX-License-Identifier: Apache-2.0 */
/* A program that changes its own text: the file knows nothing of it, and a twin's jumps must not be
 * what it finds where it writes. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Each in a page of its own, so that the protections concern nothing else. patch_nops: a call with
 * two nops where the syscall will stand. patch_number: getppid, until another number is put in.
 * patch_whole: read and replaced as a whole. */
__asm__(".pushsection .text\n"
	".p2align 12\n"
	".type patch_nops, @function\n"
	"patch_nops:\n mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"
	"patch_nops_here:\n nop\n nop\n ret\n"
	".p2align 12\n"
	".type patch_number, @function\n"
	"patch_number:\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"
	"patch_number_here:\n mov $110, %eax\n syscall\n ret\n"
	".p2align 12\n"
	".type patch_memory, @function\n"
	"patch_memory:\n mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"
	"patch_memory_here:\n nop\n nop\n ret\n"
	".p2align 12\n"
	".popsection\n");
extern hazard_call patch_nops, patch_number, patch_memory;
extern unsigned char patch_nops_here[], patch_number_here[], patch_memory_here[];

static unsigned char *page_of(unsigned char *at)
{
	return at - (uintptr_t)at % 4096;
}

static void say_reads(const char *name, hazard_call *code)
{
	long good = 0, last = 0;

	for (int i = 0; i < 40; i++)
		good += (last = hazard_reads_small(code)) == 1;
	say(name, good == 40 ? good : last);
}

/* nops become a system call, and nops again. */
static void patch_in(void)
{
	unsigned char *page = page_of(patch_nops_here);

	say("before", patch_nops(123, 0, 0, 0));
	say("writable", res(mprotect(page, 4096, RWX)));
	say("still", patch_nops(124, 0, 0, 0));
	memcpy(patch_nops_here, "\x0f\x05", 2);
	say_reads("patched", patch_nops);
	mprotect(page, 4096, RX);
	say_reads("patched-read-only", patch_nops);
	mprotect(page, 4096, RW);
	memcpy(patch_nops_here, "\x90\x90", 2);
	mprotect(page, 4096, RX);
	say("taken-out", patch_nops(125, 0, 0, 0));
	mprotect(page, 4096, RW);
	memcpy(patch_nops_here, "\x0f\x05", 2);
	mprotect(page, 4096, RX);
	say_reads("patched-again", patch_nops);
}

/* The number of a call that was there from the start changes: what is written to has to be the
 * instruction that the program knows. */
static void patch_operand(void)
{
	static const unsigned char expected[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3};
	unsigned char *page = page_of(patch_number_here), number = SYS_open;
	long fd;

	say("number-before", patch_number(0, 0, 0, 0) == getppid());
	say("number-writable", res(mprotect(page, 4096, RWX)));
	say("number-as-written", memcmp(patch_number_here, expected, sizeof(expected)) == 0);
	patch_number_here[1] = number;
	fd = patch_number(0, (long)hazard_small, O_RDONLY, 0);
	say("number-opens", fd >= 0 ? 1 : fd);
	close((int)fd);
	mprotect(page, 4096, RX);
	fd = patch_number(0, (long)hazard_small, O_RDONLY, 0);
	say("number-opens-read-only", fd >= 0 ? 1 : fd);
	close((int)fd);
}

/* By /proc/self/mem, which asks for no protection to be changed. */
static void patch_by_file(void)
{
	int fd = open("/proc/self/mem", O_RDWR);

	say("mem-open", fd >= 0);
	say("mem-write", res(pwrite(fd, "\x0f\x05", 2, (off_t)(uintptr_t)patch_memory_here)));
	close(fd);
	say_reads("mem-patched", patch_memory);
}

/* The page is replaced by one that the program has written: first beside it, then in its place. */
static void patch_replace(void)
{
	unsigned char *page = page_of(patch_nops_here);
	unsigned char *copy = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(copy, page, 4096);
	memset(copy + (patch_nops_here - page), 0x90, 2);
	mprotect(copy, 4096, RX);
	say("replaced", mremap(copy, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page) == page);
	say("replaced-runs", patch_nops(126, 0, 0, 0));
	mprotect(page, 4096, RWX);
	memcpy(patch_nops_here, "\x0f\x05", 2);
	say_reads("replaced-patched", patch_nops);
}

/* The same, as a program's first change of itself, to a call that was there from the start. */
void hazard_mem(void)
{
	int fd = open("/proc/self/mem", O_RDWR);
	unsigned char number = SYS_open;
	long cloud;

	say("before", patch_number(0, 0, 0, 0) == getppid());
	say("write", res(pwrite(fd, &number, 1, (off_t)(uintptr_t)(patch_number_here + 1))));
	close(fd);
	cloud = patch_number(0, (long)hazard_small, O_RDONLY, 0);
	say("opens", cloud >= 0 ? 1 : cloud);
	close((int)cloud);
}

void hazard_patch(void)
{
	patch_in();
	patch_operand();
	patch_by_file();
	patch_replace();
}
