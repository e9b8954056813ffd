// SPDX-License-Identifier: Apache-2.0
/*
 * Azure's signatures: the text that Microsoft's "Authorize with Shared Key" shows, and requests as
 * @azure/storage-blob 12.27 made and signed them, told to with the fields that it sent.
 */
#include "azure/sharedkey.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define KEY                                                                \
	"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm" \
	"MDEyMzQ1Njc4OWFiY2RlZg=="
#define NOW 1435361952 /* Fri, 26 Jun 2015 23:39:12 GMT */

static struct header_list fields;

static void add(const char *const lines[])
{
	header_clear(&fields);
	for (; *lines; lines++)
		cr_assert_eq(header_add_line(&fields, *lines, strlen(*lines)), 0, "%s", *lines);
}

#define FIELDS(...) add((const char *const[]){__VA_ARGS__, NULL})

Test(azure_sharedkey, the_text_that_microsoft_shows)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(4096);
	const struct sharedkey_subject subject = {
		.method = "GET",
		.target = "/mycontainer?restype=container&comp=metadata&timeout=20",
	};

	FIELDS("x-ms-version: 2015-02-21", "x-ms-date: Fri, 26 Jun 2015 23:39:12 GMT");
	cr_assert_eq(sharedkey_text("myaccount", &subject, &fields, &text), 0);
	cr_assert_str_eq(buffer_text(&text), "GET\n\n\n\n\n\n\n\n\n\n\n\n"
					     "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
					     "x-ms-version:2015-02-21\n"
					     "/myaccount/mycontainer\n"
					     "comp:metadata\nrestype:container\ntimeout:20");
	header_clear(&fields);
}

static void expect(const struct sharedkey_subject *subject, const char *signature)
{
	char whole[128] = "SharedKey myaccount:";

	strcat(whole, signature);
	cr_assert_eq(sharedkey_sign("myaccount", KEY, subject, NOW, &fields), 0);
	cr_assert_str_eq(header_get(&fields, "x-ms-date"), "Fri, 26 Jun 2015 23:39:12 GMT");
	cr_assert_str_eq(header_get(&fields, "Authorization"), whole);
	header_clear(&fields);
}

Test(azure_sharedkey, as_another_client_signs)
{
	struct sharedkey_subject subject = {
		.method = "PUT",
		.target = "/mycontainer/a%20b/%C3%A9%2Bc",
		.body_bytes = 11,
	};

	FIELDS("Content-Type: application/octet-stream", "x-ms-version: 2025-05-05",
	       "x-ms-meta-mode: 33188", "x-ms-meta-a_b: 1", "x-ms-meta-a1: 2", "x-ms-meta-ab: 3",
	       "If-None-Match: *", "x-ms-blob-content-type: text/plain",
	       "x-ms-blob-type: BlockBlob",
	       "x-ms-client-request-id: 65684713-f477-4e2f-a6f3-486945c94705");
	expect(&subject, "ZvP+auQw0vN8r4iw34OOBQIQ7MH6Tc2DFrZrEh1UCEE=");

	subject.target = "/mycontainer/a%20b/%C3%A9%2Bc?comp=block&blockid=MDEyMw%3D%3D";
	subject.body_bytes = 3;
	FIELDS("Content-Type: application/octet-stream", "x-ms-version: 2025-05-05",
	       "x-ms-client-request-id: 0f5e2d73-2641-422f-9426-a8774412ac74");
	expect(&subject, "D8A6S9BQyh0h5VPMcX6YcMGInrVb8BRr7K3AdBeaGRQ=");

	subject = (struct sharedkey_subject){"GET", "/mycontainer/a%20b/%C3%A9%2Bc", 0};
	FIELDS("x-ms-version: 2025-05-05", "x-ms-range: bytes=4-5", "If-Match: \"0x8D1\"",
	       "x-ms-client-request-id: fed947ca-7ef8-487f-8c2d-be13e176d9cd");
	expect(&subject, "z4hi0PHR6/yK8wODiQ4dxJhkKUwCheC6JC7Ot4OZzLg=");

	subject.target = "/mycontainer?comp=list&prefix=d%20e%2F&maxresults=1000&restype=container"
			 "&delimiter=%2F";
	FIELDS("x-ms-version: 2025-05-05",
	       "x-ms-client-request-id: ac3a7eb8-0c51-49b9-8cf3-cddefb76b930");
	expect(&subject, "t5TuKhhRt71iuHMTynpVofjClo5rlNf/t/OUYb3pE1A=");
}

Test(azure_sharedkey, a_key_must_be_base64)
{
	static const char *const keys[] = {"", "A", "AAA", "AA!A", "secret?!"};
	const struct sharedkey_subject subject = {.method = "GET", .target = "/c/k"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		header_clear(&fields);
		cr_assert_eq(sharedkey_sign("a", keys[i], &subject, NOW, &fields), -EACCES, "%s",
			     keys[i]);
	}
	header_clear(&fields);
}

Test(azure_sharedkey, refuses_more_parameters_than_any_request_has)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(65536);
	SCOPE_BUFFER struct buffer target = BUFFER_INIT(65536);
	struct sharedkey_subject subject = {.method = "GET"};

	buffer_add_text(&target, "/c?");
	for (int i = 0; i < 65; i++)
		buffer_addf(&target, "&p%d=1", i);
	subject.target = buffer_text(&target);
	cr_assert_eq(sharedkey_text("a", &subject, &fields, &text), -EMSGSIZE);
}
