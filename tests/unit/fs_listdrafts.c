/* SPDX-License-Identifier: Apache-2.0 */
/* What is written here while its directory is being listed: once each, and with what it has now. */
#include "tests/unit/writing_rig.h"

#include "fs/listdrafts.h"

#define DIR_OBJECT "s3/b/dir/"

static char told[400]; /* "name:size " of each, in the order in which they were added */

static int add(void *arg, const char *name, uint64_t ino, const struct store_object *object)
{
	size_t len = strlen(told);

	cr_assert_eq(arg, told);
	cr_assert_neq(ino, 0);
	snprintf(told + len, sizeof(told) - len, "%s:%llu ", name,
		 (unsigned long long)object->size);
	return 0;
}

static void write_file(const char *path, size_t bytes)
{
	static const char text[100];
	struct open_file f;

	cr_assert_eq(open_file(path, O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, text, bytes, 0);
	close_file(&f);
}

static const char *end(struct listdrafts *d)
{
	told[0] = '\0';
	cr_assert_eq(listdrafts_end(d, add, told), 0);
	cr_assert_null(d->of);
	return told;
}

static void setup(void)
{
	start("60000");
}

static void teardown(void)
{
	stop();
}

TestSuite(fs_listdrafts, .init = setup, .fini = teardown);

Test(fs_listdrafts, only_those_in_the_directory)
{
	struct listdrafts d = {0};
	uint8_t other[WIRE_CTX_BYTES];

	fake_put("b", "dir/sub/there", 1);
	write_file("s3/b/dir/a", 3);
	write_file("s3/b/dir/sub/b", 4);
	write_file("s3/b/c", 5);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	cr_assert_eq(d.count, 1);
	cr_assert_str_eq(end(&d), "a:3 ");
	memset(other, 7, sizeof(other));
	cr_assert_eq(listdrafts_take(&d, other, DIR_OBJECT), 0);
	cr_assert_eq(d.count, 0);
	cr_assert_str_eq(end(&d), "");
}

/* A page tells of what was stored while the pages came: that is not told again. */
Test(fs_listdrafts, what_a_page_had)
{
	struct listdrafts d = {0};

	write_file("s3/b/dir/a", 3);
	write_file("s3/b/dir/b", 4);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	listdrafts_listed(&d, DIR_OBJECT "b");
	listdrafts_listed(&d, DIR_OBJECT "nobody");
	cr_assert_str_eq(end(&d), "a:3 ");
}

/* It got into the bucket after the store had looked, and is dirty no more. */
Test(fs_listdrafts, what_was_stored_meanwhile)
{
	struct listdrafts d = {0};

	write_file("s3/b/dir/a", 3);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	sweep_until_clean();
	cr_assert_str_eq(end(&d), "a:3 ");
}

Test(fs_listdrafts, what_was_removed_meanwhile)
{
	struct listdrafts d = {0};

	write_file("s3/b/dir/a", 3);
	write_file("s3/b/dir/b", 4);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/a", 0), 0);
	cr_assert_str_eq(end(&d), "b:4 ");
}

/* New since then: no page can have it. One that was there is in a page already, if it is. */
Test(fs_listdrafts, what_was_made_meanwhile)
{
	struct listdrafts d = {0};
	struct open_file f;

	fake_put("b", "dir/there", 10);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	cr_assert_eq(open_file("s3/b/dir/made", O_WRONLY | O_CREAT | O_EXCL, &f), 0);
	write_at(&f, "12345", 5, 0);
	close_file(&f);
	write_file("s3/b/dir/there", 3);
	cr_assert_str_eq(end(&d), "made:5 ");
}

/* Its size is that of the last moment; an error of who adds ends it. */
static int refuse(void *arg, const char *name, uint64_t ino, const struct store_object *object)
{
	(void)name, (void)ino, (void)object;
	++*(int *)arg;
	return -ENOMEM;
}

Test(fs_listdrafts, what_it_has_at_the_end)
{
	struct listdrafts d = {0};
	int calls = 0;

	write_file("s3/b/dir/a", 3);
	write_file("s3/b/dir/b", 3);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	write_file("s3/b/dir/a", 30);
	end(&d);
	cr_assert(strstr(told, "a:30 ") && strstr(told, "b:3 "), "%s", told);
	cr_assert_eq(listdrafts_take(&d, ctx, DIR_OBJECT), 0);
	cr_assert_eq(listdrafts_end(&d, refuse, &calls), -ENOMEM);
	cr_assert_eq(calls, 1);
	cr_assert_null(d.of);
}
