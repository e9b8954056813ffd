// SPDX-License-Identifier: Apache-2.0
/* Names that are held: who waits for whom, and that nobody waits for ever. */
#include "fs/namelock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define WAIT_US 50000 /* in which somebody who must wait might not have */

/* Somebody else, who takes names, and lets them go when he is told to. */
struct other {
	pthread_t thread;
	struct namelock names;
	const char *wait; /* he only waits for this one */
	atomic_bool has, may_go;
};

static void *take(void *arg)
{
	struct other *o = arg;

	if (o->wait) {
		namelock_wait(o->wait);
		o->has = true;
		return NULL;
	}
	namelock_take(&o->names);
	o->has = true;
	while (!o->may_go)
		usleep(1000);
	namelock_drop(&o->names);
	return NULL;
}

static void begin(struct other *o)
{
	cr_assert_eq(pthread_create(&o->thread, NULL, take, o), 0);
}

static void want_held(struct other *o)
{
	while (!o->has) /* the suite's time is the limit */
		usleep(1000);
}

static void want_waiting(const struct other *o)
{
	usleep(WAIT_US);
	cr_assert_not(o->has, "does not wait");
}

static void end(struct other *o)
{
	o->may_go = true;
	pthread_join(o->thread, NULL);
}

TestSuite(fs_namelock, .timeout = 60);

static void meet(const char *a, const char *b)
{
	struct namelock mine = {.object = {a}, .count = 1};
	struct other o = {.names = {.object = {b}, .count = 1}};

	namelock_take(&mine);
	cr_assert(namelock_is_mine());
	begin(&o);
	want_waiting(&o);
	namelock_drop(&mine);
	cr_assert_not(namelock_is_mine());
	want_held(&o);
	end(&o);
}

static void pass(const char *a, const char *b)
{
	struct namelock mine = {.object = {a}, .count = 1};
	struct other o = {.names = {.object = {b}, .count = 1}};

	namelock_take(&mine);
	begin(&o);
	want_held(&o);
	end(&o);
	namelock_drop(&mine);
}

Test(fs_namelock, the_same_name_is_held_once)
{
	meet("s3/b/a", "s3/b/a");
	meet("s3/b/a", "s3/b/a/"); /* whatever kind it is */
	meet("s3/b/a/", "s3/b/a");
}

Test(fs_namelock, other_names_are_not_waited_for)
{
	pass("s3/b/a", "s3/b/ab");
	pass("s3/b/a/", "s3/b/a/x"); /* the directory itself, and what is in it */
	pass("s3/b/a/x", "s3/b/a");
	pass("s3/b/a", "s3/c/a");
}

Test(fs_namelock, none_are_no_lock)
{
	struct namelock none = {0};

	namelock_take(&none);
	cr_assert_not(namelock_is_mine());
	namelock_drop(&none);
	namelock_leave();
}

/* So that no two can wait for each other. */
Test(fs_namelock, who_waits_holds_none)
{
	struct namelock mine = {.object = {"s3/b/x"}, .count = 1};
	struct other one = {.names = {.object = {"s3/b/y"}, .count = 1}};
	struct other both = {.names = {.object = {"s3/b/y", "s3/b/x"}, .count = 2}};

	namelock_take(&mine);
	begin(&one);
	want_held(&one);
	begin(&both);
	want_waiting(&both);
	end(&one);
	want_waiting(&both); /* one of them is free, and it has not got that */
	namelock_wait("s3/b/y");
	namelock_drop(&mine);
	want_held(&both);
	end(&both);
}

/* Who wants two that are never free at once: who comes later for either waits for him. */
Test(fs_namelock, who_waits_is_not_passed)
{
	struct namelock mine = {.object = {"s3/b/x"}, .count = 1};
	struct other both = {.names = {.object = {"s3/b/y", "s3/b/x"}, .count = 2}};
	struct other y = {.names = {.object = {"s3/b/y"}, .count = 1}};
	struct other x = {.names = {.object = {"s3/b/x", "s3/b/z"}, .count = 2}};
	struct other unconcerned = {.names = {.object = {"s3/b/w"}, .count = 1}};

	namelock_take(&mine);
	begin(&both);
	want_waiting(&both);
	begin(&y);
	want_waiting(&y);
	begin(&x);
	begin(&unconcerned);
	want_held(&unconcerned);
	end(&unconcerned);
	namelock_drop(&mine);
	want_held(&both);
	want_waiting(&y);
	want_waiting(&x);
	end(&both);
	want_held(&y);
	want_held(&x);
	end(&y);
	end(&x);
}

/* What was found out about names is worth nothing from then on, so others may come at once. */
Test(fs_namelock, who_leaves_early_holds_none)
{
	struct namelock mine = {.object = {"s3/b/x", "s3/b/y"}, .count = 2};
	struct other first = {.names = {.object = {"s3/b/y"}, .count = 1}};
	struct other second = {.names = {.object = {"s3/b/y"}, .count = 1}};

	namelock_take(&mine);
	begin(&first);
	want_waiting(&first);
	namelock_leave();
	cr_assert_not(namelock_is_mine());
	want_held(&first);
	namelock_drop(&mine); /* is over already, and takes nothing from the one who has it now */
	begin(&second);
	want_waiting(&second);
	end(&first);
	want_held(&second);
	end(&second);
}

/* As a directory's rename waits for those who are at work below it. */
Test(fs_namelock, names_below_are_waited_for_but_not_ones_own)
{
	struct namelock mine = {.object = {"s3/b/d/", "s3/b/d/mine"}, .count = 2};
	struct namelock below = {.object = {"s3/b/d/x"}, .count = 1};
	struct other above = {.wait = "s3/b/d/x/y"}, other = {.wait = "s3/b/dx"};
	struct other below_it = {.wait = "s3/b/d/"};

	namelock_take(&mine);
	namelock_wait("s3/b/d/");
	namelock_drop(&mine);

	namelock_take(&below);
	begin(&above);
	begin(&other);
	want_held(&above);
	want_held(&other);
	begin(&below_it);
	want_waiting(&below_it);
	namelock_drop(&below);
	want_held(&below_it);
	end(&above);
	end(&other);
	end(&below_it);
}

#define CROWD  6
#define ROUNDS 2000

static const char *const all[] = {"s3/b/0", "s3/b/1", "s3/b/2"};
static atomic_int holders[3];

/* Pairs in every order. */
static void *crowd(void *arg)
{
	unsigned number = *(unsigned *)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned a = (number + i) % 3, b = (a + 1 + (number + i / 3) % 2) % 3;
		struct namelock names = {.object = {all[a], all[b]}, .count = 2};

		namelock_take(&names);
		cr_assert_eq(atomic_fetch_add(&holders[a], 1), 0);
		cr_assert_eq(atomic_fetch_add(&holders[b], 1), 0);
		atomic_fetch_sub(&holders[a], 1);
		atomic_fetch_sub(&holders[b], 1);
		if (i % 5)
			namelock_drop(&names);
		else
			namelock_leave();
	}
	return NULL;
}

Test(fs_namelock, pairs_in_every_order_come_to_an_end)
{
	pthread_t thread[CROWD];
	unsigned number[CROWD];

	for (unsigned i = 0; i < CROWD; i++) {
		number[i] = i;
		cr_assert_eq(pthread_create(&thread[i], NULL, crowd, &number[i]), 0);
	}
	for (unsigned i = 0; i < CROWD; i++)
		pthread_join(thread[i], NULL);
}
