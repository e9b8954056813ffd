/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of a request, and the symbolic links in them, for all operations alike. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "fs/follow.h"
#include "fs/serve.h"
#include "fs/turn.h"

/* So often a link may be another each time it is looked at. */
#define TRIES_MAX 16

struct paths {
	unsigned count;
	char text[TURN_PATHS_MAX][WIRE_PATH_MAX];
};

static void add(struct paths *p, const char *text, size_t len)
{
	if (len < WIRE_PATH_MAX)
		snprintf(p->text[p->count++], WIRE_PATH_MAX, "%.*s", (int)len, text);
}

/* Those in which a link is followed; none of what is malformed. */
static void find_paths(const struct session *s, struct paths *p)
{
	const struct wire_request *req = s->req;
	size_t len = req->text_len, first = strnlen(s->text, len);

	p->count = 0;
	switch (req->op) {
	case WIRE_STAT:
	case WIRE_OPEN:
	case WIRE_UNLINK:
	case WIRE_MKDIR:
	case WIRE_READLINK:
		add(p, s->text, len);
		break;
	case WIRE_SETATTR:
		if (len || !req->data_ino)
			add(p, s->text, len);
		break;
	case WIRE_GETXATTR:
	case WIRE_SETXATTR:
		if (!req->data_ino)
			add(p, s->text, first);
		break;
	case WIRE_LINK:
	case WIRE_RENAME:
	case WIRE_SYMLINK:
		if (req->op != WIRE_SYMLINK)
			add(p, s->text, first);
		if (first < len)
			add(p, s->text + first + 1, len - first - 1);
		break;
	default:
		break;
	}
}

static int serve_in_turn(struct session *s, serve_fn *serve, const struct paths *p)
{
	const char *paths[TURN_PATHS_MAX];

	for (unsigned i = 0; i < p->count; i++)
		paths[i] = p->text[i];
	return turn_serve(s, serve, paths, p->count);
}

static int answer(struct session *s, int ret, unsigned which, const char *text)
{
	if (ret != -WIRE_ELINK)
		return ret;
	s->out->text = strdup(text);
	s->out->head.attr.size = which;
	return s->out->text ? ret : -ENOMEM;
}

static void show_missing(const struct session *s)
{
	int error;
	SCOPE_FREE struct lookup *q = serve_lookup(s, s->text, s->req->text_len, &error);

	if (q)
		lookup_show_missing(q);
}

int paths_serve(struct session *s, serve_fn *serve)
{
	char text[WIRE_PATH_MAX];
	struct paths p;
	int ret = 0, linked = 0;

	find_paths(s, &p);
	for (unsigned i = 0; i < p.count && !ret; i++)
		ret = answer(s, follow_known(s->ctx, p.text[i], text), i, text);
	if (ret)
		return ret;
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		ret = serve_in_turn(s, serve, &p);
		if (ret != -WIRE_ELINK)
			break;
		linked = follow_last(s->ctx, p.text[0], text);
		if (linked)
			return answer(s, linked, 0, text);
		ret = -ELOOP; /* it was replaced, and is looked at again */
	}
	if (ret != -ENOENT && ret != -ENOTDIR)
		return ret;
	for (unsigned i = 0; i < p.count && !linked; i++)
		linked = answer(s, follow_missing(s->ctx, p.text[i], text), i, text);
	if (!linked && ret == -ENOENT && s->req->op == WIRE_STAT)
		show_missing(s);
	return linked ? linked : ret;
}
