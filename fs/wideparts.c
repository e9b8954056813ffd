/* SPDX-License-Identifier: Apache-2.0 */
/* See wideparts.h. */
#include "fs/wideparts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/entries.h"

/* What is younger than this before the beginning may have come in between: clocks differ. */
#define YOUNG_NS (INT64_C(60) * 1000000000)

struct wide_part *wideparts_make(struct wide *w, struct wide_part *before, const char *after)
{
	struct wide_part *p = calloc(1, sizeof(*p));

	if (p && after && asprintf(&p->after, "%s%s", w->prefix, after) < 0) {
		free(p);
		p = NULL;
	}
	if (!p)
		return NULL;
	p->next = before ? before->next : w->parts;
	*(before ? &before->next : &w->parts) = p;
	w->count++;
	return p;
}

struct wide_part *wideparts_before(const struct wide *w, const struct wide_part *p)
{
	struct wide_part *at = w->parts;

	while (at && at->next != p)
		at = at->next;
	return at;
}

void wideparts_forget_beyond(struct wide_part *p)
{
	for (size_t i = 0; i < p->beyond_count; i++)
		free(p->beyond[i].name);
	free(p->beyond);
	p->beyond = NULL;
	p->beyond_count = 0;
}

void wideparts_free(struct wide_part *p)
{
	wideparts_forget_beyond(p);
	free(p->after);
	free(p->token);
	free(p->start);
	free(p->first);
	free(p->last);
	free(p);
}

/* Out of the row, with all that it holds; at: where it hangs. */
static void unlink_part(struct wide *w, struct wide_part **at)
{
	struct wide_part *p = *at;
	struct store_list list;

	*at = p->next;
	p->next = NULL;
	w->count--;
	while (p->held) {
		(void)wideparts_unhold(w, p, &list);
		entries_free(&list);
	}
}

void wideparts_remove_first(struct wide *w)
{
	struct wide_part *p = w->parts;

	unlink_part(w, &w->parts);
	wideparts_free(p);
}

void wideparts_drop(struct wide *w, struct wide_part *p)
{
	struct wide_part *before = wideparts_before(w, p);

	if (!before)
		return; /* the first one never is */
	before->is_met = false;
	wideparts_forget_beyond(before);
	unlink_part(w, &before->next);
	if (p->is_asked)
		p->is_dropped = true;
	else
		wideparts_free(p);
}

bool wideparts_is_ordered(const struct wide *w, const struct store_list *page, const char *behind)
{
	const char *last[2] = {behind, behind}; /* of objects, of prefixes */

	for (size_t i = 0; i < page->count; i++) {
		const struct store_entry *e = &page->entries[i];
		const char *name = e->name + w->prefix_len;

		if (strncmp(e->name, w->prefix, w->prefix_len) != 0)
			return false;
		/* the directory itself comes first, and is no name in it */
		if (strcmp(name, last[e->is_prefix]) <= 0 && (*name || *behind))
			return false;
		last[e->is_prefix] = name;
	}
	return true;
}

int wideparts_note(struct wide *w, struct wide_part *p, const struct store_list *page)
{
	const char *first = page->count ? page->entries[0].name + w->prefix_len : NULL;
	const char *last = page->count ? page->entries[page->count - 1].name + w->prefix_len : NULL;
	char *token = page->next_token ? strdup(page->next_token) : NULL;
	char *start = first && !p->start ? strdup(first) : NULL;
	char *texts[2] = {first ? strdup(first) : NULL, last ? strdup(last) : NULL};

	if (!token != !page->next_token || (first && !p->start && !start) || !texts[0] != !first ||
	    !texts[1] != !last) {
		free(token);
		free(start);
		free(texts[0]);
		free(texts[1]);
		return -ENOMEM;
	}
	free(p->token);
	p->token = token;
	p->pages++;
	if (!first)
		return 0;
	if (start)
		p->start = start;
	free(p->first);
	free(p->last);
	p->first = texts[0];
	p->last = texts[1];
	p->page_names = (unsigned)page->count;
	for (size_t i = 0; i < page->count; i++)
		cut_learn(&w->names, page->entries[i].name + w->prefix_len);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void wideparts_sort(struct store_list *page)
{
	if (page->count)
		qsort(page->entries, page->count, sizeof(*page->entries), by_name);
}

int wideparts_hold(struct wide *w, struct wide_part *p, struct store_list *list, int64_t asked_ns)
{
	struct wide_held *h = malloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	wideparts_sort(list);
	if (wideparts_note(w, p, list)) {
		free(h);
		return -ENOMEM;
	}
	*h = (struct wide_held){.list = *list, .asked_ns = asked_ns};
	*list = (struct store_list){0};
	*(p->held ? &p->held_last->next : &p->held) = h;
	p->held_last = h;
	w->held++;
	return 0;
}

int64_t wideparts_unhold(struct wide *w, struct wide_part *p, struct store_list *out)
{
	struct wide_held *h = p->held;
	int64_t asked_ns = h->asked_ns;

	p->held = h->next;
	*out = h->list;
	free(h);
	w->held--;
	return asked_ns;
}

/* Keeps what the next part should have, too. Without memory less is compared. */
static void keep_beyond(const struct wide *w, struct wide_part *p, const struct store_list *page,
			size_t from)
{
	wideparts_forget_beyond(p);
	p->beyond = calloc(page->count - from + 1, sizeof(*p->beyond));
	for (size_t i = from; p->beyond && i < page->count; i++) {
		const struct store_entry *e = &page->entries[i];
		char *name = strdup(e->name + w->prefix_len);

		if (name)
			p->beyond[p->beyond_count++] = (struct wide_beyond){
				.name = name,
				.is_prefix = e->is_prefix,
				.mtime_ns = e->object.mtime_ns,
			};
	}
}

void wideparts_meet(struct wide *w, struct wide_part *p, const struct store_list *page)
{
	size_t from = page->count;
	const char *begin;

	if (!p->next || p->is_met)
		return;
	begin = p->next->after + w->prefix_len;
	while (from && strcmp(page->entries[from - 1].name + w->prefix_len, begin) > 0)
		from--;
	if (p->token && from == page->count)
		return;
	p->is_met = true;
	keep_beyond(w, p, page, from);
	w->wasted += page->count ? (double)(page->count - from) / (double)page->count : 1;
}

/* Is it in the page? */
static bool has(const struct wide *w, const struct store_list *page, const char *name)
{
	size_t low = 0, high = page->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(page->entries[mid].name + w->prefix_len, name);

		if (!order)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool wideparts_agree(const struct wide *w, struct wide_part *p)
{
	const struct store_list *page;
	const char *last = NULL;

	if (!p->is_met || !p->next || !p->next->held || p->next->is_trusted)
		return true;
	page = &p->next->held->list;
	if (page->next_token)
		last = page->count ? page->entries[page->count - 1].name + w->prefix_len : "";
	for (size_t i = 0; i < p->beyond_count; i++) {
		const struct wide_beyond *b = &p->beyond[i];

		if (last && strcmp(b->name, last) > 0)
			break;
		if (!has(w, page, b->name) && b->mtime_ns < w->begun_ns - YOUNG_NS)
			return false;
	}
	p->next->is_trusted = true;
	return true;
}
