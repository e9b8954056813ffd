/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See filter.h. The runtime that the kernel has mapped makes two system calls before it is at home:
 * it maps the home and makes it executable. The filter knows them by their first argument, the
 * home's address, which nobody else has any business with. (seccomp(2): SECCOMP_RET_TRAP, struct
 * seccomp_data; the instruction pointer there is the one behind the syscall.)
 */
#include "intercept/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <string.h>

#include "intercept/thread.h"

#define TRAP_DATA     0x534bu /* tells our traps from those of a program's own filter */
#define K_SYS_SECCOMP 1	      /* si_code */
#define VSYSCALL_HIGH 0xffffffffu

#define LOW(field)		      (offsetof(struct seccomp_data, field))
#define HIGH(field)		      (offsetof(struct seccomp_data, field) + 4)
#define LOAD(offset)		      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IF_IS(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)

extern const char rt_end[]; /* runtime.ld */

static char *left; /* the image that this one was copied from, to be unmapped; or NULL */

bool filter_wanted(void)
{
	return rt.handoff.home != NULL;
}

int filter_set(bool all_threads)
{
	uint64_t home = handoff_home(rt.handoff.home);
	uint32_t high = (uint32_t)(home >> 32), low = (uint32_t)home;
	struct sock_filter code[] = {
		/* 0 */ LOAD(HIGH(instruction_pointer)),
		/* 1 */ IF_IS(VSYSCALL_HIGH, 12, 0), /* of the calls there none is ours */
		/* 2 */ IF_IS(high, 0, 3),
		/* 3 */ LOAD(LOW(instruction_pointer)),
		/* 4 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(HANDOFF_HOME_BYTES - 1)),
		/* 5 */ IF_IS(low, 8, 0),
		/* 6 */ LOAD(HIGH(args[0])),
		/* 7 */ IF_IS(high, 0, 5),
		/* 8 */ LOAD(LOW(args[0])),
		/* 9 */ IF_IS(low, 0, 3),
		/* 10 */ LOAD(LOW(nr)),
		/* 11 */ IF_IS(__NR_mmap, 2, 0),
		/* 12 */ IF_IS(__NR_mprotect, 1, 0),
		/* 13 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | TRAP_DATA),
		/* 14 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	long ret = sys5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	if (!ret)
		ret = sys3(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			   all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0, &program);
	return ret > 0 ? -EAGAIN : (int)ret;
}

bool filter_is_trap(const struct ksiginfo *info)
{
	return info->code == K_SYS_SECCOMP && info->err == TRAP_DATA && filter_wanted();
}

static const char *find_home(uint64_t *sp)
{
	const char *text = NULL;

	for (char **env = (char **)(sp + 1 + sp[0] + 1); *env; env++)
		if (!strncmp(*env, HANDOFF_NAME, strlen(HANDOFF_NAME)))
			text = *env;
	return text ? handoff_find_home(text) : NULL;
}

/* Copies what the file holds of the image at base to home. The bytes that are code: [home, ...). */
static size_t copy_image(char *home, const char *base)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(base + ehdr->e_phoff);
	size_t code = 0;

	for (unsigned i = 0; i < ehdr->e_phnum; i++, p++) {
		if (p->p_type != PT_LOAD)
			continue;
		memcpy(home + p->p_vaddr, base + p->p_vaddr, p->p_filesz);
		if (p->p_flags & PF_X && p->p_vaddr + p->p_memsz > code)
			code = p->p_vaddr + p->p_memsz;
	}
	return code;
}

void filter_go_home(uint64_t *sp, char *base, void (*again)(uint64_t *sp, char *base))
{
	const char *text = find_home(sp);
	char *home = text ? (char *)handoff_home(text) : NULL;
	size_t bytes = (size_t)(rt_end - base), code;

	if (left)
		sys2(__NR_munmap, left, bytes);
	left = NULL;
	if (!home || home == base || bytes > HANDOFF_HOME_BYTES)
		return;
	if (sys6(__NR_mmap, (long)home, (long)bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (long)home)
		return;
	code = copy_image(home, base);
	*(char **)(home + ((char *)&left - base)) = base;
	sys3(__NR_mprotect, home, code, PROT_READ | PROT_EXEC);
	again = (void (*)(uint64_t *, char *))(home + ((char *)again - base));
	again(sp, home);
}
