// SPDX-License-Identifier: Apache-2.0
#include "core/identify.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/driver_rig.h"

static struct store_identity id;

TestSuite(core_identify, .init = rig_setup, .fini = rig_teardown);

Test(core_identify, a_key_that_is_given)
{
	cr_assert_eq(store_identify(rig_ctx, "s3", "media", &id), 0);
	cr_assert_eq(id.error, 0);
	cr_assert_str_eq(id.creds.source, "environment (key AK...)");
	cr_assert_str_eq(id.creds.secret, "");
	cr_assert_not_null(strstr(id.site.origin, "http://127.0.0.1:"));
	cr_assert_str_eq(id.creds.tried, "environment\tused\n");
	cr_assert_eq(fault.requests, 0);
}

static struct context *container(void)
{
	char env[512];
	uint8_t ctx_id[WIRE_CTX_BYTES];
	struct context *ctx;
	int len = snprintf(env, sizeof(env),
			   "AWS_CONFIG_FILE=/dev/null%cAWS_SHARED_CREDENTIALS_FILE=/dev/null%c"
			   "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/creds",
			   0, 0, fault.port);

	cr_assert_eq(context_register(env, (size_t)len + 1, &ctx, ctx_id), 0);
	return ctx;
}

Test(core_identify, one_that_has_to_be_asked_for)
{
	fault.step[0] = RIG_RAW("HTTP/1.1 200 OK\r\n\r\n{\"AccessKeyId\":\"ASIAEXAMPLEKEY\","
				"\"SecretAccessKey\":\"sss\",\"Token\":\"ttt\",\"Expiration\":"
				"\"2040-01-01T00:00:00Z\"}");
	cr_assert_eq(store_identify(container(), "s3", NULL, &id), 0);
	cr_assert_eq(id.error, 0, "%s", id.message);
	cr_assert_eq(id.creds.expires_s, 2208988800);
	cr_assert_not_null(strstr(id.creds.source, "container at "));
	cr_assert_str_eq(id.creds.secret, "");
	cr_assert_str_eq(id.creds.token, "");
}

Test(core_identify, none_and_why)
{
	fault.step[0] = RIG_RAW("HTTP/1.1 404 No\r\n\r\n");
	cr_assert_eq(store_identify(container(), "s3", "b", &id), 0);
	cr_assert_eq(id.error, -EACCES);
	cr_assert_not_null(strstr(id.message, "refuses (404)"), "%s", id.message);
	cr_assert_not_null(strstr(id.creds.tried, "container\tfailed: "), "%s", id.creds.tried);
	cr_assert_neq(id.site.origin[0], '\0');
}

Test(core_identify, no_such_store)
{
	cr_assert_eq(store_identify(rig_ctx, "ftp", NULL, &id), -EINVAL);
}
