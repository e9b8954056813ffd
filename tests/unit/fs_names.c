/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/names.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

static struct name n;
static char text[NAME_OBJECT_MAX];

static int parse(const char *path)
{
	return name_parse(path, strlen(path), &n);
}

Test(fs_names, kinds)
{
	cr_assert_eq(parse(""), 0);
	cr_assert(n.kind == NAME_ROOT && n.is_dir);
	cr_assert_eq(parse("/"), 0);
	cr_assert(n.kind == NAME_ROOT);
	cr_assert_eq(parse("s3"), 0);
	cr_assert(n.kind == NAME_SCHEME && !strcmp(n.scheme, "s3"));
	cr_assert_eq(parse("s3/b"), 0);
	cr_assert(n.kind == NAME_BUCKET && !strcmp(n.bucket, "b"));
	cr_assert_eq(parse("s3/b/k/%~0"), 0);
	cr_assert(n.kind == NAME_KEY && !n.is_dir && !strcmp(n.key, "k/"));
	cr_assert_eq(parse("s3/b/k%~d"), 0);
	cr_assert(n.kind == NAME_KEY && n.is_dir && !strcmp(n.key, "k"));
	cr_assert_eq(parse("toolongscheme/b"), -ENOENT);
	cr_assert_eq(name_parse("s3\0b", 4, &n), -ENOENT);
}

Test(fs_names, object_names)
{
	char scheme[8], bucket[256];

	parse("s3/b/a/c");
	name_object(&n, text);
	cr_assert_str_eq(text, "s3/b/a/c");
	name_prefix(&n, text);
	cr_assert_str_eq(text, "s3/b/a/c/");
	cr_assert_str_eq(name_split(text, scheme, bucket), "a/c/");
	cr_assert_str_eq(scheme, "s3");
	cr_assert_str_eq(bucket, "b");
	parse("s3/b");
	name_prefix(&n, text);
	cr_assert_str_eq(text, "s3/b/");
	cr_assert_str_eq(name_split(text, scheme, bucket), "");
}

Test(fs_names, ino)
{
	cr_assert_neq(name_ino("s3/b/a", 6, false), name_ino("s3/b/b", 6, false));
	cr_assert_neq(name_ino("s3/b/a/", 7, false), name_ino("s3/b/a/", 7, true));
	cr_assert_eq(name_ino("s3/b/a", 6, false), name_ino("s3/b/a", 6, false));
}

Test(fs_names, storable)
{
	struct name at = {.kind = NAME_KEY};

	memset(at.key, 'k', NAME_KEY_MAX);
	cr_assert_eq(name_storable(&at, false), 0);
	cr_assert_eq(name_storable(&at, true), -ENAMETOOLONG);
	at.key[NAME_KEY_MAX] = 'k';
	cr_assert_eq(name_storable(&at, false), -ENAMETOOLONG);
}

Test(fs_names, storable_in_one_store_and_not_in_another)
{
	cr_assert_eq(parse("s3/b/a\\b"), 0);
	cr_assert_eq(name_storable(&n, false), 0);
	cr_assert_eq(parse("az/acct/b/a\\b"), 0);
	cr_assert_eq(name_storable(&n, false), -EINVAL);
	cr_assert_eq(name_storable(&n, true), -EINVAL);
	cr_assert_eq(parse("az/acct/b/a.b"), 0);
	cr_assert_eq(name_storable(&n, false), 0);
}

Test(fs_names, accounts)
{
	char scheme[8], bucket[256];
	const char *key;

	cr_assert_eq(parse("az"), 0);
	cr_assert_eq(n.kind, NAME_SCHEME);
	cr_assert_eq(parse("az/acct"), 0);
	cr_assert(n.kind == NAME_ACCOUNT && n.is_dir && !strcmp(n.bucket, "acct"));
	name_prefix(&n, text);
	cr_assert_str_eq(text, "az/acct/");
	cr_assert_str_eq(name_split(text, scheme, bucket), "");
	cr_assert_str_eq(bucket, "acct");
	cr_assert_eq(parse("az/acct/cont"), 0);
	cr_assert(n.kind == NAME_BUCKET && !strcmp(n.bucket, "acct/cont"));
	name_prefix(&n, text);
	cr_assert_str_eq(text, "az/acct/cont/");
	cr_assert_eq(parse("az/acct/cont/a/b"), 0);
	cr_assert(n.kind == NAME_KEY && !strcmp(n.bucket, "acct/cont") && !strcmp(n.key, "a/b"));
	name_object(&n, text);
	cr_assert_str_eq(text, "az/acct/cont/a/b");
	key = name_split(text, scheme, bucket);
	cr_assert(!strcmp(scheme, "az") && !strcmp(bucket, "acct/cont") && !strcmp(key, "a/b"));
	/* of the others the first name is all */
	cr_assert_eq(parse("s3/acct/cont"), 0);
	cr_assert(n.kind == NAME_KEY && !strcmp(n.bucket, "acct") && !strcmp(n.key, "cont"));
}

Test(fs_names, an_account_s_name_leaves_room_for_the_container)
{
	char path[600] = "az/";

	memset(path + 3, 'a', 252);
	strcpy(path + 255, "/cont/k");
	cr_assert_eq(parse(path), -ENOENT);
}

static bool same_store(const char *a, const char *b)
{
	static struct name other;

	cr_assert_eq(name_parse(a, strlen(a), &other), 0);
	cr_assert_eq(parse(b), 0);
	return name_same_store(&other, &n);
}

Test(fs_names, a_store_copies_within_itself)
{
	cr_assert(same_store("s3/a/k", "s3/b/k"));
	cr_assert(same_store("az/a/x/k", "az/a/y/k"));
	cr_assert_not(same_store("az/a/x/k", "az/ab/x/k"));
	cr_assert_not(same_store("az/ab/x/k", "az/a/x/k"));
	cr_assert_not(same_store("az/a/x/k", "s3/a/k"));
}
