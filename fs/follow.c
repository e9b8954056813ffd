/* SPDX-License-Identifier: Apache-2.0 */
/* See follow.h. */
#include "fs/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "core/context.h"
#include "core/scope.h"
#include "fs/untold.h"
#include "fs/open.h"
#include "fs/told.h"

#define BESIDE_MAX 100 /* names that are listed to find a directory among those that begin alike */

static const int64_t dir_known_ns = META_SPARE_MS * CLOCK_NS_PER_MS;

/* The question about the first len bytes of path, to free; NULL: no object can have that name, or
 * no memory. */
static struct lookup *part_of(struct context *ctx, const char *path, size_t len)
{
	struct lookup *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->ctx = ctx;
	snprintf(q->path, sizeof(q->path), "%.*s", (int)len, path);
	if (name_parse(q->path, len, &q->name) || q->name.kind != NAME_KEY || q->name.is_dir) {
		free(q);
		return NULL;
	}
	return q;
}

/* Goes on from the link at the first len bytes of path. */
static int go_on(const char *path, size_t len, const char *target, char out[WIRE_PATH_MAX])
{
	size_t dir = len;
	int n;

	while (dir && path[dir - 1] != '/')
		dir--;
	n = snprintf(out, WIRE_PATH_MAX, "%.*s%s%s", target[0] == '/' ? 0 : (int)dir, path, target,
		     path + len);
	return n < (int)WIRE_PATH_MAX ? -WIRE_ELINK : -ENAMETOOLONG;
}

/* The content of a cached file that is a link. */
static int read_target(struct cache_file *file, char target[WIRE_PATH_MAX], char *message)
{
	uint64_t size = cache_attr(file)->size;
	int ret = size && size < WIRE_PATH_MAX ? cache_ensure(file, 0, size, 0, message) : -EINVAL;
	SCOPE_FD int fd = ret ? -1 : cache_open_data(file, O_RDONLY);

	if (ret)
		return ret;
	if (fd < 0)
		return fd;
	if (pread(fd, target, size, 0) != (ssize_t)size)
		return -EIO;
	target[size] = '\0';
	return *target ? 0 : -EINVAL;
}

static int fetch_target(struct lookup *q, const char *object, char target[WIRE_PATH_MAX])
{
	struct meta_fact fact = {.kind = META_FILE, .is_link = true};
	struct opened opened;
	int ret;

	q->as_is = true;
	ret = open_name(q, 0, &opened);
	q->as_is = false;
	if (ret)
		return ret;
	if (opened.dir) {
		listing_put(opened.dir);
		return -EINVAL;
	}
	ret = S_ISLNK(cache_attr(opened.file)->mode) ? read_target(opened.file, target, q->message)
						     : -EINVAL;
	if (!ret) {
		cache_version(opened.file, &fact.object);
		untold_learn(object, &fact, target, NULL);
	}
	cache_put(opened.file);
	return ret;
}

int follow_target(struct lookup *q, char target[WIRE_PATH_MAX])
{
	char object[NAME_OBJECT_MAX];
	struct cache_file *draft;
	struct meta_fact fact;
	struct wire_attr attr;
	struct untold untold;
	int ret;

	if (q->name.kind != NAME_KEY || q->name.is_dir) {
		ret = lookup_stat(q, &attr);
		return ret ? ret : -EINVAL;
	}
	name_object(&q->name, object);
	draft = draft_find(context_id(q->ctx), object);
	if (draft) {
		cache_put(draft);
		return -EINVAL;
	}
	ret = lookup_fact(q, &fact);
	if (ret)
		return ret;
	if (fact.kind == META_NONE)
		return -ENOENT;
	if (fact.kind != META_FILE || (fact.is_told && !fact.is_link) || !fact.object.size ||
	    fact.object.size >= WIRE_PATH_MAX)
		return -EINVAL;
	if (untold_find(object, &fact.object, &untold) && *untold.target) {
		memcpy(target, untold.target, sizeof(untold.target));
		return 0;
	}
	return fetch_target(q, object, target);
}

int follow_last(struct context *ctx, const char *path, char out[WIRE_PATH_MAX])
{
	char target[WIRE_PATH_MAX];
	SCOPE_FREE struct lookup *q = part_of(ctx, path, strlen(path));
	int ret = q ? follow_target(q, target) : 0;

	if (ret)
		return ret == -EINVAL || ret == -ENOENT ? 0 : ret;
	return q ? go_on(path, strlen(path), target, out) : 0;
}

