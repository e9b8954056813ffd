/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/uploads.h"

/* MD5 of "one", "two" and "three" */
#define ONE   "f97c5d29941bfb1b2fdab0874906ab82"
#define TWO   "b8a9f715dbb64fd5c56e7783c6820a61"
#define THREE "35d6d33467aae9a2e3dccb4b6b027878"

static char id[UPLOAD_ID_BYTES];

static void put(unsigned number, const char *text, const char *etag)
{
	struct content *c = content_memory(strdup(text), strlen(text));

	cr_assert_eq(uploads_put_part("bucket", "key", id, number, c, etag), 0);
}

static void begin(void)
{
	struct headers h = {0};

	cr_assert_eq(bucket_create("bucket", "here"), 0);
	headers_add(&h, "x-amz-meta-a", "b");
	cr_assert_eq(uploads_create("bucket", "key", &h, id), 0);
	put(3, "three", THREE);
	put(1, "none", ONE);
	put(1, "one", ONE);
	put(2, "two", TWO);
}

Test(store_uploads, completes_in_order, .init = begin)
{
	struct upload_part parts[] = {{.number = 1, .etag = ONE}, {.number = 3, .etag = THREE}};
	struct upload_complete how = {.parts = parts, .count = 2};
	char etag[OBJECT_ETAG_BYTES], again[OBJECT_ETAG_BYTES], data[9] = "";
	struct object *o;

	cr_assert_eq(uploads_complete("bucket", "key", id, &how, etag), 0);
	cr_assert_eq(objects_get("bucket", "key", 3, &o), 0);
	cr_expect_eq(content_bytes(o->content), 8);
	content_read(o->content, 0, data, 8);
	cr_expect_str_eq(data, "onethree");
	cr_expect_str_eq(o->etag, etag);
	/* md5 of the two binary digests, by another program */
	cr_expect_str_eq(etag, "d9dbeca7fdcc1b4d6b67737c6997fd3c-2");
	cr_expect_str_eq(headers_get(&o->headers, "x-amz-meta-a"), "b");
	object_put(o);
	cr_expect_eq(uploads_complete("bucket", "key", id, &how, again), 0);
	cr_expect_str_eq(again, etag);
	cr_expect_eq(uploads_abort("bucket", "key", id), -ENOENT);
}

Test(store_uploads, refuses, .init = begin)
{
	struct upload_part parts[] = {{.number = 1, .etag = ONE}, {.number = 2, .etag = ONE}};
	struct upload_complete how = {.parts = parts, .count = 2};
	char etag[OBJECT_ETAG_BYTES];

	cr_expect_eq(uploads_complete("bucket", "key", id, &how, etag), -EINVAL);
	parts[1].number = 4;
	cr_expect_eq(uploads_complete("bucket", "key", id, &how, etag), -EINVAL);
	parts[1] = (struct upload_part){.number = 2, .etag = TWO};
	how.part_bytes_min = 4;
	cr_expect_eq(uploads_complete("bucket", "key", id, &how, etag), -ERANGE);
	how.part_bytes_min = 0;
	how.condition.if_match = "x";
	cr_expect_eq(uploads_complete("bucket", "key", id, &how, etag), -ESRCH);
	cr_expect_eq(uploads_complete("absent", "key", id, &how, etag), -ENXIO);
	cr_expect_eq(uploads_complete("bucket", "key", "no", &how, etag), -ENOENT);
	cr_expect_eq(bucket_delete("bucket"), -ENOTEMPTY);
	cr_expect_eq(uploads_abort("bucket", "key", id), 0);
	cr_expect_eq(bucket_delete("bucket"), 0);
}

Test(store_uploads, lists, .init = begin)
{
	struct upload_part *parts;
	struct upload_info *list;

	cr_assert_eq(uploads_parts("bucket", "key", id, &parts), 3);
	cr_expect_eq(parts[0].number, 1);
	cr_expect_eq(parts[0].bytes, 3);
	cr_expect_str_eq(parts[2].etag, THREE);
	free(parts);
	cr_assert_eq(uploads_list("bucket", &list), 1);
	cr_expect_str_eq(list[0].key, "key");
	cr_expect_str_eq(list[0].id, id);
	uploads_list_free(list, 1);
}
