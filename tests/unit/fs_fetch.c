/* SPDX-License-Identifier: Apache-2.0 */
/* A GET that was begun before anybody wanted the file. */
#include "tests/unit/writing_rig.h"

#define OBJECT "s3/b/k"

static struct cache_file *file;
static pthread_t thread;
static int landed = 1;

static void *reader(void *arg)
{
	(void)arg;
	return cache_ensure(file, 0, MIB, 0, NULL) ? &landed : NULL;
}

/* It is known what the object is, and none of its bytes are there: somebody comes to wait for them.
 */
static void come(const struct store_call *get)
{
	fake.after_begin = NULL;
	cr_assert(get->is_ahead);
	cr_assert_not(__atomic_load_n(get->is_wanted, __ATOMIC_RELAXED));
	file = cache_find(ctx, OBJECT, NULL);
	cr_assert_not_null(file);
	cr_assert_eq(pthread_create(&thread, NULL, reader, NULL), 0);
	while (!__atomic_load_n(get->is_wanted, __ATOMIC_RELAXED))
		usleep(1000);
}

static void has_landed(const uint8_t *id, const char *object, int error)
{
	cr_assert_not(memcmp(id, ctx, sizeof(ctx)));
	cr_assert_str_eq(object, OBJECT);
	__atomic_store_n(&landed, error, __ATOMIC_RELEASE);
}

Test(fs_fetch, who_waits_for_what_was_begun_ahead_is_known, .timeout = 60)
{
	struct lookup *q;
	void *failed;

	start("60000");
	fake_put("b", "k", MIB);
	cr_assert_eq(op(WIRE_STAT, OBJECT, 0), 0);
	q = lookup_of(ctx, OBJECT);
	cr_assert_not_null(q);
	cr_assert(meta_enter_ahead(ctx, OBJECT));
	fake.after_begin = come;
	cr_assert_eq(fetch_ahead(q, has_landed), 0);
	while (__atomic_load_n(&landed, __ATOMIC_ACQUIRE) == 1)
		usleep(1000);
	cr_assert_eq(landed, 0);
	pthread_join(thread, &failed);
	cr_assert_null(failed);
	cache_put(file);
	free(q);
	stop();
}
