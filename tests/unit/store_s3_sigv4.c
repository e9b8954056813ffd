/* SPDX-License-Identifier: Apache-2.0 */
/* The examples of the Amazon S3 API Reference, "Signature Calculations for the Authorization
 * Header" and "Using Query Parameters". */
#include <criterion/criterion.h>

#include "tests/store/s3_sigv4.h"

#define SECRET	     "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SCOPE	     "20130524/us-east-1/s3/aws4_request"
#define DATE	     "20130524T000000Z"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void expect(const struct s3_sigv4_request *r, const char *signature)
{
	struct buf canonical = {0}, text = {0};
	unsigned char key[S3_SIGV4_KEY_BYTES];
	char hex[S3_SIGV4_HEX_BYTES];

	s3_sigv4_canonical(r, &canonical);
	s3_sigv4_string_to_sign(DATE, SCOPE, &canonical, &text);
	s3_sigv4_key(SECRET, "20130524", "us-east-1", "s3", key);
	s3_sigv4_sign(key, text.data, text.len, hex);
	cr_expect_str_eq(hex, signature, "canonical request:\n%s", canonical.data);
	buf_free(&canonical);
	buf_free(&text);
}

Test(store_s3_sigv4, get_object_with_range)
{
	struct headers h = {0};
	struct uri_params params = {.count = 0};
	struct s3_sigv4_request r = {.method = "GET",
				     .path = "/test.txt",
				     .path_len = 9,
				     .params = &params,
				     .headers = &h,
				     .signed_headers = "host;range;x-amz-content-sha256;x-amz-date",
				     .payload_hash = EMPTY_SHA256};

	headers_add(&h, "Host", "examplebucket.s3.amazonaws.com");
	headers_add(&h, "Range", "bytes=0-9");
	headers_add(&h, "x-amz-content-sha256", EMPTY_SHA256);
	headers_add(&h, "x-amz-date", DATE);
	expect(&r, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	headers_free(&h);
}

Test(store_s3_sigv4, put_object_with_odd_key)
{
	static const char hash[] =
		"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
	struct headers h = {0};
	struct uri_params params = {.count = 0};
	struct s3_sigv4_request r = {
		.method = "PUT",
		.path = "/test$file.text",
		.path_len = 15,
		.params = &params,
		.headers = &h,
		.signed_headers = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		.payload_hash = hash};

	headers_add(&h, "Date", "Fri, 24 May 2013 00:00:00 GMT");
	headers_add(&h, "Host", "examplebucket.s3.amazonaws.com");
	headers_add(&h, "x-amz-date", DATE);
	headers_add(&h, "x-amz-storage-class", "REDUCED_REDUNDANCY");
	headers_add(&h, "x-amz-content-sha256", hash);
	expect(&r, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	headers_free(&h);
}

Test(store_s3_sigv4, list_and_subresource)
{
	struct headers h = {0};
	struct uri_params params;
	struct s3_sigv4_request r = {.method = "GET",
				     .path = "/",
				     .path_len = 1,
				     .params = &params,
				     .headers = &h,
				     .signed_headers = "host;x-amz-content-sha256;x-amz-date",
				     .payload_hash = EMPTY_SHA256};

	headers_add(&h, "Host", "examplebucket.s3.amazonaws.com");
	headers_add(&h, "x-amz-content-sha256", EMPTY_SHA256);
	headers_add(&h, "x-amz-date", DATE);
	cr_assert_eq(uri_params_parse("prefix=J&max-keys=2", &params), 0);
	expect(&r, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
	uri_params_free(&params);
	cr_assert_eq(uri_params_parse("lifecycle", &params), 0);
	expect(&r, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	uri_params_free(&params);
	headers_free(&h);
}

Test(store_s3_sigv4, presigned_query_leaves_its_signature_out)
{
	struct headers h = {0};
	struct uri_params params;
	struct s3_sigv4_request r = {.method = "GET",
				     .path = "/test.txt",
				     .path_len = 9,
				     .params = &params,
				     .headers = &h,
				     .signed_headers = "host",
				     .payload_hash = "UNSIGNED-PAYLOAD"};

	headers_add(&h, "Host", "examplebucket.s3.amazonaws.com");
	cr_assert_eq(uri_params_parse("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
				      "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
				      "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
				      "86400&X-Amz-SignedHeaders=host&X-Amz-Signature=ff",
				      &params),
		     0);
	expect(&r, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
	uri_params_free(&params);
	headers_free(&h);
}

Test(store_s3_sigv4, header_values_are_trimmed_and_folded)
{
	struct headers h = {0};
	struct uri_params params = {.count = 0};
	struct s3_sigv4_request r = {.method = "GET",
				     .path = "/",
				     .path_len = 1,
				     .params = &params,
				     .headers = &h,
				     .signed_headers = "a;b",
				     .payload_hash = "H"};
	struct buf out = {0};

	headers_add(&h, "A", "  two \t words  ");
	headers_add(&h, "b", "1");
	headers_add(&h, "B", "2");
	s3_sigv4_canonical(&r, &out);
	cr_expect_str_eq(out.data, "GET\n/\n\na:two words\nb:1,2\n\na;b\nH");
	buf_free(&out);
	headers_free(&h);
}
