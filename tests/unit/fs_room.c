/* SPDX-License-Identifier: Apache-2.0 */
/* Room on a full disk: what goes, what stays, and when it is worth another try. */
#include "tests/unit/writing_rig.h"

#define BYTES 20000

static const char text[BYTES] = "as it was written";

static void make(const char *path, bool uploads)
{
	struct open_file f;

	cr_assert_eq(open_file(path, O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, text, BYTES, 0);
	if (uploads)
		cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	close_file(&f);
}

static uint64_t evicted(void)
{
	struct cache_stats stats;

	cache_stats(&stats);
	return stats.evicted_bytes;
}

Test(fs_room, what_was_no_full_disk_evicts_nothing)
{
	start("60000");
	make("s3/b/dir/clean", true);
	cr_assert_not(cache_make_room(0, BYTES));
	cr_assert_not(cache_make_room(-EIO, BYTES));
	cr_assert_eq(evicted(), 0);
	stop();
}

/* Also of a quota; and only once, since then nothing is left. */
Test(fs_room, what_is_in_the_bucket_goes)
{
	start("60000");
	make("s3/b/dir/one", true);
	cr_assert(cache_make_room(-ENOSPC, 1));
	cr_assert_geq(evicted(), BYTES);
	cr_assert_not(cache_make_room(-ENOSPC, 1));
	make("s3/b/dir/two", true);
	cr_assert(cache_make_room(-EDQUOT, 1));
	cr_assert_not(cache_make_room(-EDQUOT, 1));
	cr_assert_eq(size_of("s3/b/dir/one"), BYTES);
	cr_assert_eq(size_of("s3/b/dir/two"), BYTES);
	stop();
}

Test(fs_room, what_is_not_in_the_bucket_stays)
{
	struct fake_object *o;

	start("60000");
	make("s3/b/dir/dirty", false);
	cr_assert_not(cache_make_room(-ENOSPC, 1));
	cr_assert_eq(evicted(), 0);
	sweep_until_clean();
	o = fake_find("b", "dir/dirty");
	cr_assert(o && o->content && o->size == BYTES && !memcmp(o->content, text, BYTES));
	stop();
}

/* As a runtime asks, of the file that it writes to, which stays as it is. */
Test(fs_room, for_a_file_that_is_open)
{
	char buf[BYTES];
	struct open_file f;

	start("60000");
	make("s3/b/dir/clean", true);
	cr_assert_eq(open_file("s3/b/dir/open", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, text, BYTES, 0);
	cr_assert_eq(by_fd(WIRE_ROOM, f.fd, 0, 1), 0);
	cr_assert_eq(by_fd(WIRE_ROOM, f.fd, 0, 1), -ENOSPC, "it says so for ever");
	cr_assert_eq(pread(f.fd, buf, BYTES, 0), BYTES);
	cr_assert_eq(memcmp(buf, text, BYTES), 0);
	close_file(&f);
	sweep_until_clean();
	stop();
}
