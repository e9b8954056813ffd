/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each shape of tests/golden/rewrite: what its twin looks like (NAME.twin; UPDATE=1 writes them),
 * and that it does the same as the original, registers, flags and memory, with the runtime passing
 * everything, and with the runtime asked each time. Single steps show that at each instruction of
 * a trampoline the program stands where the table of steps says.
 */
#include <Zydis/Zydis.h>
#include <asm/prctl.h>
#include <glob.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "tests/unit/rewrite_case.h"

#define SHAPES		"tests/golden/rewrite/"
#define FLAG_TRAP	0x100u
#define FLAG_FIXED	0x202u
#define FLAGS_KEPT	0x8d5u /* status flags */
#define STEPS_MAX	4096
#define STACK_BYTES	4096u
#define GS_BLOCK	256u
#define ADDRESS_CHARS	18u
#define IS_CLOBBERED(i) ((i) == 2 || (i) == 10) /* rcx, r11 */

/* In the order of run_shape() below. */
struct registers {
	uint64_t r[15]; /* rax rbx rcx rdx rsi rdi rbp r8 ... r15 */
	uint64_t flags; /* before: set for the shape; after: as it left them */
};

struct recorded {
	uint64_t pc;
	uint64_t r[15];
	uint64_t flags;
};

void run_shape(const void *shape, struct registers *regs, void *stack_top);
void shape_entry(void);
extern uint64_t shape_entered;

__asm__(".text\n"
	".globl run_shape\n"
	"run_shape:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, shape_rsp(%rip)\n"
	"	mov %rdi, shape_at(%rip)\n"
	"	mov %rsi, shape_regs(%rip)\n"
	"	mov %rdx, %rsp\n"
	"	mov %rsi, %rax\n"
	"	push 120(%rax)\n"
	"	mov 8(%rax), %rbx; mov 16(%rax), %rcx; mov 24(%rax), %rdx; mov 32(%rax), %rsi\n"
	"	mov 40(%rax), %rdi; mov 48(%rax), %rbp; mov 56(%rax), %r8; mov 64(%rax), %r9\n"
	"	mov 72(%rax), %r10; mov 80(%rax), %r11; mov 88(%rax), %r12; mov 96(%rax), %r13\n"
	"	mov 104(%rax), %r14; mov 112(%rax), %r15; mov (%rax), %rax\n"
	"	popfq\n"
	"	call *shape_at(%rip)\n"
	"	pushfq\n"
	"	push %rax\n"
	"	mov shape_regs(%rip), %rax\n"
	"	pop (%rax)\n"
	"	pop 120(%rax)\n"
	"	push $0x202; popfq\n"
	"	mov %rbx, 8(%rax); mov %rcx, 16(%rax); mov %rdx, 24(%rax); mov %rsi, 32(%rax)\n"
	"	mov %rdi, 40(%rax); mov %rbp, 48(%rax); mov %r8, 56(%rax); mov %r9, 64(%rax)\n"
	"	mov %r10, 72(%rax); mov %r11, 80(%rax); mov %r12, 88(%rax); mov %r13, 96(%rax)\n"
	"	mov %r14, 104(%rax); mov %r15, 112(%rax)\n"
	"	mov shape_rsp(%rip), %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	/* the runtime, as far as these tests go: counts, and lets everything pass */
	".globl shape_entry\n"
	"shape_entry:\n"
	"	mov shape_entered(%rip), %r11\n"
	"	lea 1(%r11), %r11\n"
	"	mov %r11, shape_entered(%rip)\n"
	"	jmp *%rcx\n"
	".data\n"
	".globl shape_entered\n"
	"shape_entered: .quad 0\n"
	"shape_rsp: .quad 0\n"
	"shape_at: .quad 0\n"
	"shape_regs: .quad 0\n"
	".text\n");

static uint8_t classes[65536], descriptors[65536], stack[STACK_BYTES] __attribute__((aligned(64)));
static uint8_t gs[GS_BLOCK] __attribute__((aligned(64)));
static struct recorded record[STEPS_MAX];
static volatile size_t recorded;

static void set_gs(bool ask)
{
	const void *c = classes, *d = descriptors;
	void (*entry)(void) = shape_entry;

	memset(classes, ask ? 2 : 0, sizeof(classes));
	memset(descriptors, ask ? 0 : 1, sizeof(descriptors));
	memset(gs, 0, sizeof(gs));
	gs[TWIN_GS_SELECTOR] = 1;
	memcpy(gs + TWIN_GS_CLASSES, &c, sizeof(c));
	memcpy(gs + TWIN_GS_FDS, &d, sizeof(d));
	memcpy(gs + TWIN_GS_ENTRY, &entry, sizeof(entry));
	cr_assert_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, gs), 0);
	shape_entered = 0;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	static const int order[15] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI,
				      REG_RDI, REG_RBP, REG_R8,	 REG_R9,  REG_R10,
				      REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct recorded *to = &record[recorded];

	(void)sig;
	(void)info;
	if (recorded == STEPS_MAX)
		return;
	recorded = recorded + 1;
	to->pc = (uint64_t)g[REG_RIP];
	for (int i = 0; i < 15; i++)
		to->r[i] = (uint64_t)g[order[i]];
	to->flags = (uint64_t)g[REG_EFL] & FLAGS_KEPT;
}

