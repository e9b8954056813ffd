/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/objects.h"

static int put(const char *key, const char *etag, struct object_condition condition)
{
	struct object *o = object_new(key, strlen(key), content_memory(NULL, 0));

	snprintf(o->etag, sizeof(o->etag), "%s", etag);
	return objects_store("bucket", o, &condition);
}

Test(store_objects, conditional_writes)
{
	struct object *o;

	cr_assert_eq(bucket_create("bucket", "here"), 0);
	cr_expect_eq(put("k", "1", (struct object_condition){.if_match = "1"}), -ENOENT);
	cr_expect_eq(put("k", "1", (struct object_condition){.if_absent = true}), 0);
	cr_expect_eq(put("k", "2", (struct object_condition){.if_absent = true}), -EEXIST);
	cr_expect_eq(put("k", "2", (struct object_condition){.if_match = "9"}), -EEXIST);
	cr_expect_eq(put("k", "2", (struct object_condition){.if_match = "1"}), 0);
	cr_expect_eq(put("k", "3", (struct object_condition){.if_match = "*"}), 0);
	cr_assert_eq(objects_get("bucket", "k", 1, &o), 0);
	cr_expect_eq(objects_delete("bucket", "k", 1, &(struct object_condition){.if_match = "1"}),
		     -EEXIST);
	cr_expect_eq(objects_delete("bucket", "k", 1, NULL), 0);
	cr_expect_str_eq(o->etag, "3"); /* ours as long as we hold it */
	object_put(o);
	cr_expect_eq(objects_get("bucket", "k", 1, &o), -ENOENT);
	cr_expect_eq(objects_get("absent", "k", 1, &o), -ENXIO);
	cr_expect_eq(objects_delete("bucket", "k", 1, NULL), 0);
}

Test(store_objects, buckets)
{
	struct bucket_info info, *list;

	cr_expect_eq(bucket_create("No", "here"), -EINVAL);
	cr_expect_eq(bucket_create("ab", "here"), -EINVAL);
	cr_expect_eq(bucket_create("-ab", "here"), -EINVAL);
	cr_expect_eq(bucket_create("bb-2", "there"), 0);
	cr_expect_eq(bucket_create("aa.1", "here"), 0);
	cr_expect_eq(bucket_create("aa.1", "here"), -EEXIST);
	cr_assert_eq(bucket_list(&list), 2);
	cr_expect_str_eq(list[0].name, "aa.1");
	free(list);
	cr_assert_eq(bucket_lookup("bb-2", &info), 0);
	cr_expect_str_eq(info.region, "there");
	cr_expect_eq(bucket_delete("bb-2"), 0);
	cr_expect_eq(bucket_delete("bb-2"), -ENXIO);
}

static struct object *stored(const char *key)
{
	struct object *o;

	cr_assert_eq(put(key, "e", (struct object_condition){0}), 0);
	cr_assert_eq(objects_get("bucket", key, strlen(key), &o), 0);
	return o;
}

static int check(const struct object *there, enum object_version which, uint64_t version)
{
	struct object_condition condition = {0};

	condition.versioned[which] = true;
	condition.version[which] = version;
	return object_check(there, &condition);
}

Test(store_objects, versions)
{
	struct object *a, *b, *again;
	uint64_t generation;

	cr_assert_eq(bucket_create("bucket", "here"), 0);
	a = stored("k");
	b = stored("l");
	again = stored("k");
	generation = again->generation;
	cr_expect_gt(b->generation, a->generation);
	cr_expect_gt(generation, b->generation);
	cr_expect_eq(again->metageneration, 1);
	cr_expect_gt(again->updated_us, 0);
	cr_expect_eq(again->created_us, again->updated_us);

	cr_expect_eq(check(again, OBJECT_GENERATION_MATCH, generation), 0);
	cr_expect_eq(check(again, OBJECT_GENERATION_MATCH, a->generation), -EEXIST);
	cr_expect_eq(check(again, OBJECT_GENERATION_MATCH, 0), -EEXIST);
	cr_expect_eq(check(again, OBJECT_GENERATION_NOT_MATCH, generation), -EALREADY);
	cr_expect_eq(check(again, OBJECT_GENERATION_NOT_MATCH, 0), 0);
	cr_expect_eq(check(again, OBJECT_METAGENERATION_MATCH, 1), 0);
	cr_expect_eq(check(again, OBJECT_METAGENERATION_MATCH, 2), -EEXIST);
	cr_expect_eq(check(again, OBJECT_METAGENERATION_NOT_MATCH, 1), -EALREADY);
	cr_expect_eq(check(NULL, OBJECT_GENERATION_MATCH, 0), 0);
	cr_expect_eq(check(NULL, OBJECT_GENERATION_MATCH, 5), -EEXIST);
	cr_expect_eq(check(NULL, OBJECT_GENERATION_NOT_MATCH, 0), -EALREADY);
	cr_expect_eq(check(NULL, OBJECT_METAGENERATION_MATCH, 1), -EEXIST);
	cr_expect_eq(object_check(NULL, &(struct object_condition){.if_there = true}), -ENOENT);
	object_put(a);
	object_put(b);
	object_put(again);
}

Test(store_objects, imported_ones_keep_their_time)
{
	struct object *o = object_new("old", 3, content_memory(NULL, 0));

	cr_assert_eq(bucket_create("bucket", "here"), 0);
	o->mtime_s = 1000;
	cr_assert_eq(objects_store("bucket", o, NULL), 0);
	cr_assert_eq(objects_get("bucket", "old", 3, &o), 0);
	cr_expect_eq(o->updated_us, 1000000000);
	object_put(o);
}
