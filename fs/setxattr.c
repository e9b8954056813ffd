/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getxattr, listxattr, setxattr, removexattr: of a file that is being written to, what goes with
 * its publication; of another, its object's metadata, which fs/untold.h mostly knows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/draft.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/untold.h"

_Static_assert(DRAFT_XATTR_MAX == XATTRS_MAX, "a draft has room for all");

/* Of a version that was met: its text. False: it is not known. */
static bool known_text(const char *object, const struct meta_fact *fact, char text[XATTRS_MAX])
{
	struct untold untold;

	*text = '\0';
	if (fact->is_told && !fact->has_xattr)
		return true;
	if (!untold_find(object, &fact->object, &untold) || (fact->has_xattr && !*untold.xattr))
		return false;
	memcpy(text, untold.xattr, XATTRS_MAX);
	return true;
}

void change_draft_xattr(const struct cache_file *file, char text[XATTRS_MAX])
{
	char object[CACHE_OBJECT_MAX];
	struct store_object base;
	struct untold untold;

	*text = '\0';
	if (draft_xattr(file, text))
		return;
	cache_object(file, object);
	cache_version(file, &base);
	if (*base.etag && untold_find(object, &base, &untold))
		memcpy(text, untold.xattr, XATTRS_MAX);
}

/* The text of the object, asked for if need be. */
static int object_text(struct lookup *q, const char *object, const struct meta_fact *known,
		       char text[XATTRS_MAX])
{
	struct meta_fact fact;
	int ret;

	if (known && known_text(object, known, text))
		return 0;
	ret = lookup_told(q, &fact);
	if (!ret && fact.kind != META_FILE)
		ret = -ENOENT;
	if (!ret)
		known_text(object, &fact, text);
	return ret;
}

/* What q names: its mode and, of a file, its text. names: only names are wanted, and what nobody
 * has looked at has none. */
static int find_text(struct lookup *q, bool names, uint32_t *mode, char text[XATTRS_MAX])
{
	char object[NAME_OBJECT_MAX];
	struct cache_file *draft;
	struct meta_fact fact;
	struct wire_attr attr;
	int ret = lookup_stat(q, &attr);

	*text = '\0';
	if (ret)
		return ret;
	*mode = attr.mode;
	if (S_ISDIR(attr.mode))
		return change_dir_xattr(q, names, text);
	if (!S_ISREG(attr.mode))
		return 0;
	name_object(&q->name, object);
	draft = draft_find(context_id(q->ctx), object);
	if (draft) {
		change_draft_xattr(draft, text);
		cache_put(draft);
		return 0;
	}
	if (!meta_peek(context_id(q->ctx), object, &fact) || fact.kind != META_FILE)
		return object_text(q, object, NULL, text);
	if (names && !fact.is_told) {
		known_text(object, &fact, text);
		return 0;
	}
	return object_text(q, object, &fact, text);
}

/* The same of an open file: of the version that was opened, without a request if it was met. */
static int find_text_of(struct cache_file *file, char text[XATTRS_MAX], char *message)
{
	char object[CACHE_OBJECT_MAX];
	struct store_object version;
	struct meta_fact fact;
	struct lookup *q;
	int ret;

	*text = '\0';
	cache_object(file, object);
	if (draft_is(file) && draft_has_changes(file)) {
		change_draft_xattr(file, text);
		return 0;
	}
	cache_version(file, &version);
	if (meta_peek(cache_ctx(file), object, &fact) && fact.kind == META_FILE &&
	    !strcmp(fact.object.etag, version.etag) && known_text(object, &fact, text))
		return 0;
	q = lookup_of(cache_ctx(file), object);
	if (!q)
		return -ENOMEM;
	ret = q->ctx ? object_text(q, object, NULL, text) : -WIRE_EUNKNOWN_CTX;
	memcpy(message, q->message, STORE_MESSAGE_BYTES);
	free(q);
	return ret == -ENOENT ? 0 : ret; /* its name is gone, and what was not known of it */
}

static int get(const char *text, const char *name, void *out, size_t room)
{
	return name ? xattrs_get(text, name, out, room) : xattrs_list(text, out, room);
}

int change_get_xattr(struct lookup *q, const char *name, void *out, size_t room)
{
	char text[XATTRS_MAX];
	uint32_t mode;
	int ret = find_text(q, !name, &mode, text);

	return ret ? ret : get(text, name, out, room);
}

int change_get_xattr_of(struct cache_file *file, const char *name, void *out, size_t room,
			char message[STORE_MESSAGE_BYTES])
{
	char text[XATTRS_MAX];
	int ret = find_text_of(file, text, message);

	return ret ? ret : get(text, name, out, room);
}

static int set(const struct xattr_value *v, const char *text, char now[XATTRS_MAX])
{
	return xattrs_set(text, v->name, v->value, v->len, v->flags, now);
}

static int set_by_name(struct lookup *q, const struct xattr_value *v)
{
	char text[XATTRS_MAX], now[XATTRS_MAX];
	const struct change_attr attr = {.what = CHANGE_XATTR, .xattr = now};
	uint32_t mode;
	int ret = find_text(q, false, &mode, text);

	if (!ret && S_ISLNK(mode))
		return -EPERM;
	if (!ret && S_ISDIR(mode))
		return change_dir_set_xattr(q, v);
	if (!ret)
		ret = set(v, text, now);
	if (!ret)
		ret = change_attr(q, &attr);
	return ret;
}

int change_set_xattr(struct lookup *q, const struct xattr_value *v)
{
	int ret = -EAGAIN;

	for (int i = 0; i < COPY_TRIES_MAX && ret == -EAGAIN; i++)
		ret = set_by_name(q, v);
	return ret == -EAGAIN ? -EBUSY : ret;
}

static int set_by_file(struct cache_file *file, const struct xattr_value *v,
		       char message[STORE_MESSAGE_BYTES])
{
	char text[XATTRS_MAX], now[XATTRS_MAX];
	const struct change_attr attr = {.what = CHANGE_XATTR, .xattr = now};
	int ret = find_text_of(file, text, message);

	if (!ret)
		ret = set(v, text, now);
	if (!ret)
		ret = change_attr_of(file, &attr, message);
	return ret;
}

int change_set_xattr_of(struct cache_file *file, const struct xattr_value *v,
			char message[STORE_MESSAGE_BYTES])
{
	int ret = -EAGAIN;

	for (int i = 0; i < COPY_TRIES_MAX && ret == -EAGAIN; i++)
		ret = set_by_file(file, v, message);
	return ret == -EAGAIN ? -EBUSY : ret;
}
