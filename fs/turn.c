/* SPDX-License-Identifier: Apache-2.0 */
/* See turn.h. */
#include "fs/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cache/cache.h"
#include "fs/movedir.h"
#include "fs/movegate.h"
#include "fs/namelock.h"

/* So often is tried what may not begin because something else is to end first: half a minute, with
 * movelog_pause(). */
#define TRIES_MAX 600

struct turn {
	enum movelog_use use;
	unsigned count;
	char object[NAMELOCK_MAX][CACHE_OBJECT_MAX];
};

/* What the request is about to do with its names. */
static enum movelog_use use_of(const struct wire_request *req)
{
	switch (req->op) {
	case WIRE_STAT:
	case WIRE_READLINK:
	case WIRE_GETXATTR:
		return MOVELOG_READS;
	case WIRE_OPEN:
		if (req->flags & O_PATH)
			return MOVELOG_READS;
		return req->flags & (O_ACCMODE | O_CREAT | O_TRUNC) ? MOVELOG_WRITES
								    : MOVELOG_LISTS;
	case WIRE_UNLINK:
	case WIRE_RENAME:
		return MOVELOG_REMOVES;
	default:
		return MOVELOG_WRITES;
	}
}

static void add_path(struct turn *t, const char *path)
{
	struct name name;

	if (name_parse(path, strlen(path), &name))
		return;
	if (name.kind == NAME_KEY)
		name_object(&name, t->object[t->count++]);
	else
		name_prefix(&name, t->object[t->count++]);
}

/* The first name of an open file, as it is now. */
static void add_file(struct turn *t, uint64_t dev, uint64_t ino)
{
	struct cache_file *file = cache_find_inode(dev, ino);

	if (!file)
		return;
	cache_object(file, t->object[t->count++]);
	cache_put(file);
}

static void find_names(const struct wire_request *req, const char *const *paths, unsigned count,
		       struct turn *out)
{
	out->use = use_of(req);
	out->count = 0;
	for (unsigned i = 0; i < count; i++)
		add_path(out, paths[i]);
	switch (req->op) {
	case WIRE_CLONE:
		add_file(out, req->offset, req->length);
		add_file(out, req->data_dev, req->data_ino);
		break;
	case WIRE_LINK:
	case WIRE_SETATTR:
	case WIRE_SETXATTR:
		if (req->data_ino && out->count < NAMELOCK_MAX)
			add_file(out, req->data_dev, req->data_ino);
		break;
	default:
		break;
	}
}

/* With the names held: may nobody else do something with them, and are they still what it is about?
 */
static bool is_now(const struct turn *t, const struct turn *again)
{
	if (again->count != t->count)
		return false;
	for (unsigned i = 0; i < t->count; i++) {
		if (strcmp(t->object[i], again->object[i]) != 0 ||
		    movelog_state(t->object[i], t->use))
			return false;
	}
	return true;
}

/* Whether it was its turn: then *ret_out is the result. */
static bool serve_held(struct session *s, serve_fn *serve, const char *const *paths, unsigned count,
		       int *ret_out)
{
	struct namelock names = {0};
	struct turn t, again;
	bool is;

	find_names(s->req, paths, count, &t);
	for (unsigned i = 0; i < t.count; i++) {
		movegate_wait(t.object[i], t.use);
		names.object[names.count++] = t.object[i];
	}
	if (!t.count || t.use < MOVELOG_WRITES) {
		*ret_out = serve(s);
		return true;
	}
	namelock_take(&names);
	find_names(s->req, paths, count, &again);
	is = is_now(&t, &again);
	if (is)
		*ret_out = serve(s);
	namelock_drop(&names);
	return is;
}

/* What keeps it from being done goes first. */
static int settle(struct session *s, const char *const *paths, unsigned count)
{
	struct turn t;
	int ret = 0;

	find_names(s->req, paths, count, &t);
	for (unsigned i = 0; i < t.count && !ret; i++) {
		ret = movedir_settle(t.object[i]);
		if (!ret && movelog_is_stuck(t.object[i])) {
			snprintf(s->out->line, sizeof(s->out->line),
				 "%s: an interrupted rename is in the way, and its credentials are "
				 "not known any more: skyshim recover",
				 t.object[i]);
			ret = -EBUSY;
		}
	}
	movedir_sweep();
	movelog_pause();
	return ret;
}

int turn_serve(struct session *s, serve_fn *serve, const char *const *paths, unsigned count)
{
	unsigned tries = 0;
	int ret;

	for (;;) {
		if (!serve_held(s, serve, paths, count, &ret))
			continue;
		if (ret != -EDEADLK)
			return ret;
		s->out->line[0] = '\0';
		ret = settle(s, paths, count);
		if (!ret && ++tries >= TRIES_MAX)
			ret = -EBUSY;
		if (ret)
			return ret;
	}
}
