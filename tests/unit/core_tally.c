// SPDX-License-Identifier: Apache-2.0
/* core/tally.c: jobs and what is counted for them; core/price.c: what it costs. */
#include "core/tally.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Test(tally, counts_twice)
{
	struct job *job = job_find(7, getpid(), "a job", 5);

	TALLY_ADD(job, retries, 2);
	TALLY_ADD(NULL, retries, 1);
	tally_took(job, STORE_GET, 10, 20);
	cr_assert_eq(job->tally.retries, 2);
	cr_assert_eq(tally_all.retries, 3);
	cr_assert_eq(histogram_count(&job->tally.latency[STORE_GET]), 1);
	cr_assert_eq(histogram_count(&tally_all.queued), 1);
	job_put(job);
}

Test(tally, who_it_is)
{
	struct job *job = job_find(1, getpid(), NULL, 0);

	cr_assert_neq(job->command[0], '\0', "its command line is in /proc");
	cr_assert_eq(job_find(1, 99, "cp \033[2J \377 b", 12), job);
	cr_assert_str_eq(job->command, "cp  [2J ? b");
	cr_assert_eq(job->pid, getpid());
	cr_assert_eq(job_find(1, 99, "another", 7), job);
	cr_assert_str_eq(job->command, "cp  [2J ? b");
	cr_assert_null(job_find(0, getpid(), "none", 4));
	cr_assert_null(job_known(2));
	cr_assert_eq(job_known(1), job);
	cr_assert_null(job_ref(NULL));
	job_put(NULL);
}

static void count_job(void *arg, const struct job *job)
{
	(*(unsigned *)arg)++;
	cr_assert_neq(job->id, 0);
}

/* The one used longest ago makes room; one that somebody works for does not, and when all are such
 * a new one is counted in all only. */
Test(tally, room)
{
	struct job *held = job_find(1, 0, "held", 4), *last;
	unsigned n = 0;

	TALLY_ADD(held, errors, 1);
	for (uint32_t id = 2; id < 3 * TALLY_JOBS_MAX; id++) {
		last = job_find(id, 0, "more", 4);
		cr_assert_not_null(last);
		cr_assert_eq(last->tally.errors, 0, "counts of another job's");
		TALLY_ADD(last, errors, 1);
		job_put(last);
	}
	job_each(count_job, &n);
	cr_assert_eq(n, TALLY_JOBS_MAX);
	cr_assert_eq(job_known(1), held);
	cr_assert_null(job_known(2));
	for (uint32_t id = 1000; id < 1000 + TALLY_JOBS_MAX - 1; id++)
		cr_assert_not_null(job_find(id, 0, "busy", 4));
	cr_assert_null(job_find(5000, 0, "too many", 8));
	job_put(held);
	job_put(held);
	last = job_find(5000, 0, "one left", 8);
	cr_assert_eq(last, held);
	cr_assert_eq(last->tally.errors, 0);
}

Test(tally, stores)
{
	char name[TALLY_STORES_MAX + 1][8];

	cr_assert_eq(tally_store("s3"), 0);
	cr_assert_eq(tally_store("gs"), 1);
	cr_assert_eq(tally_store("s3"), 0);
	cr_assert_str_eq(tally_store_name(1), "gs");
	cr_assert_null(tally_store_name(2));
	for (int i = 0; i <= TALLY_STORES_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "x%d", i);
		cr_assert_lt(tally_store(name[i]), TALLY_STORES_MAX);
	}
	cr_assert_null(tally_store_name(TALLY_STORES_MAX));
}

Test(tally, current)
{
	struct job *job = job_find(3, 0, "j", 1);
	uint64_t calls = job_calls();

	cr_assert_null(job_switch(job));
	cr_assert_eq(job_current(), job);
	cr_assert_eq(job_switch(NULL), job);
	job_called();
	cr_assert_eq(job_calls(), calls + 1);
}

Test(price, defaults_and_settings)
{
	static struct realm realm;
	struct price price;

	price_find(NULL, "s3", &price);
	cr_assert_eq(price_of(&price, STORE_PUT), 5000000);
	cr_assert_eq(price_of(&price, STORE_LIST), 5000000);
	cr_assert_eq(price_of(&price, STORE_GET), 400000);
	cr_assert_eq(price_of(&price, STORE_DELETE), 0);
	cr_assert_eq(price.out, 90);
	price_find(NULL, "nowhere", &price);
	cr_assert_eq(price_of(&price, STORE_PUT), 0);
	realm.set[REALM_PRICE_READ] = realm.set[REALM_PRICE_EGRESS] = true;
	strcpy(realm.value[REALM_PRICE_READ], "0.001");
	strcpy(realm.value[REALM_PRICE_EGRESS], "0");
	price_find(&realm, "gs", &price);
	cr_assert_eq(price_of(&price, STORE_HEAD), 1000000);
	cr_assert_eq(price_of(&price, STORE_COPY), 5000000);
	cr_assert_eq(price.out, 0);
}
