/* SPDX-License-Identifier: Apache-2.0 */
/* How many directories may be open: as many as memory holds, at no descriptor each. */
#include "tests/unit/writing_rig.h"

#include <dirent.h>

#include "core/memory.h"

#define MANY 3000u

static struct listing *held[MANY];
static char message[STORE_MESSAGE_BYTES];

/* Of long names, each with two pages. */
static void fill(void)
{
	char key[300];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "%0200u/f", i);
		fake_put("b", key, 5);
	}
	fake.page = 1;
}

static int open_nth(unsigned i, struct listing **out)
{
	struct name name;
	char path[300];

	snprintf(path, sizeof(path), "s3/b/%0200u", i);
	cr_assert_eq(name_parse(path, strlen(path), &name), 0);
	return listing_open(context_find(ctx), &name, path, out, message);
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void put_all(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		if (held[i])
			listing_put(held[i]);
		held[i] = NULL;
	}
}

Test(fs_listings, thousands_are_open)
{
	unsigned before;

	start("60000");
	fill();
	before = descriptors();
	for (unsigned i = 0; i < MANY; i++)
		cr_assert_eq(open_nth(i, &held[i]), 0, "%u", i);
	cr_assert_lt(descriptors(), before + 20, "each costs a descriptor");
	for (unsigned i = 0; i < MANY; i++) {
		int fd = listing_open_data(held[i], O_RDONLY);
		struct listing *found;
		struct stat st;

		cr_assert_eq(fstat(fd, &st), 0);
		close(fd);
		found = listing_find_inode(st.st_dev, st.st_ino);
		cr_assert_eq(found, held[i], "%u", i);
		listing_put(found);
		cr_assert_eq(listing_ensure(held[i], listing_shown(held[i]), false, message), 0);
	}
	put_all();
	listing_sweep(true);
	cr_assert_eq(listing_count(), 0);
	stop();
}

/* One more than there is memory for is refused with a line, unless there is one that nobody has
 * open: by a reference, or by its file. */
Test(fs_listings, as_many_as_memory_holds)
{
	struct listing *more = NULL;
	unsigned n = 0;
	int fd, ret;

	memory_set_cap(MEMORY_CAP_MIN);
	start("60000");
	fill();
	do {
		ret = open_nth(n, &held[n]);
		n += !ret;
	} while (!ret && n < MANY);
	cr_assert_eq(ret, -ENFILE);
	cr_assert_gt(n, 2048, "%u", n);
	cr_assert_not_null(strstr(message, "memory_cap"));
	cr_assert_leq(memory_of(MEMORY_LISTINGS), MEMORY_CAP_MIN / 4 + 4096);
	fd = listing_open_data(held[5], O_RDONLY);
	listing_put(held[5]);
	held[5] = NULL;
	sleep(1); /* that none could leave is believed for so long */
	cr_assert_eq(open_nth(n, &more), -ENFILE);
	close(fd);
	sleep(1);
	cr_assert_eq(open_nth(n, &more), 0);
	listing_put(more);
	put_all();
	cr_assert_eq(open_nth(n + 1, &more), 0);
	listing_put(more);
	memory_set_cap(0);
	stop();
}
