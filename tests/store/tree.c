/* SPDX-License-Identifier: Apache-2.0 */
/* Generated trees: object i of count is called PREFIX [dDIGIT/]... fNUMBER SUFFIX, its directories
 * being i's digits to the base of the fan-out. */
#include "tests/store/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/buf.h"
#include "tests/store/objects.h"
#include "tests/store/settings.h"

#define OBJECT_BYTES_MAX (50ull << 40) /* S3's limit of one object */

/* The key of object i. */
static void name(const struct admin_tree *t, uint64_t i, struct buf *out)
{
	uint64_t span = 1; /* objects below one directory of the level at hand */

	buf_str(out, t->prefix);
	if (t->fanout) {
		for (uint64_t level = 0; level < t->levels; level++)
			span *= t->fanout;
		for (uint64_t level = 0; level < t->levels; level++) {
			uint64_t digit = i / span;

			/* the topmost level takes all that is left; those below, one digit */
			buf_printf(out, "d%05llu/",
				   (unsigned long long)(level ? digit % t->fanout : digit));
			span /= t->fanout;
		}
	}
	if (t->count)
		buf_printf(out, "f%06llu", (unsigned long long)i);
	buf_str(out, t->suffix);
}

static int make_one(const struct admin_tree *t, const char *key, size_t key_len)
{
	uint64_t seed = generate_seed(key, key_len);
	struct content *content = content_generated(t->kind, seed, t->size);
	struct object *o = content ? object_new(key, key_len, content) : NULL;
	const char *type = t->kind == GENERATE_TEXT ? "text/plain" : "application/octet-stream";

	if (!o)
		return -ENOMEM;
	if (t->mtime_s)
		o->mtime_s = t->mtime_s;
	/* Of the form that says "not the MD5": clients must not check it as one. */
	snprintf(o->etag, sizeof(o->etag), "%016llx%016llx-1", (unsigned long long)seed,
		 (unsigned long long)(t->size ^ (uint64_t)t->kind << 63));
	if (headers_add(&o->headers, "Content-Type", type)) {
		object_put(o);
		return -ENOMEM;
	}
	return objects_store(t->bucket, o, NULL);
}

/* Whether fanout to the power of levels stays a number. */
static bool sane(const struct admin_tree *t)
{
	uint64_t span = 1;

	if (t->count > ADMIN_COUNT_MAX || t->size > OBJECT_BYTES_MAX || !t->levels ||
	    t->levels > ADMIN_LEVELS_MAX || (!t->count && !*t->prefix))
		return false;
	for (uint64_t level = 0; t->fanout && level < t->levels; level++) {
		if (t->fanout > UINT32_MAX || span > UINT32_MAX)
			return false;
		span *= t->fanout;
	}
	return true;
}

int admin_generate(const struct admin_tree *t)
{
	uint64_t count = t->count ? t->count : 1;
	struct buf key = {0};
	int err;

	if (!sane(t))
		return -EINVAL;
	err = bucket_create(t->bucket, settings.region);
	if (err == -EEXIST)
		err = 0;
	for (uint64_t i = 0; !err && i < count; i++) {
		key.len = 0;
		name(t, i, &key);
		if (key.failed)
			err = -ENOMEM;
		else if (!key.len || key.len > OBJECT_KEY_MAX)
			err = -ENAMETOOLONG;
		else
			err = make_one(t, key.data, key.len);
	}
	buf_free(&key);
	return err;
}
