/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/store/stats.h"

static const char *const verbs[] = {"Get", "Put", NULL};

static void one(const char *verb, int status)
{
	struct stats_entry e = {.verb = verb,
				.method = "GET",
				.path = "/a\"b",
				.query = "q",
				.range = "",
				.status = status,
				.bytes_out = 5,
				.fault = FAULT_RESET};

	stats_begin(verb);
	stats_end(&e);
}

static void expect(const char *text)
{
	struct buf b = {0};

	stats_json(&b);
	cr_expect(strstr(b.data, text), "%s in %s", text, b.data);
	buf_free(&b);
}

Test(store_stats, counts_and_resets)
{
	struct buf log = {0};

	stats_verbs(verbs);
	stats_begin("Get");
	one("Get", 200);
	one("Put", 404);
	one("Put", 0);
	expect("\"requests\":4,\"errors\":2,\"bytes_in\":0,\"bytes_out\":15");
	expect("\"parallel\":1,\"max_parallel\":2");
	expect("\"verbs\":{\"Get\":2,\"Put\":2}");
	expect("\"status\":{\"0\":1,\"200\":1,\"404\":1}");
	expect("\"reset\":3");
	stats_log_json(&log);
	cr_expect(strstr(log.data, "\"path\":\"/a\\\"b\""));
	buf_free(&log);
	stats_reset();
	expect("\"requests\":0");
	expect("\"parallel\":1,\"max_parallel\":1");
	stats_log_json(&log);
	cr_expect_str_eq(log.data, "[\n]\n");
	buf_free(&log);
}

Test(store_stats, the_log_keeps_the_newest)
{
	struct buf log = {0};

	stats_verbs(verbs);
	for (int i = 0; i < STATS_LOG_MAX + 3; i++)
		one("Get", i < 3 ? 418 : 200);
	stats_log_json(&log);
	cr_expect(!strstr(log.data, "418"));
	buf_free(&log);
}
