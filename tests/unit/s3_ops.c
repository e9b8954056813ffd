// SPDX-License-Identifier: Apache-2.0
/* S3's build and parse functions, by the files of tests/golden/s3, and what its signer covers. */
#include "s3/s3.h"
#include "core/sigv4.h"
#include "tests/unit/golden_ops.h"

/* The files of whoever runs the test have no say. */
static const char no_files[] = "AWS_NO_SIGN_REQUEST=true\0AWS_CONFIG_FILE=/dev/null\0"
			       "AWS_SHARED_CREDENTIALS_FILE=/dev/null";

Test(s3_ops, golden_files)
{
	golden.ops = &s3_ops;
	golden.env = no_files;
	golden.env_bytes = sizeof(no_files);
	golden_run("tests/golden/s3/*.txt");
}

/* X-Amz-Content-Sha256 of a request as sign() makes it. */
static const char *signed_hash(struct store_request *request)
{
	static char hash[DIGEST_HEX_BYTES];
	struct store_site site = {.host = "h", .region = "eu-1"};
	struct creds creds = {.id = "A", .secret = "s"};

	cr_assert_eq(s3_ops.sign(&site, &creds, 1369353600, request), 0);
	header_copy(&request->fields, "X-Amz-Content-Sha256", hash, sizeof(hash));
	header_clear(&request->fields);
	return hash;
}

Test(s3_ops, the_signature_covers_the_body)
{
	struct store_sums sums = {.has_md5 = true};
	struct store_request request = {
		.method = "PUT",
		.target = BUFFER_INIT(64),
		.body = BUFFER_INIT(64),
		.sums = &sums,
	};

	buffer_add_text(&request.target, "/b/k");
	buffer_add_text(&request.body, "abc");
	cr_assert_str_eq(signed_hash(&request),
			 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	request.streams = true; /* over TLS */
	cr_assert_str_eq(signed_hash(&request), "UNSIGNED-PAYLOAD");
	strcpy(sums.sha256, SIGV4_EMPTY_BODY);
	cr_assert_str_eq(signed_hash(&request), SIGV4_EMPTY_BODY);
	buffer_free(&request.target);
	buffer_free(&request.body);
}

Test(s3_ops, signing_adds_what_s3_wants)
{
	struct store_site site = {.host = "h", .region = "eu-1"};
	struct store_request request = {.method = "GET", .target = BUFFER_INIT(64)};
	struct creds creds = {.id = "A", .secret = "s", .token = "t"};

	buffer_add_text(&request.target, "/b/k");
	cr_assert_eq(s3_ops.sign(&site, &creds, 1369353600, &request), 0);
	cr_assert_str_eq(header_get(&request.fields, "x-amz-content-sha256"),
			 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	cr_assert_str_eq(header_get(&request.fields, "x-amz-security-token"), "t");
	cr_assert_not_null(strstr(header_get(&request.fields, "authorization"),
				  "Credential=A/20130524/eu-1/s3/aws4_request"));
	header_clear(&request.fields);
	buffer_free(&request.target);
}
