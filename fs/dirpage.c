/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting, naming, and telling a directory from the file beside it. */
#include "fs/dirpage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"

typedef int emit_fn(void *arg, const struct dirpage_name *name);

void dirpage_init(struct dirpage *d, const char *prefix, bool is_pieces)
{
	d->prefix = prefix;
	d->is_pieces = is_pieces;
	d->chain[0] = d->last_piece[0] = '\0';
	d->depth = 0;
	d->has_mark = false;
	d->mark_ns = 0;
}

/* Keeps of the chain what rest starts with, and adds rest to it if it is a key. Returns whether
 * there was a key of exactly len bytes of rest. */
static bool chain_next(struct dirpage *d, const char *rest, size_t len, bool is_key)
{
	bool twin;

	while (d->depth &&
	       (d->lens[d->depth - 1] > len || memcmp(d->chain, rest, d->lens[d->depth - 1]) != 0))
		d->depth--;
	twin = d->depth && d->lens[d->depth - 1] == len;
	if (is_key && !twin && d->depth < DIRPAGE_CHAIN) {
		memcpy(d->chain, rest, len);
		d->chain[len] = '\0';
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
	int text_len;

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
	n.has_twin = chain_next(d, rest, len, !e->is_prefix) && e->is_prefix;

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
