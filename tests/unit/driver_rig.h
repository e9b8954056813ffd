/* SPDX-License-Identifier: Apache-2.0 */
/* The whole driver, with S3 as its back end, on the server of fault_server.h: for tests of writes.
 */
#ifndef TESTS_UNIT_DRIVER_RIG_H
#define TESTS_UNIT_DRIVER_RIG_H

#include <criterion/criterion.h>

#include "core/context.h"
#include "core/driver.h"
#include "core/log.h"
#include "core/store.h"
#include "s3/s3.h"
#include "tests/unit/fault_server.h"

#define RIG_RAW(text) ((struct fault_step){.kind = FAULT_RAW, .raw = (text)})

static struct context *rig_ctx;

static inline void rig_start(int64_t stall_ms, int64_t answer_ms)
{
	char env[512];
	uint8_t id[WIRE_CTX_BYTES];
	size_t len;
	struct http_limits http = HTTP_LIMITS_DEFAULT;
	struct flight_limits flight = FLIGHT_LIMITS_DEFAULT;

	http.connect_ms = http.stall_ms = stall_ms;
	http.first_byte_ms = http.work_ms = answer_ms;
	flight.retry_base_ms = 1;
	flight.retry_cap_ms = 10;
	driver_set_limits(&http, &flight);
	fault_start(0, "");
	len = (size_t)snprintf(env, sizeof(env),
			       "AWS_ACCESS_KEY_ID=AKIDEXAMPLE%cAWS_SECRET_ACCESS_KEY=x%c"
			       "AWS_CONFIG_FILE=/dev/null%cAWS_SHARED_CREDENTIALS_FILE=/dev/null%c"
			       "AWS_ENDPOINT_URL=http://127.0.0.1:%u",
			       0, 0, 0, 0, fault.port) +
	      1;
	cr_assert_eq(context_register(env, len, &rig_ctx, id), 0);
	cr_assert_eq(store_register(&s3_ops), 0);
	log_open("error");
	cr_assert_eq(store_start(1), 0);
}

/* A busy machine is no fault of the server's. */
static inline void rig_setup(void)
{
	rig_start(20000, 20000);
}

/* For tests of servers that are slow or silent. */
static inline void rig_setup_hasty(void)
{
	rig_start(300, 400);
}

static inline void rig_teardown(void)
{
	store_stop();
	fault_stop();
	context_free_all();
}

/* About media/"a b". */
static inline struct store_call rig_call(enum store_verb verb)
{
	return (struct store_call){
		.verb = verb,
		.ctx = rig_ctx,
		.scheme = "s3",
		.bucket = "media",
		.key = "a b",
	};
}

/* Does request number (from 0) hold that text in its head? */
static inline bool rig_has(unsigned number, const char *text)
{
	return strcasestr(fault.request[number], text) != NULL;
}

static inline void rig_all_steps(struct fault_step step)
{
	for (int i = 0; i < FAULT_STEPS_MAX; i++)
		fault.step[i] = step;
}

#endif
