/* SPDX-License-Identifier: Apache-2.0 */
/* The name of an open file, which a rename may have changed since it was opened. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "fs/escape.h"
#include "fs/serve.h"

/* The virtual path of an object, to free, or NULL. */
static char *path_of(const char *object)
{
	char scheme[8], bucket[256];
	const char *key = name_split(object, scheme, bucket);
	char *path = malloc(WIRE_PATH_MAX);
	int len;

	if (!path)
		return NULL;
	len = snprintf(path, WIRE_PATH_MAX, "%s/%s/", scheme, bucket);
	if (escape_key(key, path + len, WIRE_PATH_MAX - (size_t)len) >= 0)
		return path;
	free(path);
	return NULL;
}

/* A path by which a file is opened may be another than the one made from its object's name. */
static bool is_path_of(const char *path, const char *object)
{
	char now[CACHE_OBJECT_MAX];
	struct name name;

	if (name_parse(path, strlen(path), &name) || name.kind != NAME_KEY)
		return false;
	name_object(&name, now);
	return !strcmp(now, object);
}

int serve_name(struct session *s)
{
	struct cache_file *file = cache_find_inode(s->req->data_dev, s->req->data_ino);
	char object[CACHE_OBJECT_MAX];
	int ret = 0;

	if (!file)
		return -ENOENT; /* a directory, or of a daemon that went */
	cache_object(file, object);
	s->out->head.attr.nlink = !(draft_is(file) && draft_is_unlinked(file));
	s->out->text = is_path_of(cache_path(file), object) ? strdup(cache_path(file))
							    : path_of(object);
	if (!s->out->text)
		ret = -ENAMETOOLONG;
	cache_put(file);
	return ret;
}
