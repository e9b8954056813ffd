/* SPDX-License-Identifier: Apache-2.0 */
/* Listings in parts as their readers have them: several at once, and one who comes late. */
#include "tests/unit/writing_rig.h"

#include <pthread.h>

#define READERS 6

static struct name name;
static const char path[] = "s3/b/wide";

static void fill(unsigned count, unsigned page)
{
	char key[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "wide/f%04u", i);
		fake_put("b", key, 5);
	}
	fake.page = page;
	cr_assert_eq(name_parse(path, strlen(path), &name), 0);
}

static struct listing *begin(void)
{
	char message[STORE_MESSAGE_BYTES];
	struct listing *l = NULL;

	cr_assert_eq(listing_open(context_find(ctx), &name, path, &l, message), 0);
	return l;
}

static void *read_on(void *arg)
{
	char message[STORE_MESSAGE_BYTES];
	uint64_t at;
	int ret;

	do {
		at = listing_shown(arg);
		ret = listing_ensure(arg, at, false, message);
	} while (!ret && listing_shown(arg) > at);
	return (void *)(intptr_t)ret;
}

static void setup(void)
{
	start("0");
}

static void teardown(void)
{
	stop();
}

TestSuite(fs_listingwide, .init = setup, .fini = teardown);

/* The last page is shown by one of them, and what goes on in parts ends with the last. */
Test(fs_listingwide, readers_side_by_side)
{
	fill(40, 2);
	for (unsigned round = 0; round < 300; round++) {
		struct listing *l = begin();
		pthread_t reader[READERS];
		void *ret;

		for (unsigned i = 0; i < READERS; i++)
			cr_assert_eq(pthread_create(&reader[i], NULL, read_on, l), 0);
		for (unsigned i = 0; i < READERS; i++) {
			cr_assert_eq(pthread_join(reader[i], &ret), 0);
			cr_assert_null(ret);
		}
		listing_put(l);
	}
}
