// SPDX-License-Identifier: Apache-2.0
/* What is known of requests that come again, across daemons. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/deeds.h"

static char folder[] = "/tmp/fs_deeds.XXXXXX";
static int dir_fd;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(folder));
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	deeds_start(dir_fd);
}

static void teardown(void)
{
	deeds_stop();
	unlinkat(dir_fd, "deeds", 0);
	close(dir_fd);
	rmdir(folder);
}

TestSuite(fs_deeds, .init = setup, .fini = teardown, .timeout = 60);

static void die(void)
{
	deeds_stop();
	deeds_start(dir_fd);
}

static struct deed begin(uint64_t number, bool again)
{
	struct deed deed;

	deed_begin(&deed, number, again);
	return deed;
}

Test(fs_deeds, the_next_daemon_knows_how_far_it_came)
{
	struct deed deed = begin(7, false);

	cr_assert_eq(deed.was, DEED_NONE);
	deed_note(&deed, DEED_TRIED, 11);
	die();
	deed = begin(7, true);
	cr_assert(deed.was == DEED_TRIED && deed.value == 11);
	deed_note(&deed, DEED_MADE, 12);
	deed_note(&deed, DEED_TRIED, 13); /* not back */
	die();
	deed = begin(7, true);
	cr_assert(deed.was == DEED_MADE && deed.value == 12);
	deed_end(&deed, 0, 14);
	die();
	deed = begin(7, true);
	cr_assert(deed.was == DEED_DONE && deed.value == 14);
}

Test(fs_deeds, what_failed_was_not_done)
{
	struct deed deed = begin(7, false);

	deed_note(&deed, DEED_TRIED, 1);
	deed_end(&deed, -13, 0);
	die();
	cr_assert_eq(begin(7, true).was, DEED_NONE);
}

Test(fs_deeds, another_number_or_the_first_time_is_another_request)
{
	struct deed deed = begin(7, false);

	deed_note(&deed, DEED_TRIED, 1);
	deed_end(&deed, 0, 0);
	cr_assert_eq(begin(8, true).was, DEED_NONE);
	cr_assert_eq(begin(7, false).was, DEED_NONE);
}

Test(fs_deeds, of_two_with_one_number_the_last_counts)
{
	struct deed deed = begin(7, false);

	deed_note(&deed, DEED_TRIED, 1);
	deed_end(&deed, -40, 0);
	deed = begin(7, false);
	deed_note(&deed, DEED_TRIED, 2);
	die();
	deed = begin(7, true);
	cr_assert(deed.was == DEED_TRIED && deed.value == 2);
}

Test(fs_deeds, what_is_under_way_is_not_forgotten)
{
	struct deed slow = begin(7, false), deed;

	deed_note(&slow, DEED_TRIED, 1);
	for (uint64_t i = 0; i < 3 * DEEDS_MAX; i++) {
		deed = begin(100 + i, false);
		cr_assert_neq(deed.at, slow.at);
		deed_end(&deed, 0, 0);
	}
	die();
	cr_assert_eq(begin(7, true).was, DEED_TRIED);
	cr_assert_eq(begin(100 + 3 * DEEDS_MAX - 1, true).was, DEED_DONE);
	cr_assert_eq(begin(101, true).was, DEED_NONE, "the oldest are forgotten");
}

Test(fs_deeds, with_all_places_in_use_nothing_is_noted)
{
	struct deed deed;

	for (uint64_t i = 0; i < DEEDS_MAX; i++)
		cr_assert_lt(begin(100 + i, false).at, (unsigned)DEEDS_MAX);
	deed = begin(7, false);
	cr_assert_eq(deed.at, (unsigned)DEEDS_MAX);
	deed_note(&deed, DEED_TRIED, 1);
	deed_end(&deed, 0, 0);
	deed_note(NULL, DEED_TRIED, 1);
}

Test(fs_deeds, a_file_of_another_layout_is_begun_anew)
{
	int fd = openat(dir_fd, "deeds", O_RDWR | O_CLOEXEC);
	struct deed deed = begin(7, false);

	deed_note(&deed, DEED_TRIED, 1);
	deeds_stop();
	cr_assert_eq(pwrite(fd, "another", 8, 0), 8);
	deeds_start(dir_fd);
	cr_assert_eq(begin(7, true).was, DEED_NONE);
	close(fd);
}
