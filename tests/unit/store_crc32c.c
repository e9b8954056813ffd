/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: RFC 3720, B.4. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/store/content.h"
#include "tests/store/crc32c.h"

Test(store_crc32c, vectors)
{
	unsigned char bytes[32] = {0};

	cr_expect_eq(crc32c(0, bytes, 32), 0x8A9136AAu);
	memset(bytes, 0xFF, 32);
	cr_expect_eq(crc32c(0, bytes, 32), 0x62A8AB43u);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (unsigned char)i;
	cr_expect_eq(crc32c(0, bytes, 32), 0x46DD794Eu);
	cr_expect_eq(crc32c(0, "123456789", 9), 0xE3069283u);
}

Test(store_crc32c, goes_on)
{
	for (size_t cut = 0; cut <= 9; cut++)
		cr_expect_eq(crc32c(crc32c(0, "123456789", cut), "123456789" + cut, 9 - cut),
			     0xE3069283u);
}

Test(store_crc32c, base64)
{
	char text[CRC32C_BASE64_BYTES];

	crc32c_base64(0x9A71BB4Cu, text); /* of "hello", as Google writes it */
	cr_expect_str_eq(text, "mnG7TA==");
}

Test(store_crc32c, of_content_in_segments)
{
	struct content *whole = content_generated(GENERATE_BINARY, 7, 100000);
	struct content *parts[] = {content_slice(whole, 0, 33333),
				   content_slice(whole, 33333, 66667)};
	struct content *joined = content_join(parts, 2);

	cr_expect_eq(content_crc32c(joined), content_crc32c(whole));
	cr_expect_neq(content_crc32c(parts[1]), content_crc32c(whole));
	content_put(joined);
	content_put(parts[0]);
	content_put(parts[1]);
	content_put(whole);
}