/* Zero registers but for what shapes look at. */
static struct registers input(uint64_t rdi)
{
	return (struct registers){.r = {110, 11, 12, 0, 0, rdi, 17, 18, 19, 20, 21, 22, 23, 24, 25},
				  .flags = FLAG_FIXED};
}

static struct registers run(const uint8_t *shape, uint64_t rdi, bool steps)
{
	struct registers regs = input(rdi);

	memset(stack, 0xa5, sizeof(stack));
	recorded = 0;
	if (steps)
		regs.flags |= FLAG_TRAP;
	run_shape(shape, &regs, stack + STACK_BYTES - 256);
	regs.flags &= FLAGS_KEPT;
	return regs;
}

static void compare(const char *name, const struct registers *want, const struct registers *got)
{
	for (int i = 0; i < 15; i++)
		cr_expect(IS_CLOBBERED(i) || want->r[i] == got->r[i],
			  "%s: register %d: %#lx instead of %#lx", name, i, got->r[i], want->r[i]);
	cr_expect_eq(want->flags, got->flags, "%s: flags %#lx instead of %#lx", name, got->flags,
		     want->flags);
}

static const struct recorded *at_pc(const struct recorded *list, size_t count, uint64_t pc,
				    const struct recorded *like)
{
	const struct recorded *found = NULL;

	for (size_t i = 0; i < count; i++) {
		bool same = list[i].flags == like->flags;

		if (list[i].pc != pc)
			continue;
		for (int r = 0; r < 15; r++)
			same = same && (IS_CLOBBERED(r) || list[i].r[r] == like->r[r]);
		found = &list[i];
		if (same)
			return found;
	}
	return found;
}

/* Every instruction of a trampoline that was stepped through stands for one of the program, with
 * the registers that the program has there. Returns how many were compared. */
static unsigned compare_steps(const char *name, const struct rewrite_case *c, const uint8_t *base,
			      const struct recorded *list, size_t count)
{
	const struct twin_header *h = &c->report.head;
	unsigned compared = 0;

	for (size_t i = 0; i < recorded; i++) {
		uint64_t at = record[i].pc - (uint64_t)base - h->code_vaddr, pc;
		const struct twin_site *site = twin_tramp_at(c->sites, h->site_count, at);
		const struct recorded *want;

		if (at >= h->code_bytes)
			continue;
		cr_assert_not_null(site, "%s: %#lx is in no trampoline", name, at);
		pc = twin_to_program(site, at);
		want = at_pc(list, count, (uint64_t)base + h->low + pc, &record[i]);
		if (!want)
			continue; /* behind a syscall the processor does not stop */
		compared++;
		for (int r = 0; r < 15; r++)
			cr_expect(IS_CLOBBERED(r) || want->r[r] == record[i].r[r],
				  "%s: at trampoline byte %#lx, program %#lx: register %d is %#lx "
				  "instead of %#lx",
				  name, at, pc, r, record[i].r[r], want->r[r]);
		cr_expect_eq(want->flags, record[i].flags);
	}
	return compared;
}

/* Has it a trampoline that may turn to the runtime? */
static bool asks(const struct rewrite_case *c)
{
	for (uint32_t i = 0; i < c->report.head.site_count; i++)
		if (c->sites[i].slow != c->sites[i].tramp_bytes)
			return true;
	return false;
}

static void execute(const char *name, const struct rewrite_case *c)
{
	static struct recorded original[STEPS_MAX];
	static const uint64_t inputs[] = {110, 0};
	uint64_t shape = case_symbol(c->original, "shape");
	struct sigaction on = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	static uint8_t signal_stack[65536];
	stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};

	sigaltstack(&alternate, NULL);
	sigaction(SIGTRAP, &on, NULL);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *base = case_map(c, false);
		struct registers want, got;
		static uint8_t left[STACK_BYTES];
		size_t count;

		if (i == 0 && !strcmp(name, "old_gates"))
			continue;
		set_gs(false);
		run(base + shape, inputs[i], true);
		count = recorded;
		memcpy(original, record, sizeof(record));
		case_map(c, false);
		want = run(base + shape, inputs[i], false);
		memcpy(left, stack, sizeof(left));

		for (int ask = 0; ask < 2; ask++) {
			case_map(c, true);
			set_gs(ask);
			got = run(base + shape, inputs[i], false);
			compare(name, &want, &got);
			cr_expect(!memcmp(left, stack, sizeof(left)),
				  "%s: what lies below the stack pointer", name);
			cr_expect_eq(gs[TWIN_GS_SELECTOR], 1);
			case_map(c, true);
			run(base + shape, inputs[i], true);
			cr_expect(compare_steps(name, c, base, original, count) >=
					  2 * (c->report.head.site_count && i == 0),
				  "%s: no steps", name);
		}
		cr_expect(!asks(c) || i || shape_entered, "%s: the runtime was not asked", name);
	}
}

