// SPDX-License-Identifier: Apache-2.0
#include "core/http/uri.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(http_uri, every_byte_survives_there_and_back)
{
	SCOPE_BUFFER struct buffer out = BUFFER_INIT(4096);
	char all[256];

	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	cr_assert_eq(uri_encode(&out, all, 255, false), 0);
	for (const char *c = out.data; *c; c++)
		cr_assert_not_null(strchr("%-._~0123456789abcdefghijklmnopqrstuvwxyz"
					  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
					  *c));
	cr_assert_eq(uri_decode(out.data), 255);
	cr_assert_str_eq(out.data, all);
}

Test(http_uri, encodes_as_signatures_want)
{
	SCOPE_BUFFER struct buffer out = BUFFER_INIT(4096);

	uri_encode(&out, "a b+c%/~*'()\xc3\xa9", 14, true);
	cr_assert_str_eq(out.data, "a%20b%2Bc%25/~%2A%27%28%29%C3%A9");
	buffer_clear(&out);
	uri_encode(&out, "a/b", 3, false);
	cr_assert_str_eq(out.data, "a%2Fb");
}

Test(http_uri, builds_queries)
{
	SCOPE_BUFFER struct buffer out = BUFFER_INIT(30);

	buffer_add_text(&out, "/b");
	cr_assert_eq(uri_add_query(&out, "a", "1/2"), 0);
	cr_assert_eq(uri_add_query(&out, "b", ""), 0);
	cr_assert_str_eq(out.data, "/b?a=1%2F2&b=");
	cr_assert_eq(uri_add_query(&out, "ccccccccccc", "ddddddddddd"), -EMSGSIZE);
}

Test(http_uri, decoding_refuses_what_is_broken)
{
	char plus[] = "a+b%2B", path_form[] = "a+b%2B";
	char broken[] = "a%2";
	char other[] = "a%zz";
	char nul[] = "a%00b";

	cr_assert_eq(uri_decode_path(path_form), 4);
	cr_assert_str_eq(path_form, "a+b+");
	cr_assert_eq(uri_decode(plus), 4);
	cr_assert_str_eq(plus, "a b+");
	cr_assert_eq(uri_decode(broken), -EINVAL);
	cr_assert_eq(uri_decode(other), -EINVAL);
	cr_assert_eq(uri_decode(nul), -EILSEQ);
}

Test(http_uri, takes_origins_apart)
{
	struct uri_origin o;

	cr_assert_eq(uri_parse_origin("https://s3.example.com", &o), 0);
	cr_assert(o.tls && !o.port && !o.path[0]);
	cr_assert_str_eq(o.host, "s3.example.com");
	cr_assert_eq(uri_parse_origin("HTTP://127.0.0.1:9000/", &o), 0);
	cr_assert(!o.tls && o.port == 9000 && !o.path[0]);
	cr_assert_eq(uri_parse_origin("http://[::1]:80/store/v1/", &o), 0);
	cr_assert_str_eq(o.host, "[::1]");
	cr_assert_str_eq(o.path, "/store/v1");
}

Test(http_uri, refuses_what_is_no_origin)
{
	static const char *const bad[] = {
		"",	      "localhost:9000",	     "ftp://h",	       "http://",
		"http://u@h", "http://h:0",	     "http://h:65536", "http://h:",
		"http://h:a", "http://h/?q",	     "http://h/#f",    "http://h h",
		"http://[::", "http://h\r\nX: evil", "https://h/a b",  "http://:80",
	};
	struct uri_origin o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(uri_parse_origin(bad[i], &o), -EINVAL, "%s", bad[i]);
}
