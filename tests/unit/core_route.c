// SPDX-License-Identifier: Apache-2.0
#include "core/route.h"

#include <criterion/criterion.h>

static struct http_route route(const char *env, size_t bytes, const char *origin, const char *ca)
{
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;

	cr_assert_eq(context_register(env, bytes, &ctx, id), 0);
	return route_to(ctx, origin, ca);
}

#define ROUTE(env, origin, ca) route(env, sizeof(env), origin, ca)

TestSuite(core_route, .fini = context_free_all);

Test(core_route, direct_by_default)
{
	struct http_route r = ROUTE("HOME=/h", "https://h", "");

	cr_assert(!r.proxy && !r.no_proxy && !r.ca_file && !r.ca_dir);
}

Test(core_route, proxies_by_scheme)
{
	static const char env[] = "https_proxy=http://p:1\0http_proxy=http://p:2\0NO_PROXY=a,b";
	struct http_route r = route(env, sizeof(env), "https://h", "");

	cr_assert_str_eq(r.proxy, "http://p:1");
	cr_assert_str_eq(r.no_proxy, "a,b");
	r = route(env, sizeof(env), "http://h", "");
	cr_assert_str_eq(r.proxy, "http://p:2");
	r = ROUTE("HTTPS_PROXY=http://p:3", "https://h", "");
	cr_assert_str_eq(r.proxy, "http://p:3");
	r = ROUTE("all_proxy=socks5://p:4\0https_proxy=", "https://h", "");
	cr_assert_str_eq(r.proxy, "socks5://p:4");
}

Test(core_route, authorities_in_order)
{
	struct http_route r;

	r = ROUTE("AWS_CA_BUNDLE=/a\0SSL_CERT_FILE=/b\0SSL_CERT_DIR=/d", "https://h", "/c");
	cr_assert_str_eq(r.ca_file, "/a");
	cr_assert_null(r.ca_dir);
	r = ROUTE("SSL_CERT_FILE=/b\0SSL_CERT_DIR=/d", "https://h", "/c");
	cr_assert_str_eq(r.ca_file, "/c");
	r = ROUTE("SSL_CERT_FILE=/b\0SSL_CERT_DIR=/d", "https://h", "");
	cr_assert_str_eq(r.ca_file, "/b");
	cr_assert_str_eq(r.ca_dir, "/d");
}
