/* SPDX-License-Identifier: Apache-2.0 */
/* Check values of the catalogue of parametrised CRC algorithms, over "123456789". */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/store/s3_checksum.h"

static void expect(const char *algorithm, const char *data, size_t bytes, const char *base64)
{
	char out[S3_CHECKSUM_BYTES];

	cr_assert_eq(s3_checksum(algorithm, data, bytes, out), 0);
	cr_expect_str_eq(out, base64, "%s: %s", algorithm, out);
}

Test(store_s3_checksum, check_values)
{
	expect("crc32", "123456789", 9, "y/Q5Jg==");	     /* cbf43926 */
	expect("crc32c", "123456789", 9, "4waSgw==");	     /* e3069283 */
	expect("crc64nvme", "123456789", 9, "rosUhgp5mIg="); /* ae8b14860a799888 */
	expect("sha1", "123456789", 9, "98O8HYCOBHMq32eZZczDTKeuNEE=");
	expect("sha256", "", 0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
	expect("crc32", "", 0, "AAAAAA==");
}

Test(store_s3_checksum, unknown_algorithm)
{
	char out[S3_CHECKSUM_BYTES] = "untouched";

	cr_expect_eq(s3_checksum("md5", "", 0, out), -EINVAL);
	cr_expect_str_eq(out, "untouched");
}
