/* SPDX-License-Identifier: Apache-2.0 */
/* The signed example is that of the Amazon S3 API Reference, "Transferring Payload in Multiple
 * Chunks". */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/store/s3_chunked.h"

#define FIRST  65536
#define SECOND 1024

static struct buf example(void)
{
	static char letters[FIRST];
	struct buf b = {0};

	memset(letters, 'a', sizeof(letters));
	buf_str(&b, "10000;chunk-signature="
		    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n");
	buf_put(&b, letters, FIRST);
	buf_str(&b, "\r\n400;chunk-signature="
		    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
	buf_put(&b, letters, SECOND);
	buf_str(&b, "\r\n0;chunk-signature="
		    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
	return b;
}

static struct s3_chunked_signer signer(void)
{
	struct s3_chunked_signer s = {
		.amz_date = "20130524T000000Z",
		.scope = "20130524/us-east-1/s3/aws4_request",
		.previous = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};

	s3_sigv4_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3",
		     s.key);
	return s;
}

Test(store_s3_chunked, signed_example)
{
	struct buf b = example();
	struct s3_chunked_signer s = signer();
	struct headers trailers = {0};
	size_t bytes = 0;

	cr_assert_eq(s3_chunked_decode(b.data, b.len, &s, &trailers, &bytes), 0);
	cr_expect_eq(bytes, FIRST + SECOND);
	for (size_t i = 0; i < bytes; i++)
		cr_assert_eq(b.data[i], 'a');
	buf_free(&b);
}

Test(store_s3_chunked, a_changed_byte_is_found)
{
	struct buf b = example();
	struct s3_chunked_signer s = signer();
	struct headers trailers = {0};
	size_t bytes = 7;

	b.data[b.len - 300] ^= 1;
	cr_expect_eq(s3_chunked_decode(b.data, b.len, &s, &trailers, &bytes), -EACCES);
	cr_expect_eq(bytes, 7);
	buf_free(&b);
}

Test(store_s3_chunked, every_truncation_is_found)
{
	for (size_t cut = 0; cut < 66000; cut += 977) {
		struct buf b = example();
		struct s3_chunked_signer s = signer();
		struct headers trailers = {0};
		size_t bytes;

		cr_expect_neq(s3_chunked_decode(b.data, cut, &s, &trailers, &bytes), 0);
		buf_free(&b);
	}
}

Test(store_s3_chunked, unsigned_with_trailer)
{
	char body[] = "4\r\nWiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:nbjGEw==\r\n\r\n";
	struct headers trailers = {0};
	size_t bytes;

	cr_assert_eq(s3_chunked_decode(body, sizeof(body) - 1, NULL, &trailers, &bytes), 0);
	cr_expect_eq(bytes, 9);
	cr_expect(!memcmp(body, "Wikipedia", 9));
	cr_expect_str_eq(headers_get(&trailers, "x-amz-checksum-crc32"), "nbjGEw==");
	headers_free(&trailers);
}

Test(store_s3_chunked, malformed)
{
	static const char *const bad[] = {"",
					  "x\r\n",
					  "4\r\nab",
					  "2\r\nabcd\r\n0",
					  "ffffffffffffffff\r\n",
					  "0\r\nno colon\r\n\r\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char body[64];
		struct headers trailers = {0};
		size_t bytes;

		strcpy(body, bad[i]);
		cr_expect_eq(s3_chunked_decode(body, strlen(body), NULL, &trailers, &bytes),
			     -EINVAL, "%s", bad[i]);
		headers_free(&trailers);
	}
}
