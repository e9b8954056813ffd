// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"

Test(core_secret, by_the_name)
{
	static const char *const secret[] = {"AWS_SECRET_ACCESS_KEY=x",
					     "AWS_SESSION_TOKEN=x",
					     "AZURE_STORAGE_KEY=x",
					     "AZURE_CLIENT_SECRET=",
					     "AZURE_STORAGE_CONNECTION_STRING=x",
					     "IDENTITY_HEADER=x",
					     "CLOUDSDK_AUTH_ACCESS_TOKEN=x"};
	static const char *const open[] = {"AWS_REGION=SECRET", "HOME=/TOKEN",
					   "PATH=", "AWS_WEB_IDENTITY_TOKEN_FILE=/f",
					   "SKYSHIM_META_TTL_MS=0"};
	char name[300];

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		cr_assert(secret_is_variable(secret[i]), "%s", secret[i]);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		cr_assert_not(secret_is_variable(open[i]), "%s", open[i]);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_assert(secret_is_variable(name), "too long to tell");
}

Test(core_secret, an_environment_loses_them_where_they_stood)
{
	char first[] = "AWS_REGION=here", hidden[] = "AWS_SECRET_ACCESS_KEY=hidden",
	     no_value[] = "ODD_KEY", last[] = "HOME=/h";
	char *own[] = {hidden, first, no_value, last, NULL};
	char **before = environ;

	environ = own;
	secret_wipe_environment();
	environ = before;
	cr_assert_str_eq(own[0], first);
	cr_assert_str_eq(own[1], no_value);
	cr_assert_str_eq(own[2], last);
	cr_assert_null(own[3]);
	cr_assert_eq(memcmp(hidden, "AWS_SECRET_ACCESS_KEY=\0\0\0\0\0\0", sizeof(hidden)), 0);
	cr_assert_str_eq(first, "AWS_REGION=here");
}

Test(core_secret, what_jansson_frees_is_overwritten)
{
	json_malloc_t make;
	json_free_t drop;

	secret_wipe_json();
	json_get_alloc_funcs(&make, &drop);
	cr_assert_eq(make, malloc);
	cr_assert_neq(drop, free);
	drop(NULL);
	drop(make(100)); /* what was in it nobody may look at any more: the sanitizers see to it */
}
