/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual paths taken apart; object names put together. */
#include "fs/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/backends.h"
#include "fs/escape.h"

/* Copies the component at *path to out; *path moves to the next one. */
static int take_part(const char **path, char *out, size_t out_bytes)
{
	size_t len = strcspn(*path, "/");

	if (len >= out_bytes)
		return -ENOENT; /* no scheme or bucket is that long */
	memcpy(out, *path, len);
	out[len] = '\0';
	*path += len;
	if (**path == '/')
		(*path)++;
	return 0;
}

/* Copies the bucket at *path to out, with its account if the scheme has them. Returns which of the
 * two it was, or -ENOENT. */
static int take_bucket(const char *scheme, const char **path, char *out, size_t out_bytes)
{
	int ret = take_part(path, out, out_bytes);
	size_t len;

	if (ret || !backends_has_accounts(scheme))
		return ret ? ret : NAME_BUCKET;
	if (!**path)
		return NAME_ACCOUNT;
	len = strlen(out);
	if (len + 2 > out_bytes)
		return -ENOENT;
	out[len++] = '/';
	ret = take_part(path, out + len, out_bytes - len);
	return ret ? ret : NAME_BUCKET;
}

int name_parse(const char *path, size_t len, struct name *out)
{
	struct escape_result res;
	int ret;

	if (len >= WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	if (strnlen(path, len + 1) != len)
		return -ENOENT; /* a NUL inside */

	out->kind = NAME_ROOT;
	out->is_dir = true;
	out->is_pieces = false;
	out->scheme[0] = out->bucket[0] = out->key[0] = '\0';
	if (!*path || !strcmp(path, "/"))
		return 0;

	out->kind = NAME_SCHEME;
	ret = take_part(&path, out->scheme, sizeof(out->scheme));
	if (ret || !*path)
		return ret;
	ret = take_bucket(out->scheme, &path, out->bucket, sizeof(out->bucket));
	if (ret < 0)
		return ret;
	out->kind = (enum name_kind)ret;
	if (!*path)
		return 0;

	out->kind = NAME_KEY;
	ret = unescape_key(path, out->key, sizeof(out->key), &res);
	if (ret)
		return ret;
	out->is_dir = res.is_dir || res.is_pieces;
	out->is_pieces = res.is_pieces;
	return 0;
}

void name_object(const struct name *n, char out[NAME_OBJECT_MAX])
{
	snprintf(out, NAME_OBJECT_MAX, "%s/%s/%s", n->scheme, n->bucket, n->key);
}

void name_prefix(const struct name *n, char out[NAME_OBJECT_MAX])
{
	switch (n->kind) {
	case NAME_ROOT:
		out[0] = '\0';
		break;
	case NAME_SCHEME:
		snprintf(out, NAME_OBJECT_MAX, "%s/", n->scheme);
		break;
	case NAME_ACCOUNT:
	case NAME_BUCKET:
		snprintf(out, NAME_OBJECT_MAX, "%s/%s/", n->scheme, n->bucket);
		break;
	case NAME_KEY:
		snprintf(out, NAME_OBJECT_MAX, "%s/%s/%s%s", n->scheme, n->bucket, n->key,
			 n->is_pieces ? "" : "/");
		break;
	}
}

int name_storable(const struct name *n, bool is_dir)
{
	if (strlen(n->key) + is_dir > NAME_KEY_MAX)
		return -ENAMETOOLONG;
	return backends_holds(n->scheme, n->key) ? 0 : -EINVAL;
}

bool name_same_store(const struct name *a, const struct name *b)
{
	size_t len = strcspn(a->bucket, "/");

	if (strcmp(a->scheme, b->scheme) != 0)
		return false;
	return !backends_has_accounts(a->scheme) ||
	       (len == strcspn(b->bucket, "/") && !strncmp(a->bucket, b->bucket, len));
}

const char *name_split(const char *object, char scheme[8], char bucket[256])
{
	const char *at = object;

	scheme[0] = bucket[0] = '\0';
	if (take_part(&at, scheme, 8) || take_bucket(scheme, &at, bucket, 256) < 0)
		return "";
	return at;
}

/* Bytes without the slash of a prefix. */
static size_t bare(const char *object)
{
	size_t len = strlen(object);

	return len - (len && object[len - 1] == '/');
}

bool name_is_above(const char *a, const char *b)
{
	size_t n = bare(a), len = bare(b);

	return n <= len && !strncmp(a, b, n) && (n == len || b[n] == '/');
}