/* The link at the first len bytes of path, which q asks about. 0: it is none, or cannot be read. */
static int go_through(struct lookup *q, const char *path, size_t len, char out[WIRE_PATH_MAX])
{
	char target[WIRE_PATH_MAX];

	return follow_target(q, target) ? 0 : go_on(path, len, target, out);
}

/* The end of the name that begins after at, unless it is the last. 0: it is. */
static size_t next_name(const char *path, size_t at)
{
	size_t end = at + 1 + strcspn(path + at + 1, "/");

	return path[end] ? end : 0;
}

int follow_known(struct context *ctx, const char *path, char out[WIRE_PATH_MAX])
{
	char object[NAME_OBJECT_MAX];
	size_t len = 0;
	int ret = 0;

	if (!untold_count())
		return 0;
	while (!ret && path[len] && (len = next_name(path, len))) {
		SCOPE_FREE struct lookup *q = part_of(ctx, path, len);

		if (!q)
			continue;
		name_object(&q->name, object);
		if (untold_is_link(object))
			ret = go_through(q, path, len, out);
	}
	return ret;
}

enum found { IS_DIR, IS_NONE, MAY_BE_LINK, IS_FILE };

static void tell_dir(const struct lookup *q, const char *object, enum meta_kind kind,
		     int64_t asked_ns)
{
	const struct meta_fact fact = {.kind = kind};
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];

	name_prefix(&q->name, prefix);
	meta_dir_name(prefix, name);
	meta_put_listed(context_id(q->ctx), name, &fact, asked_ns);
	meta_put_listed(context_id(q->ctx), object, &fact, asked_ns);
}

/* One LIST shows an object of that name, and a directory unless too much begins alike. */
static enum found list_name(const struct lookup *q, const char *object)
{
	struct store_call call = {
		.verb = STORE_LIST,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = q->name.key,
		.delimiter = '/',
		.max_entries = BESIDE_MAX,
	};
	size_t len = strlen(q->name.key);
	enum found found = IS_NONE;
	int64_t asked_ns = clock_ns();
	int ret = store_run(&call);

	for (size_t i = 0; !ret && i < call.list.count; i++) {
		const struct store_entry *e = &call.list.entries[i];

		if (!strcmp(e->name, q->name.key)) {
			found = e->object.size && e->object.size < WIRE_PATH_MAX ? MAY_BE_LINK
										 : IS_FILE;
			break;
		}
		if (!strncmp(e->name, q->name.key, len) && e->name[len] == '/')
			found = IS_DIR;
	}
	if (!ret && found == IS_DIR)
		tell_dir(q, object, META_DIR, asked_ns);
	else if (!ret && found == IS_NONE && !call.list.next_token)
		tell_dir(q, object, META_NONE, asked_ns);
	store_call_reset(&call);
	return ret ? IS_DIR : found; /* with an error there is nothing more to be learnt */
}

static enum found look(const struct lookup *q, const char *object)
{
	const uint8_t *ctx = context_id(q->ctx);
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];
	struct meta_fact fact;

	name_prefix(&q->name, prefix);
	meta_dir_name(prefix, name);
	if ((meta_peek_within(ctx, name, dir_known_ns, &fact) && fact.kind == META_DIR) ||
	    told_is_empty_dir(ctx, prefix))
		return IS_DIR;
	if (meta_peek_within(ctx, object, meta_ttl_ns(), &fact)) {
		if (fact.kind != META_FILE)
			return fact.kind == META_DIR ? IS_DIR : IS_NONE;
		return fact.is_told && !fact.is_link ? IS_FILE : MAY_BE_LINK;
	}
	return list_name(q, object);
}

/* The target of what is small: a GET tells at once what it is, and what it says. */
static int read_small(struct lookup *q, const char *object, char target[WIRE_PATH_MAX])
{
	struct meta_fact fact;

	if (meta_peek_within(context_id(q->ctx), object, meta_ttl_ns(), &fact) && fact.is_told)
		return follow_target(q, target);
	return fetch_target(q, object, target);
}

int follow_missing(struct context *ctx, const char *path, char out[WIRE_PATH_MAX])
{
	char object[NAME_OBJECT_MAX], target[WIRE_PATH_MAX];
	enum found found = IS_NONE;
	size_t len = strlen(path);
	int ret = 0;

	while (found == IS_NONE) {
		while (len && path[len - 1] != '/')
			len--;
		if (!len--)
			break;
		SCOPE_FREE struct lookup *q = part_of(ctx, path, len);

		if (!q)
			continue;
		name_object(&q->name, object);
		found = look(q, object);
		if (found == MAY_BE_LINK)
			ret = read_small(q, object, target) ? -ENOTDIR
							    : go_on(path, len, target, out);
	}
	return found == IS_FILE ? -ENOTDIR : ret;
}
