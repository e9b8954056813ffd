/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting, naming, and telling a directory from the file beside it. */
#include "fs/dirpage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"

#define CHAIN_STEP 64 /* bytes by which the chain grows: a power of 2 */
#define LENS_FIRST 4

typedef int emit_fn(void *arg, const struct dirpage_name *name);

void dirpage_init(struct dirpage *d, const char *prefix, bool is_pieces)
{
	*d = (struct dirpage){.prefix = prefix, .is_pieces = is_pieces};
}

void dirpage_free(struct dirpage *d)
{
	free(d->chain);
	free(d->lens);
	d->chain = NULL;
	d->lens = NULL;
	d->depth = d->chain_bytes = d->lens_count = 0;
}

size_t dirpage_bytes(const struct dirpage *d)
{
	return d->chain_bytes + d->lens_count * sizeof(*d->lens);
}

/* Room for another key of so many bytes. False: no memory. */
static bool chain_grow(struct dirpage *d, size_t len)
{
	if (len >= d->chain_bytes) {
		size_t bytes = (len + CHAIN_STEP) & ~(size_t)(CHAIN_STEP - 1);
		char *chain = realloc(d->chain, bytes);

		if (!chain)
			return false;
		d->chain = chain;
		d->chain_bytes = (unsigned)bytes;
	}
	if (d->depth == d->lens_count) {
		unsigned count = d->lens_count ? 2 * d->lens_count : LENS_FIRST;
		uint16_t *lens = reallocarray(d->lens, count, sizeof(*lens));

		if (!lens)
			return false;
		d->lens = lens;
		d->lens_count = count;
	}
	return true;
}

/* Keeps of the chain what rest starts with, and adds rest to it if it is a key. Returns whether
 * there was a key of exactly len bytes of rest, or -ENOMEM. */
static int chain_next(struct dirpage *d, const char *rest, size_t len, bool is_key)
{
	bool twin;

	while (d->depth &&
	       (d->lens[d->depth - 1] > len || memcmp(d->chain, rest, d->lens[d->depth - 1]) != 0))
		d->depth--;
	twin = d->depth && d->lens[d->depth - 1] == len;
	if (is_key && !twin && d->depth < DIRPAGE_CHAIN) {
		if (!chain_grow(d, len))
			return -ENOMEM;
		memcpy(d->chain, rest, len);
		d->lens[d->depth++] = (uint16_t)len;
	}
	return twin;
}

/* The part of the prefix that is the start of a long component. */
static const char *piece_start(const struct dirpage *d)
{
	const char *slash = strrchr(d->prefix, '/');

	return slash ? slash + 1 : d->prefix;
}

/* Emits the name that text (an escaped component) has at this depth: whole, or its next piece. */
static int emit_text(struct dirpage *d, const char *text, size_t len, struct dirpage_name *n,
		     emit_fn *emit, void *arg)
{
	char partial[DIRPAGE_KEY_MAX], name[ESCAPE_NAME_MAX + 1], key[DIRPAGE_KEY_MAX];
	struct escape_result res;
	size_t skip = 0, at = 0, cut;

	if (d->is_pieces) {
		const char *start = piece_start(d);
		int n_skip = escape_component(start, strlen(start), partial, sizeof(partial));

		if (n_skip < 0)
			return 0;
		skip = (size_t)n_skip;
	}
	while (at < skip && at < len)
		at += escape_cut(text + at, len - at);
	if (at != skip || at == len)
		return 0; /* short enough to stand in the directory above */

	cut = escape_cut(text + at, len - at);
	if (cut == len - at) {
		memcpy(name, text + at, cut);
		name[cut] = '\0';
		n->name = name;
		return emit(arg, n);
	}
	snprintf(name, sizeof(name), "%.*s%s", (int)cut, text + at, ESCAPE_PIECE_END);
	if (!strcmp(name, d->last_piece))
		return 0;
	memcpy(d->last_piece, name, strlen(name) + 1);
	snprintf(key, sizeof(key), "%s", d->prefix);
	if (unescape_key(name, key + strlen(key), sizeof(key) - strlen(key), &res))
		return 0;
	*n = (struct dirpage_name){.name = name, .key = key, .is_dir = true, .is_piece = true};
	return emit(arg, n);
}

static int add_entry(struct dirpage *d, const struct store_entry *e, emit_fn *emit, void *arg)
{
	struct dirpage_name n = {.key = e->name, .is_dir = e->is_prefix};
	size_t prefix_len = strlen(d->prefix), len = strlen(e->name);
	char text[DIRPAGE_KEY_MAX];
	const char *comp, *rest = e->name + prefix_len;
	size_t comp_len;
	int text_len, twin;

	if (len < prefix_len || memcmp(e->name, d->prefix, prefix_len) != 0 || len >= sizeof(text))
		return 0; /* not what was asked for, or no path could reach it */
	len -= prefix_len;
	if (!len && (d->is_pieces || e->is_prefix || !prefix_len))
		return 0;
	if (!len && !e->object.size) {
		d->has_mark = true;
		d->mark_ns = e->object.mtime_ns;
		return 0;
	}
	if (e->is_prefix)
		len--; /* its slash */
	else
		n.object = &e->object;
	twin = chain_next(d, rest, len, !e->is_prefix);
	if (twin < 0)
		return twin;
	n.has_twin = twin && e->is_prefix;

	comp = d->is_pieces ? piece_start(d) : "";
	comp_len = strlen(comp);
	comp = comp_len ? e->name + (comp - d->prefix) : rest;
	text_len =
		escape_component(comp, comp_len + len, text, sizeof(text) - sizeof(ESCAPE_DIR_END));
	if (text_len < 0)
		return 0;
	if (n.has_twin) {
		memcpy(text + text_len, ESCAPE_DIR_END, sizeof(ESCAPE_DIR_END));
		text_len += (int)sizeof(ESCAPE_DIR_END) - 1;
	}
	return emit_text(d, text, (size_t)text_len, &n, emit, arg);
}

static int by_name(const void *a, const void *b)
{
	const struct store_entry *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int dirpage_add(struct dirpage *d, const struct store_list *page,
		int (*emit)(void *arg, const struct dirpage_name *name), void *arg)
{
	SCOPE_FREE const struct store_entry **order = NULL;
	int ret = 0;

	if (!page->count)
		return 0;
	order = calloc(page->count, sizeof(struct store_entry *));
	if (!order)
		return -ENOMEM;
	/* a service may give keys and prefixes apart */
	for (size_t i = 0; i < page->count; i++)
		order[i] = &page->entries[i];
	qsort(order, page->count, sizeof(struct store_entry *), by_name);
	for (size_t i = 0; i < page->count && !ret; i++)
		ret = add_entry(d, order[i], emit, arg);
	return ret;
}