/* --- the twin as text ------------------------------------------------------------------------- */

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	t->at += n;
	t->left -= (size_t)n;
}

struct names {
	uint64_t shape, tramp, tramp_end;
};

/* The whole address (0x and sixteen digits) in an instruction's text, or NULL. */
static char *address_in(char *text)
{
	char *hex = text;

	while ((hex = strstr(hex, "0x")) != NULL) {
		if (strspn(hex + 2, "0123456789ABCDEF") == ADDRESS_CHARS - 2)
			return hex;
		hex += 2;
	}
	return NULL;
}

/* Addresses by name: where the linker puts things is its own affair. */
static void say_insn(struct text *t, const struct names *n, const uint8_t *code, uint64_t vaddr,
		     uint32_t *bytes)
{
	ZydisDisassembledInstruction d;
	char *hex;
	uint64_t to;

	if (!ZYAN_SUCCESS(ZydisDisassembleATT(ZYDIS_MACHINE_MODE_LONG_64, vaddr, code, 15, &d))) {
		say(t, "\t(bad)\n");
		*bytes = 1;
		return;
	}
	*bytes = d.info.length;
	hex = address_in(d.text);
	if (!hex) {
		say(t, "\t%s\n", d.text);
		return;
	}
	to = strtoull(hex, NULL, 16);
	say(t, "\t%.*s", (int)(hex - d.text), d.text);
	if (to >= n->tramp && to < n->tramp_end)
		say(t, "trampoline+%#lx", to - n->tramp);
	else if (to - n->shape < 3 * TWIN_PAGE)
		say(t, "shape+%#lx", to - n->shape);
	else
		say(t, "%#lx", to);
	say(t, "%s\n", hex + ADDRESS_CHARS);
}

static void say_site(struct text *t, const struct rewrite_case *c, const struct twin_site *s,
		     uint64_t shape)
{
	static const char *const methods[] = {"", "before", "afterwards", "around", "hop"};
	const struct twin_header *h = &c->report.head;
	const uint8_t *base = case_map(c, true);
	struct names n = {shape, h->code_vaddr + s->tramp,
			  h->code_vaddr + s->tramp + s->tramp_bytes};
	uint32_t bytes;

	say(t, "site %s, number %d, check %u, pass %u, slow %u\n", methods[s->method],
	    s->nr == 0xffff ? -1 : s->nr, s->check, s->pass, s->slow);
	say(t, "shape+%#lx, %u bytes, syscall at %u:\n", h->low + s->start - shape, s->bytes,
	    s->syscall);
	for (uint32_t at = 0; at < s->bytes; at += bytes)
		say_insn(t, &n, base + h->low + s->start + at, h->low + s->start + at, &bytes);
	say(t, "trampoline:\n");
	for (uint32_t at = 0; at < s->tramp_bytes; at += bytes) {
		for (unsigned i = 0; i < s->step_count; i++)
			if (s->step[i].tramp == at)
				say(t, "    +%u:\n", s->step[i].orig);
		say_insn(t, &n, base + h->code_vaddr + s->tramp + at, n.tramp + at, &bytes);
	}
}

static void compare_text(const char *name, const struct rewrite_case *c)
{
	static char made[65536], kept[65536];
	struct text t = {made, sizeof(made)};
	uint64_t shape = case_symbol(c->original, "shape");
	char path[256];
	FILE *file;

	say(&t, "sites %u, left %u, unproven %u, inside %u, in tables %u\n", c->report.sites,
	    c->report.head.left, c->report.head.unproven, c->report.inside, c->report.tables);
	for (uint32_t i = 0; i < c->report.head.site_count; i++)
		say_site(&t, c, &c->sites[i], shape);
	snprintf(path, sizeof(path), SHAPES "%s.twin", name);
	if (getenv("UPDATE")) {
		file = fopen(path, "w");
		cr_assert_not_null(file);
		fputs(made, file);
		fclose(file);
	}
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	kept[fread(kept, 1, sizeof(kept) - 1, file)] = '\0';
	fclose(file);
	cr_expect_str_eq(made, kept, "%s is not as in its .twin, but:\n%s", name, made);
}

static void each_shape(void (*use)(const char *name, const struct rewrite_case *c))
{
	glob_t found;

	cr_assert_eq(glob(SHAPES "*.S", 0, NULL, &found), 0);
	cr_assert_gt(found.gl_pathc, 20);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char name[64];
		struct rewrite_case c =
			case_rewrite(case_assemble(found.gl_pathv[i], "-shared"), NULL);

		snprintf(name, sizeof(name), "%s", found.gl_pathv[i] + strlen(SHAPES));
		*strrchr(name, '.') = '\0';
		use(name, &c);
		case_free(&c);
	}
	globfree(&found);
}

Test(rewrite_shapes, twins_are_as_written_down)
{
	each_shape(compare_text);
}

static void execute_unless_last(const char *name, const struct rewrite_case *c)
{
	if (strcmp(name, "last") != 0) /* sigreturn without a signal */
		execute(name, c);
}

Test(rewrite_shapes, twins_do_the_same)
{
	each_shape(execute_unless_last);
}
