/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the kernel's execve of the runtime to the program's first instruction: take the handoff out
 * of the environment, map the program, give it the stack and auxiliary vector that the kernel would
 * have given it, arm the trap, jump.
 */
#include <errno.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <string.h>

#include "intercept/exename.h"
#include "intercept/fdtab.h"
#include "intercept/filter.h"
#include "intercept/ids.h"
#include "intercept/load.h"
#include "intercept/path.h"
#include "intercept/request.h"
#include "intercept/signals.h"
#include "intercept/trapped.h"
#include "intercept/vdso.h"

#define PIE_BASE	  0x555555554000ul /* ELF_ET_DYN_BASE of the kernel */
#define NO_RANDOMIZE	  0x0040000ul	   /* ADDR_NO_RANDOMIZE of personality(2) */
#define PIE_RANDOM_MASK	  0xfffffffUL	   /* pages: 28 bits */
#define READ_IMPLIES_EXEC 0x0400000l
#define COMM_BYTES	  16 /* TASK_COMM_LEN */

struct auxv {
	uint64_t type, value;
};

/* What the kernel put on the program's stack. */
struct start {
	uint64_t *sp;
	char **envp;
	struct auxv *auxv;
	char *handoff;
};

void rt_enter(uint64_t *sp, uint64_t entry) __attribute__((noreturn));
void rt_run_on(uint64_t stack, void (*function)(struct start *), struct start *argument)
	__attribute__((noreturn));
void rt_start(uint64_t *sp, char *base) __attribute__((noreturn));

static void die(const char *what, const char *name)
{
	say(what, name);
	sys1(__NR_exit_group, EXIT_CANNOT_START);
	__builtin_unreachable();
}

/* Takes the handoff string out of envp; what follows on the stack moves down, so that sp keeps its
 * alignment. Returns the auxiliary vector's new place. */
static struct auxv *take_handoff(char **envp, char **string_out)
{
	char **from, **to = NULL, **last;

	for (from = envp; *from; from++)
		if (!strncmp(*from, HANDOFF_NAME, strlen(HANDOFF_NAME)))
			to = from;
	if (!to || strlen(*to) >= sizeof(rt.handoff_text))
		return NULL;
	*string_out = *to;
	memcpy(rt.handoff_text, *to, strlen(*to) + 1);
	last = from + 1;
	while (((struct auxv *)last)->type != AT_NULL)
		last += 2;
	last += 2;
	memmove(to, to + 1, (size_t)((char *)last - (char *)(to + 1)));
	return (struct auxv *)from;
}

static uint64_t pie_hint(long personality)
{
	uint64_t random = 0;

	if (personality & (long)NO_RANDOMIZE)
		return PIE_BASE;
	sys3(__NR_getrandom, &random, sizeof(random), 0);
	return PIE_BASE + (random & PIE_RANDOM_MASK) * PAGE_BYTES;
}

/* What execve(2) was given: a script's name, or the program's. */
static const char *executed_name(void)
{
	return rt.handoff.name ? rt.handoff.name : rt.handoff.exec;
}

static void set_auxv(struct auxv *auxv, const struct image *program, uint64_t interp_base)
{
	for (; auxv->type != AT_NULL; auxv++) {
		switch (auxv->type) {
		case AT_PHDR:
			auxv->value = program->phdr;
			break;
		case AT_PHNUM:
			auxv->value = program->phdr_count;
			break;
		case AT_BASE:
			auxv->value = interp_base;
			break;
		case AT_ENTRY:
			auxv->value = program->entry;
			break;
		case AT_EXECFN:
			auxv->value = (uint64_t)executed_name();
			break;
		default:
			break;
		}
	}
}

/* Maps the program, at hint if it may be anywhere, and what interprets it. The address to start at;
 * *interp_base_out: AT_BASE. */
static uint64_t load_program(int fd, uint64_t hint, struct image *program, struct elf_info *info,
			     uint64_t *interp_base_out)
{
	struct load_front front;
	struct image interp;
	char *path = thread_current()->name;
	int ret = load_front(fd, &front);
	long interp_fd;

	if (!ret)
		ret = load_headers(&front, info);
	if (!ret)
		ret = load_image(&front, info, hint, program);
	if (ret)
		die("cannot execute: not a program this machine can run: ", rt.handoff.exec);
	*interp_base_out = 0;
	if (!info->interp_bytes)
		return program->entry;

	ret = load_interp_path(&front, info, path);
	interp_fd = ret ? ret : sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (interp_fd < 0)
		die("cannot execute: its interpreter is missing: ", rt.handoff.exec);
	ret = load_front((int)interp_fd, &front);
	if (!ret)
		ret = load_headers(&front, info);
	if (!ret)
		ret = load_image(&front, info, 0, &interp);
	if (ret)
		die("cannot execute: its interpreter is damaged: ", rt.handoff.exec);
	sys1(__NR_close, interp_fd);
	*interp_base_out = interp.bias;
	rt.interp = interp.entry;
	return interp.entry;
}

