/* SPDX-License-Identifier: Apache-2.0 */
/* The operations about extended attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "cache/cache.h"
#include "core/scope.h"
#include "fs/change.h"
#include "fs/listing.h"
#include "fs/serve.h"
#include "fs/xattrs.h"

/* "PATH\0NAME" or "PATH\0NAME\0VALUE"; with data_ino PATH is empty. */
struct about {
	const char *path;
	size_t path_len;
	char name[XATTRS_NAME];
	const char *value;
	size_t value_len;
};

static int read_about(const struct session *s, struct about *out)
{
	size_t len = s->req->text_len, path = strnlen(s->text, len), name;

	if (path == len)
		return -EPROTO;
	name = strnlen(s->text + path + 1, len - path - 1);
	if (name >= sizeof(out->name))
		return -ERANGE;
	out->path = s->text;
	out->path_len = path;
	memcpy(out->name, s->text + path + 1, name);
	out->name[name] = '\0';
	out->value = path + 1 + name < len ? s->text + path + 1 + name + 1 : NULL;
	out->value_len = out->value ? len - (path + 1 + name + 1) : 0;
	return 0;
}

/* The open file that is meant; NULL with *error: 0 it is a directory, or an errno. */
static struct cache_file *open_file(const struct session *s, int *error)
{
	struct cache_file *file = cache_find_inode(s->req->data_dev, s->req->data_ino);
	struct listing *dir = file ? NULL : listing_find_inode(s->req->data_dev, s->req->data_ino);

	*error = file || dir ? 0 : -ESTALE;
	if (dir)
		listing_put(dir);
	return file;
}

static int get(struct session *s, const struct about *a, char *out)
{
	const char *name = *a->name ? a->name : NULL;
	char message[STORE_MESSAGE_BYTES] = "";
	struct cache_file *file;
	int ret;
	SCOPE_FREE struct lookup *q = NULL;

	if (s->req->data_ino) {
		file = open_file(s, &ret);
		if (!file)
			return ret ? ret : name ? -ENODATA : 0;
		ret = change_get_xattr_of(file, name, out, XATTRS_MAX, message);
		cache_put(file);
		return ret;
	}
	q = serve_lookup(s, a->path, a->path_len, &ret);
	if (!q)
		return ret;
	ret = change_get_xattr(q, name, out, XATTRS_MAX);
	if (ret < 0)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	return ret;
}

int serve_getxattr(struct session *s)
{
	struct about a;
	char *out = malloc(XATTRS_MAX);
	int ret = out ? read_about(s, &a) : -ENOMEM;

	if (!ret)
		ret = get(s, &a, out);
	if (ret > XATTRS_MAX)
		ret = -E2BIG;
	if (ret < 0) {
		free(out);
		return ret;
	}
	s->out->text = out;
	s->out->is_binary = true;
	s->out->text_bytes = (uint32_t)ret;
	return 0;
}

int serve_setxattr(struct session *s)
{
	char message[STORE_MESSAGE_BYTES] = "";
	struct xattr_value v;
	struct cache_file *file;
	struct about a;
	int ret = read_about(s, &a);
	SCOPE_FREE struct lookup *q = NULL;

	if (ret)
		return ret;
	v = (struct xattr_value){a.name, a.value, a.value_len,
				 (int)s->req->flags & (XATTR_CREATE | XATTR_REPLACE)};
	if (s->req->flags & WIRE_XATTR_REMOVE)
		v.value = NULL;
	else if (!v.value)
		return -EPROTO;
	if (s->req->data_ino) {
		file = open_file(s, &ret);
		if (!file)
			return ret ? ret : -EOPNOTSUPP;
		ret = change_set_xattr_of(file, &v, message);
		cache_put(file);
		return ret;
	}
	q = serve_lookup(s, a.path, a.path_len, &ret);
	if (!q)
		return ret;
	ret = change_set_xattr(q, &v);
	if (ret)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	return ret;
}
