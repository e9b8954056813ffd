/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. Entries are never freed, only used again, so that a lookup needs no lock. */
#include "intercept/image.h"

#include <errno.h>
#include <linux/mman.h>
#include <string.h>

#include "intercept/farther.h"
#include "intercept/lock.h"

#define FIRST 4 /* most programs have the program, its interpreter and a C library */

static struct lock images_lock; /* for changes */
static struct image_twin *images;
static struct image_twin first[FIRST];
static struct image_twin *spare; /* not yet used entries, of `first`, then of the last page */
static unsigned spare_count, first_used;

struct image_twin *image_next(struct image_twin *after)
{
	struct image_twin *i = after ? after->next : __atomic_load_n(&images, __ATOMIC_ACQUIRE);

	while (i && !__atomic_load_n(&i->end, __ATOMIC_ACQUIRE))
		i = i->next;
	return i;
}

struct image_twin *image_at(uint64_t address)
{
	struct image_twin *i = NULL;

	while ((i = image_next(i)))
		if (address >= i->from && address < i->end)
			return i;
	return NULL;
}

/* An entry, in the list, with end 0. */
static struct image_twin *entry_get(void)
{
	struct image_twin *i;
	long at;

	for (i = images; i; i = i->next)
		if (!i->end)
			return i;
	if (first_used < FIRST) {
		spare = &first[first_used++];
		spare_count = 1;
	} else if (!spare_count) {
		at = sys6(__NR_mmap, 0, PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (sys_failed(at))
			return NULL;
		spare = (struct image_twin *)at;
		spare_count = PAGE_BYTES / sizeof(*spare);
	}
	i = spare++;
	spare_count--;
	i->next = images;
	__atomic_store_n(&images, i, __ATOMIC_RELEASE);
	return i;
}

/* Maps trampolines and the table of sites. 0 or a negative errno. */
static int map_tail(struct image_twin *i, int twin_fd, bool reserved)
{
	const struct twin_header *h = &i->head;
	long at;

	i->sites = NULL;
	i->code = i->code_end = i->base + (h->code_vaddr - h->low);
	if (!h->site_count)
		return 0;
	at = sys6(__NR_mmap, i->code, h->code_bytes, farther_protection(),
		  MAP_PRIVATE | (reserved ? MAP_FIXED : MAP_FIXED_NOREPLACE), twin_fd,
		  h->code_offset);
	if (sys_failed(at))
		return (int)at;
	if ((uint64_t)at != i->code) { /* a kernel without MAP_FIXED_NOREPLACE */
		sys2(__NR_munmap, at, h->code_bytes);
		return -EEXIST;
	}
	i->code_end = i->code + (h->sites_offset - h->code_offset);
	i->sites = (const struct twin_site *)i->code_end;
	farther_make(i);
	return 0;
}

/* Another piece of the same image, from the same twin, has the trampolines already. */
static bool share_tail(struct image_twin *i)
{
	struct image_twin *other = NULL;

	while ((other = image_next(other))) {
		if (other->base != i->base || !other->sites ||
		    memcmp(&other->head, &i->head, sizeof(i->head)) != 0)
			continue;
		i->sites = other->sites;
		i->code = other->code;
		i->code_end = other->code_end;
		return true;
	}
	return false;
}

static bool add(struct image_twin like, int twin_fd, uint64_t end, bool reserved)
{
	struct image_twin *i;
	bool done = false;

	lock_take(&images_lock);
	i = entry_get();
	if (i) {
		like.next = i->next;
		*i = like;
		done = share_tail(i) || !map_tail(i, twin_fd, reserved);
		if (done)
			__atomic_store_n(&i->end, end, __ATOMIC_RELEASE);
	}
	lock_drop(&images_lock);
	return done;
}

bool image_add(int twin_fd, const struct twin_header *head, uint64_t base)
{
	struct image_twin like = {.base = base, .from = base, .head = *head};

	return add(like, twin_fd, base + (head->high - head->low), true);
}

bool image_add_piece(int twin_fd, const struct twin_header *head, uint64_t base, uint64_t from,
		     uint64_t bytes)
{
	struct image_twin like = {.base = base, .from = from, .head = *head};

	return add(like, twin_fd, from + bytes, false);
}

bool image_text(const struct image_twin *i, uint32_t n, uint64_t *from, uint64_t *to)
{
	const struct twin_segment *s = &i->head.segment[n];

	*from = i->base + (s->vaddr - i->head.low);
	*to = *from + s->bytes;
	if (*from < i->from)
		*from = i->from;
	if (*to > i->end)
		*to = i->end;
	return *from < *to;
}

bool image_proves(uint64_t start, uint64_t bytes)
{
	const struct image_twin *i = image_at(start);
	uint64_t from, to;

	for (uint32_t n = 0; i && !i->dirty && n < i->head.segment_count; n++)
		if (image_text(i, n, &from, &to) && start >= from && bytes <= to - start)
			return true;
	return false;
}

bool image_has_text(const struct image_twin *i, uint64_t start, uint64_t bytes)
{
	uint64_t from, to;

	for (uint32_t n = 0; n < i->head.segment_count; n++)
		if (image_text(i, n, &from, &to) && start < to && from < start + bytes)
			return true;
	return false;
}

void image_touched(uint64_t start, uint64_t bytes)
{
	struct image_twin *i = NULL;

	while ((i = image_next(i)))
		if (image_has_text(i, start, bytes))
			i->dirty = true;
}

bool image_tail(uint64_t start, uint64_t end, bool stays, uint64_t *from_out, uint64_t *to_out)
{
	struct image_twin *i = NULL;
	bool found = false;
	uint64_t from;

	while ((i = image_next(i))) {
		from = i->code;
		if (!i->sites || from >= end || from + i->head.code_bytes <= start ||
		    (i->from < start || i->end > end) != stays || (found && from >= *from_out))
			continue;
		found = true;
		*from_out = from;
		*to_out = from + i->head.code_bytes;
	}
	return found;
}

/* Lets go of the trampolines, unless another piece needs them. */
static void unmap_tail(struct image_twin *i)
{
	const struct twin_site *sites = i->sites;

	i->sites = NULL;
	i->code_end = i->code;
	for (const struct image_twin *other = images; other; other = other->next)
		if ((other->end || other->hidden_end) && other->sites == sites)
			return;
	if (sites)
		sys2(__NR_munmap, i->base + (i->head.code_vaddr - i->head.low), i->head.code_bytes);
}

/* Images in the range are not looked up any more. With the lock: nobody uses their entries again
 * yet. */
static void hide_whole(uint64_t start, uint64_t bytes)
{
	struct image_twin *i = NULL;

	while ((i = image_next(i))) {
		if (i->from < start || i->end > start + bytes)
			continue;
		i->hidden_end = i->end;
		__atomic_store_n(&i->end, 0, __ATOMIC_RELEASE);
	}
}

long image_unmap(uint64_t start, uint64_t bytes)
{
	struct image_twin *i;
	long ret;

	lock_take(&images_lock);
	hide_whole(start, bytes);
	ret = sys2(__NR_munmap, start, bytes);
	for (i = images; i; i = i->next) {
		if (!i->hidden_end)
			continue;
		if (ret)
			__atomic_store_n(&i->end, i->hidden_end, __ATOMIC_RELEASE);
		i->hidden_end = 0;
		if (!ret)
			unmap_tail(i);
	}
	lock_drop(&images_lock);
	if (!ret)
		image_touched(start, bytes);
	return ret;
}

bool image_writable(uint64_t start, uint64_t bytes)
{
	struct image_twin *i = NULL;
	bool any = false;

	while ((i = image_next(i))) {
		if (i->dirty || !image_has_text(i, start, bytes))
			continue;
		image_revert(i);
		any = true;
	}
	return any;
}

/* The site whose trampoline the address is in, or NULL. */
static const struct twin_site *site_of(uint64_t ip, const struct image_twin **image_out)
{
	struct image_twin *i = NULL;

	while ((i = image_next(i))) {
		if (ip < i->code || ip >= i->code_end)
			continue;
		*image_out = i;
		return twin_tramp_at(i->sites, i->head.site_count, ip - i->code);
	}
	return NULL;
}

bool image_leads(uint64_t ip)
{
	struct image_twin *i = NULL;

	while ((i = image_next(i)))
		if (ip >= i->code && ip < i->code_end)
			return true;
	return false;
}

void image_repeat(struct kucontext *uc)
{
	const struct image_twin *i;
	const struct twin_site *site = site_of(uc->regs.ip, &i);

	if (!site || site->nr == UINT16_MAX ||
	    uc->regs.ip != i->code + site->tramp + site->pass + TWIN_AFTER)
		return;
	uc->regs.ip -= TWIN_AFTER;
	uc->regs.ax = site->nr;
}

void image_leave(struct kucontext *uc)
{
	const struct image_twin *i;
	const struct twin_site *site;

	farther_leave(uc);
	site = site_of(uc->regs.ip, &i);
	if (site)
		uc->regs.ip = i->base + twin_to_program(site, uc->regs.ip - i->code);
}

uint64_t image_enter(uint64_t ip)
{
	const struct image_twin *i = image_at(ip);
	const struct twin_site *site;
	uint64_t at;

	if (!i || !i->sites || i->dirty)
		return ip;
	site = twin_site_at(i->sites, i->head.site_count, ip - i->base);
	if (!site || ip - i->base == site->start)
		return ip;
	at = twin_to_tramp(site, ip - i->base);
	return at == UINT64_MAX ? ip : i->code + at;
}

void image_fork_prepare(void)
{
	lock_take(&images_lock);
}

void image_fork_done(void)
{
	lock_drop(&images_lock);
}