/* What ps shows: the last component of name, of which bytes count. */
static void set_comm(const char *name, size_t bytes)
{
	char comm[COMM_BYTES];
	size_t at = bytes;

	while (at && name[at - 1] != '/')
		at--;
	bytes -= at;
	if (bytes >= sizeof(comm))
		bytes = sizeof(comm) - 1;
	memcpy(comm, name + at, bytes);
	comm[bytes] = '\0';
	sys2(__NR_prctl, PR_SET_NAME, comm);
}

/* A program executed by its descriptor has its file's name, as of Linux 6.14. */
static void set_comm_of_file(void)
{
	const char *name = exename(), *cut = strstr(name, " (deleted)");

	set_comm(name, cut ? (size_t)(cut - name) : strlen(name));
}

/* Tells the kernel where arguments and environment end, so that /proc/self/environ does not show
 * the handoff (which stands last), and what the auxiliary vector is, for /proc/self/auxv; brk stays
 * where it is. Without CONFIG_CHECKPOINT_RESTORE the string shows. */
static void hide_handoff(const struct start *s, const struct image *program)
{
	uint64_t *sp = s->sp;
	char **envp = s->envp, *handoff = s->handoff;
	const struct auxv *last = s->auxv;
	uint64_t brk = (uint64_t)sys1(__NR_brk, 0);
	struct prctl_mm_map map = {
		.start_code = program->bias + program->low,
		.end_code = program->end,
		.start_data = program->bias + program->low,
		.end_data = program->end,
		.start_brk = brk,
		.brk = brk,
		.start_stack = (uint64_t)sp,
		.arg_start = sp[0] ? sp[1] : (uint64_t)(*envp ? *envp : handoff),
		.arg_end = (uint64_t)(*envp ? *envp : handoff),
		.env_start = (uint64_t)(*envp ? *envp : handoff),
		.env_end = (uint64_t)handoff,
		.exe_fd = ~0u,
	};

	while (last->type != AT_NULL)
		last++;
	map.auxv = (void *)s->auxv;
	map.auxv_size = (uint32_t)((const char *)(last + 1) - (const char *)s->auxv);
	sys5(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

static int open_program(void)
{
	int fd = rt.handoff.fd ? path_number(rt.handoff.fd) : -1;

	if (fd < 0)
		fd = (int)sys3(__NR_open, rt.handoff.exec, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		die("cannot execute: ", rt.handoff.exec);
	return fd;
}

static void start_mask(struct thread *t)
{
	uint64_t mask = 0;

	if (!rt.handoff.mask)
		return;
	for (const char *s = rt.handoff.mask; *s; s++)
		mask = mask << 4 | (uint64_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	t->sys_blocked = (mask & SIGBIT(K_SIGSYS)) != 0;
	signals_set_mask(t, mask);
}

/* From here on, on the private stack of the first thread. */
static void start(struct start *s)
{
	struct elf_info info;
	struct image program;
	struct thread *t = thread_current();
	uint64_t entry, interp_base, sp = (uint64_t)s->sp;
	long personality = sys1(__NR_personality, 0xffffffff);
	int fd;

	signals_init(t);
	fd = open_program();
	if (!rt.handoff.fd)
		set_comm(executed_name(), strlen(executed_name()));
	entry = load_program(fd, pie_hint(personality), &program, &info, &interp_base);
	exename_init(fd, program.entry);
	if (rt.handoff.fd)
		set_comm_of_file();
	sys1(__NR_close, fd);
	set_auxv(s->auxv, &program, interp_base);
	vdso_init((const uint64_t *)s->auxv);
	ids_init((const uint64_t *)s->auxv);
	hide_handoff(s, &program);
	if (program.stack_exec) {
		trapped_expect("an executable stack");
		sys3(__NR_mprotect, sp & ~(PAGE_BYTES - 1), PAGE_BYTES,
		     PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
	}
	if (personality & READ_IMPLIES_EXEC)
		trapped_expect("memory that is executable when it is readable");
	if (thread_arm(t))
		die("this kernel cannot run intercepted programs: ", "arch_prctl(ARCH_SET_GS)");
	start_mask(t);
	rt.started = true;
	rt_enter(s->sp, entry);
}

void rt_start(uint64_t *sp, char *base)
{
	struct start s = {.sp = sp, .envp = (char **)(sp + 1 + sp[0] + 1)};
	struct thread *t;

	filter_go_home(sp, base, rt_start);
	s.auxv = take_handoff(s.envp, &s.handoff);
	if (!s.auxv || handoff_parse(rt.handoff_text, &rt.handoff))
		die("this is the runtime; start programs with `skyshim run PROGRAM`", "");
	rt.envp = s.envp;
	rt.armed = rt.handoff.filtered != NULL;
	t = fdtab_init() ? NULL : thread_new(NULL, NULL);
	if (!t)
		die("no memory to start ", rt.handoff.exec);
	t->armed = rt.armed;
	if (rt.handoff.cwd) {
		memcpy(t->proc->cwd, rt.handoff.cwd, strlen(rt.handoff.cwd) + 1);
		t->proc->cwd_virtual = true;
	}
	rt_run_on(t->stack, start, &s);
}
