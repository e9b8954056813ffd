// SPDX-License-Identifier: Apache-2.0
#include "core/context.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t id[WIRE_CTX_BYTES];

/* The size of a string literal counts its last NUL. */
#define REGISTER(text, out) context_register(text, sizeof(text), out, id)

Test(core_context, order_and_repetition_do_not_matter)
{
	struct context *a;
	struct context *b;

	cr_assert_eq(REGISTER("AWS_REGION=x\0HOME=/h\0AWS_PROFILE=p", &a), 0);
	cr_assert_eq(REGISTER("HOME=/h\0AWS_PROFILE=p\0HOME=/h\0AWS_REGION=x", &b), 0);
	cr_assert_eq(a, b);
	cr_assert_eq(memcmp(id, context_id(a), sizeof(id)), 0);
	cr_assert_eq(context_find(id), a);
	context_free_all();
	cr_assert_null(context_find(id));
}

Test(core_context, another_value_is_another_context)
{
	struct context *a;
	struct context *b;

	cr_assert_eq(REGISTER("AWS_REGION=x\0HOME=/h", &a), 0);
	cr_assert_eq(REGISTER("AWS_REGION=x\0HOME=/i", &b), 0);
	cr_assert_neq(a, b);
	/* the border between entries counts */
	cr_assert_eq(REGISTER("AWS_A=1AWS_B=2", &a), 0);
	cr_assert_eq(REGISTER("AWS_A=1\0AWS_B=2", &b), 0);
	cr_assert_neq(a, b);
	context_free_all();
}

Test(core_context, only_what_is_wanted_counts)
{
	struct context *a;
	struct context *b;

	cr_assert_eq(REGISTER("AWS_REGION=x", &a), 0);
	cr_assert_eq(REGISTER("PATH=/bin\0AWS_REGION=x\0HOMEBREW=1", &b), 0);
	cr_assert_eq(a, b);
	cr_assert_null(context_env(a, "PATH"));
	cr_assert_eq(context_register("", 0, &a, id), 0);
	cr_assert_null(context_env(a, "AWS_REGION"));
	context_free_all();
}

Test(core_context, the_first_of_a_name_wins_as_in_getenv)
{
	struct context *a;

	cr_assert_eq(REGISTER("AWS_REGION=z\0AWS_REGION=a", &a), 0);
	cr_assert_str_eq(context_env(a, "AWS_REGION"), "z");
	cr_assert_null(context_env(a, "AWS_REG"));
	cr_assert_null(context_env(a, "AWS_REGION2"));
	context_free_all();
}

Test(core_context, refuses_another_shape)
{
	struct context *a = NULL;

	cr_assert_eq(context_register("AWS_A=1", 7, &a, id), -EINVAL); /* no NUL */
	cr_assert_eq(REGISTER("AWS_A", &a), -EINVAL);
	cr_assert_eq(REGISTER("AWS_A=1\0", &a), -EINVAL); /* an empty entry */
	cr_assert_eq(REGISTER("=1", &a), -EINVAL);
	cr_assert_eq(context_register("", WIRE_MSG_MAX + 1, &a, id), -EINVAL);
	cr_assert_null(a);
}

static int register_number(int i, struct context **out)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "AWS_REGION=%d", i);

	return context_register(text, (size_t)len + 1, out, id);
}

Test(core_context, there_is_a_ceiling)
{
	struct context *a;

	for (int i = 0; i < CONTEXTS_MAX; i++)
		cr_assert_eq(register_number(i, &a), 0, "%d", i);
	cr_assert_eq(register_number(CONTEXTS_MAX, &a), -EMFILE);
	cr_assert_eq(context_total(), (size_t)CONTEXTS_MAX);
	/* those that are known still are */
	for (int i = 0; i < CONTEXTS_MAX; i++) {
		char number[16];

		cr_assert_eq(register_number(i, &a), 0);
		snprintf(number, sizeof(number), "%d", i);
		cr_assert_str_eq(context_env(a, "AWS_REGION"), number);
		cr_assert_eq(context_find(id), a);
	}
	context_free_all();
	cr_assert_null(context_find(id));
	cr_assert_eq(register_number(CONTEXTS_MAX, &a), 0);
	context_free_all();
}
