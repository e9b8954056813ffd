/* SPDX-License-Identifier: Apache-2.0 */
/* What is known here of objects that got other names. */
#include <stdio.h>
#include <string.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "cache/links.h"
#include "fs/dirattr.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/move.h"
#include "fs/told.h"
#include "fs/untold.h"

static void names(const struct move *m, size_t i, char old[NAME_OBJECT_MAX],
		  char new[NAME_OBJECT_MAX])
{
	const char *rest = m->entries[i].name + strlen(m->old_key);

	snprintf(old, NAME_OBJECT_MAX, "%s%s", m->old_prefix, rest);
	snprintf(new, NAME_OBJECT_MAX, "%s%s", m->new_prefix, rest);
}

static void rename_file(struct cache_file *file, const char *old, const char *new,
			const struct store_object *copy)
{
	if (draft_rename(file, old, new, name_ino(new, strlen(new), false), copy))
		draft_forget_name(file, old);
}

/* Whoever only reads it, and has not got all yet. */
static void take_reader_along(const struct move *m, size_t i, const char *old, const char *new)
{
	struct cache_file *file = cache_find(m->ctx, old, m->was[i]);

	if (!file)
		return;
	if (!draft_is(file) && cache_is_open(file) && !draft_open(file, false, NULL))
		rename_file(file, old, new, &m->entries[i].object);
	cache_put(file);
}

void move_take_along(struct move *m, size_t i)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	struct cache_file *file;

	names(m, i, old, new);
	file = cache_find(m->ctx, old, NULL);
	if (!file)
		return;
	if (draft_is(file))
		rename_file(file, old, new, &m->entries[i].object);
	cache_put(file);
	take_reader_along(m, i, old, new);
}

/* The directories on the way to an object below the prefix may be known not to be there, or to be
 * there still. */
static void forget_between(const struct move *m, const char *object, const char *prefix)
{
	char name[META_NAME_MAX], between[NAME_OBJECT_MAX];

	for (const char *at = object + strlen(prefix); (at = strchr(at, '/')); at++) {
		snprintf(between, sizeof(between), "%.*s", (int)(at - object + 1), object);
		meta_dir_name(between, name);
		meta_forget(m->ctx, name);
		between[at - object] = '\0';
		meta_forget(m->ctx, between);
		listing_changed(between);
	}
}

/* What was cached of the old name is of no use any more: the copy is another object. */
void move_tell(struct move *m, size_t i, bool stays)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];

	names(m, i, old, new);
	untold_copied(old, new, &m->entries[i].object);
	if (stays) {
		meta_forget(m->ctx, old);
		listing_changed(old);
	} else if (!m->keeps) {
		told_no_file(m->ctx, old);
	}
	if (m->is_file && !m->done[i]) {
		told_file(m->ctx, new, &m->fact);
		return;
	}
	meta_forget(m->ctx, new);
	listing_changed(new);
	if (m->is_file) {
		if (untold_is_link(new))
			told_link(m->ctx, new);
		return;
	}
	forget_between(m, new, m->new_prefix);
	if (!m->keeps)
		forget_between(m, old, m->old_prefix);
}

/* The directories below the new name are there: nobody believes it without asking, but who is about
 * to put a file in the place of one does ask. */
static void tell_between(const struct move *m)
{
	const struct meta_fact dir = {.kind = META_DIR};
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX], name[META_NAME_MAX], *end;
	char last[NAME_OBJECT_MAX] = "";

	for (size_t i = 0; i < m->count; i++) {
		names(m, i, old, new);
		end = strrchr(new, '/');
		end[1] = '\0';
		if (!strcmp(new, last)) /* they are sorted */
			continue;
		snprintf(last, sizeof(last), "%s", new);
		while (strlen(new) > strlen(m->new_prefix)) {
			meta_dir_name(new, name);
			meta_put_seen(m->ctx, name, &dir, clock_ns());
			*end = '\0';
			end = strrchr(new, '/');
			end[1] = '\0';
		}
	}
}

void move_tell_dir(struct move *m, bool all)
{
	dirattr_move(m->ctx, m->old_prefix, m->new_prefix);
	told_moved(m->old_prefix);
	told_moved(m->new_prefix);
	if (all)
		told_no_dir(m->ctx, m->old_prefix);
	else
		told_doubted(m->ctx, m->old_prefix);
	told_dir(m->ctx, m->new_prefix, 0);
	tell_between(m);
}
