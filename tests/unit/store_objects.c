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
