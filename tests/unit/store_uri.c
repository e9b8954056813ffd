/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/store/uri.h"

static void decodes(const char *text, const char *expected, bool plus)
{
	char copy[64];
	long len;

	strcpy(copy, text);
	len = uri_decode(copy, strlen(copy), plus);
	if (!expected) {
		cr_expect_eq(len, -EINVAL, "%s", text);
		return;
	}
	cr_expect_eq(len, (long)strlen(expected));
	cr_expect_str_eq(copy, expected);
}

Test(store_uri, decode)
{
	decodes("a%20b%2Fc%2f", "a b/c/", false);
	decodes("a+b", "a+b", false);
	decodes("a+b", "a b", true);
	decodes("%41", "A", false);
	decodes("", "", false);
	decodes("%", NULL, false);
	decodes("a%4", NULL, false);
	decodes("%zz", NULL, false);
	decodes("%00", NULL, false);
}

Test(store_uri, encode)
{
	struct buf b = {0};

	uri_encode(&b, "a-._~/ +\303\251", 10, true);
	cr_expect_str_eq(b.data, "a-._~/%20%2B%C3%A9");
	b.len = 0;
	uri_encode(&b, "/", 1, false);
	cr_expect_str_eq(b.data, "%2F");
	buf_free(&b);
}

Test(store_uri, params)
{
	struct uri_params p;
	struct buf many = {0};

	cr_assert_eq(uri_params_parse("a=1&b&c=x%26y=z&&d=+&a=2", &p), 0);
	cr_expect_eq(p.count, 5);
	cr_expect_str_eq(uri_params_get(&p, "a"), "1");
	cr_expect_str_eq(uri_params_get(&p, "b"), "");
	cr_expect_str_eq(uri_params_get(&p, "c"), "x&y=z");
	cr_expect_str_eq(uri_params_get(&p, "d"), " ");
	cr_expect_null(uri_params_get(&p, "e"));
	uri_params_free(&p);
	cr_expect_eq(uri_params_parse("a=%", &p), -EINVAL);
	for (int i = 0; i <= URI_PARAMS_MAX; i++)
		buf_str(&many, "x&");
	cr_expect_eq(uri_params_parse(many.data, &p), -E2BIG);
	buf_free(&many);
}
