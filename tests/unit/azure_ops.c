// SPDX-License-Identifier: Apache-2.0
/* Azure's build and parse functions, by the files of tests/golden/azure, and what its signer adds.
 */
#include "azure/azure.h"
#include "tests/unit/golden_ops.h"

static const char unsigned_env[] = "AZURE_STORAGE_ANON=true";

Test(azure_ops, golden_files)
{
	golden.ops = &azure_ops;
	golden.env = unsigned_env;
	golden.env_bytes = sizeof(unsigned_env);
	golden_run("tests/golden/azure/*.txt");
}

static struct store_request request;

/* Signs a request with a copy's source in it. */
static void sign_with(const struct creds *creds, const char *target)
{
	const struct store_site site = {.host = "h"};

	request = (struct store_request){.method = "PUT", .target = BUFFER_INIT(256)};
	cr_assert_eq(buffer_add_text(&request.target, target), 0);
	cr_assert_eq(header_add(&request.fields, "x-ms-copy-source", "https://h/c/k"), 0);
	cr_assert_eq(azure_ops.sign(&site, creds, 1369353600, &request), 0);
}

static void drop_request(void)
{
	header_clear(&request.fields);
	buffer_free(&request.target);
}

Test(azure_ops, a_key_signs)
{
	const struct creds creds = {.id = "acct", .secret = "AAAA"};

	sign_with(&creds, "/c/k");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-date"), "Fri, 24 May 2013 00:00:00 GMT");
	cr_assert_eq(strncmp(header_get(&request.fields, "Authorization"), "SharedKey acct:", 15),
		     0);
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"), "https://h/c/k");
	drop_request();
}

Test(azure_ops, a_token_goes_in_a_field)
{
	const struct creds creds = {.token = "ey.tok.en"};

	sign_with(&creds, "/c/k");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-date"), "Fri, 24 May 2013 00:00:00 GMT");
	cr_assert_str_eq(header_get(&request.fields, "Authorization"), "Bearer ey.tok.en");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"), "https://h/c/k");
	drop_request();
}

Test(azure_ops, a_shared_access_signature_goes_with_every_address)
{
	const struct creds creds = {.id = "acct", .token = "sv=1&sig=a%3D"};

	sign_with(&creds, "/c/k");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k?sv=1&sig=a%3D");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"),
			 "https://h/c/k?sv=1&sig=a%3D");
	cr_assert_null(header_get(&request.fields, "Authorization"));
	drop_request();
	sign_with(&creds, "/c/k?comp=block");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k?comp=block&sv=1&sig=a%3D");
	drop_request();
}
