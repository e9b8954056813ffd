/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See vdso.h. Of the kernel's clocks only the coarse ones will do: they are read from memory. The
 * others make a system call of their own where the clock source cannot be read from user space, and
 * a system call from that text would be trapped, within a handler. So it is tried once, with the
 * trap open, when the time is first asked for; where the trap is a filter, before that is set.
 */
#include "intercept/vdso.h"

#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "intercept/filter.h"
#include "intercept/thread.h"
#include "intercept/usercopy.h"

#define NS_PER_S    INT64_C(1000000000)
#define SYMBOLS_MAX 1024 /* it has about ten */
#define AGREE_NS    (NS_PER_S / 10)
#define CLOCK_NAME  "__vdso_clock_gettime"
#define DT_GNU_HASH 0x6ffffef5
#define NS_PER_TICK INT64_C(10000000) /* of the slowest kernel: 100 Hz */

struct image {
	const char *base; /* what addresses in it are relative to */
	const Elf64_Sym *symbols;
	const char *names;
	const uint32_t *hash, *gnu_hash;
};

typedef int vdso_clock(int clock, struct timespec *out);

static const char *object;	       /* where the kernel has put it, or NULL */
static vdso_clock *clock_gettime_vdso; /* atomic; once settled, NULL: there is none that will do */
static uint32_t settled;	       /* atomic */

static const char *find_image(const uint64_t *auxv)
{
	for (; auxv[0] != AT_NULL; auxv += 2)
		if (auxv[0] == AT_SYSINFO_EHDR)
			return (const char *)auxv[1];
	return NULL;
}

/* Fills in img from its dynamic section. */
static int read_image(const char *start, struct image *img)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)start;
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)(start + ehdr->e_phoff);
	const Elf64_Dyn *dyn = NULL;

	*img = (struct image){0};
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	for (unsigned i = 0; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD && !img->base)
			img->base = start + phdr[i].p_offset - phdr[i].p_vaddr;
		if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(start + phdr[i].p_offset);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const char *at = img->base + dyn->d_un.d_ptr;

		if (dyn->d_tag == DT_SYMTAB)
			img->symbols = (const Elf64_Sym *)at;
		else if (dyn->d_tag == DT_STRTAB)
			img->names = at;
		else if (dyn->d_tag == DT_HASH)
			img->hash = (const uint32_t *)at;
		else if (dyn->d_tag == DT_GNU_HASH)
			img->gnu_hash = (const uint32_t *)at;
	}
	return img->base && img->symbols && img->names;
}

/* A GNU hash table does not say how many symbols there are: the last chain's end does. */
static uint32_t count_by_chains(const uint32_t *table)
{
	const uint32_t *buckets = table + 4 + (size_t)table[2] * 2;
	const uint32_t *chains = buckets + table[0];
	uint32_t last = 0;

	for (uint32_t i = 0; i < table[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < table[1])
		return 0;
	while (last < SYMBOLS_MAX && !(chains[last - table[1]] & 1))
		last++;
	return last + 1;
}

static const char *find_symbol(const struct image *img, const char *name)
{
	uint32_t count = 0;

	if (img->hash)
		count = img->hash[1];
	else if (img->gnu_hash)
		count = count_by_chains(img->gnu_hash);
	if (count > SYMBOLS_MAX)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		if (img->symbols[i].st_shndx && !strcmp(img->names + img->symbols[i].st_name, name))
			return img->base + img->symbols[i].st_value;
	return NULL;
}

/* 0: it would make a system call, or fails. */
static int64_t coarse_ns(vdso_clock *clock)
{
	struct timespec now;

	return clock(CLOCK_MONOTONIC_COARSE, &now) ? 0 : now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Does it tell the same time as the kernel, and is that clock fine enough? */
static bool is_right(vdso_clock *clock)
{
	struct timespec now = {0}, grain = {0};
	int64_t ours = coarse_ns(clock), kernels;

	if (sys2(__NR_clock_gettime, CLOCK_MONOTONIC_COARSE, &now) ||
	    sys2(__NR_clock_getres, CLOCK_MONOTONIC_COARSE, &grain))
		return false;
	kernels = now.tv_sec * NS_PER_S + now.tv_nsec;
	return ours > 0 && kernels - ours >= 0 && kernels - ours < AGREE_NS && !grain.tv_sec &&
	       grain.tv_nsec <= NS_PER_TICK;
}

/* Several threads may come here; all find the same. */
static void settle(void)
{
	vdso_clock *clock = NULL;
	struct image img;

	if (object && read_image(object, &img))
		clock = (vdso_clock *)find_symbol(&img, CLOCK_NAME);
	if (clock && !is_right(clock))
		clock = NULL;
	__atomic_store_n(&clock_gettime_vdso, clock, __ATOMIC_RELAXED);
	__atomic_store_n(&settled, 1, __ATOMIC_RELEASE);
}

void vdso_init(const uint64_t *auxv)
{
	object = find_image(auxv);
	if (filter_wanted())
		settle();
}

int64_t vdso_coarse_ns(void)
{
	struct thread *t = thread_current();
	vdso_clock *clock;

	if (!__atomic_load_n(&settled, __ATOMIC_ACQUIRE)) {
		uint8_t selector = t->selector;

		Elf64_Ehdr head;

		/* gone where a program has unmapped it, as valgrind does */
		if (object && user_read(&head, object, sizeof(head)))
			object = NULL;
		t->selector = 0; /* a system call of the object's, if there is one, may pass */
		__asm__ volatile("" ::: "memory");
		settle();
		__asm__ volatile("" ::: "memory");
		t->selector = selector;
	}
	clock = __atomic_load_n(&clock_gettime_vdso, __ATOMIC_RELAXED);
	return clock ? coarse_ns(clock) : 0;
}
