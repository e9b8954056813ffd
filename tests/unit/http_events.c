// SPDX-License-Identifier: Apache-2.0
/* Waiting for sockets, timers and others, by itself. */
#include "core/http/events.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fault_server.h"

#define LONG_MS 60000 /* nobody waits so long: the tests' own time-out is shorter */

static struct events events;
static CURLM *multi;

static void begin(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	cr_assert(multi);
	cr_assert_eq(events_open(&events, multi), 0);
}

static void end(void)
{
	curl_multi_cleanup(multi);
	events_close(&events);
}

TestSuite(http_events, .init = begin, .fini = end, .timeout = 30);

static void *wake(void *arg)
{
	usleep(20000);
	events_wake(arg);
	return NULL;
}

Test(http_events, who_waits_is_woken)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, wake, &events), 0);
	events_wait(&events, LONG_MS);
	cr_assert_eq(events.ready_count, 1);
	events_run_ready(&events);
	pthread_join(thread, NULL);
	events_wait(&events, 0);
	cr_assert_eq(events.ready_count, 0, "once is enough");
}

Test(http_events, who_is_woken_before_does_not_wait)
{
	events_wake(&events);
	events_wake(&events);
	events_wait(&events, LONG_MS);
	cr_assert_eq(events.ready_count, 1);
	events_run_ready(&events);
	events_wait(&events, 0);
	cr_assert_eq(events.ready_count, 0);
}

Test(http_events, a_wait_has_an_end)
{
	int64_t before = clock_mono_ms();

	events_wait(&events, 50);
	cr_assert_eq(events.ready_count, 0);
	cr_assert_geq(clock_mono_ms() - before, 49);
}

static size_t count_bytes(char *data, size_t size, size_t count, void *arg)
{
	(void)data;
	*(size_t *)arg += size * count;
	return size * count;
}

static CURL *add(long timeout_ms, size_t *bytes)
{
	CURL *easy = curl_easy_init();
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", fault.port);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, bytes);
	cr_assert_eq(curl_multi_add_handle(multi, easy), CURLM_OK);
	return easy;
}

static CURLMsg *run_until_one_ends(void)
{
	CURLMsg *message;
	int left;

	while (!(message = curl_multi_info_read(multi, &left))) {
		events_wait(&events, LONG_MS);
		events_run_ready(&events);
		events_run_due(&events);
	}
	return message;
}

static void drop(CURL *easy)
{
	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
}

/* A connection is used again, and what became of the first exchange is not the second's. */
Test(http_events, exchanges_go_on_by_what_is_ready)
{
	size_t bytes = 0;

	fault_start(2000000, "\"e\"");
	for (size_t i = 1; i <= 3; i++) {
		CURL *easy = add(0, &bytes);
		CURLMsg *message = run_until_one_ends();

		cr_assert_eq(message->easy_handle, easy);
		cr_assert_eq(message->data.result, CURLE_OK);
		cr_assert_eq(bytes, i * 2000000);
		drop(easy);
	}
	cr_assert_eq(fault.connections, 1u);
	fault_stop();
}

/* libcurl's own timers count, too, without any socket that is ready. */
Test(http_events, a_timer_ends_a_wait)
{
	size_t bytes = 0;
	CURL *easy;

	fault_start(10, "\"e\"");
	fault.step[0].kind = FAULT_SILENCE;
	easy = add(100, &bytes);
	cr_assert_eq(run_until_one_ends()->data.result, CURLE_OPERATION_TIMEDOUT);
	drop(easy);
	fault_stop();
}
