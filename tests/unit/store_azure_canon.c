/* SPDX-License-Identifier: Apache-2.0 */
/* The text that Microsoft's "Authorize with Shared Key" shows; how requests of Microsoft's own
 * client fare is in tests/azure/dialect. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/azure.h"

static void expect(const char *method, const char *path, const char *query,
		   const char *const headers[], const char *want)
{
	struct request req = {.method = method, .path = strdup(path)};
	struct buf text = {0};

	for (; *headers; headers += 2)
		headers_add(&req.headers, headers[0], headers[1]);
	cr_assert_eq(uri_params_parse(query, &req.params), 0);
	azure_canon(&req, "myaccount", &text);
	cr_expect_str_eq(text.data, want, "%s", text.data);
	buf_free(&text);
	headers_free(&req.headers);
	uri_params_free(&req.params);
	free(req.path);
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(store_azure_canon, as_microsoft_shows)
{
	expect("GET", "/mycontainer", "restype=container&comp=metadata&timeout=20",
	       HEADERS("x-ms-version", "2015-02-21", "x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
	       "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
	       "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\n"
	       "restype:container\ntimeout:20");
	expect("GET", "/mycontainer",
	       "restype=container&comp=list&include=snapshots&include=metadata&"
	       "include=uncommittedblobs",
	       HEADERS("Content-Length", "0"),
	       "GET\n\n\n\n\n\n\n\n\n\n\n\n/myaccount/mycontainer\ncomp:list\n"
	       "include:metadata,snapshots,uncommittedblobs\nrestype:container");
}

Test(store_azure_canon, what_is_folded_and_how_it_is_sorted)
{
	expect("PUT", "/c/a%20b", "",
	       HEADERS("X-MS-Meta-B", " two  words\t", "x-ms-meta-a1", "1", "x-ms-meta-a_", "2",
		       "x-ms-meta-ab", "3", "Content-Length", "5", "If-Match", "\"e\"", "Date",
		       "now", "x-ms-date", "then"),
	       "PUT\n\n\n5\n\n\n\n\n\"e\"\n\n\n\nx-ms-date:then\nx-ms-meta-a_:2\n"
	       "x-ms-meta-a1:1\nx-ms-meta-ab:3\nx-ms-meta-b:two words\n/myaccount/c/a%20b");
}

Test(store_azure_canon, no_signature_without_a_key)
{
	struct buf text = {0};
	char out[64];

	buf_str(&text, "text");
	cr_expect(azure_canon_sign("a2V5", &text, out, sizeof(out)));
	/* printf text | openssl dgst -sha256 -hmac key -binary | base64 */
	cr_expect_str_eq(out, "avqQRqlXnK0UOjhMG1ZLmiUNJ9b2pj+fIL86dZTJ4sY=");
	cr_expect_not(azure_canon_sign("", &text, out, sizeof(out)));
	cr_expect_not(azure_canon_sign("abc", &text, out, sizeof(out)));
	buf_free(&text);
}
