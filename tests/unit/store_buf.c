/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "tests/store/buf.h"

Test(store_buf, escapes)
{
	struct buf b = {0};

	buf_xml(&b, "a<b>&\"\n\001", 8);
	cr_expect_str_eq(b.data, "a&lt;b&gt;&amp;&quot;&#xa;&#x1;");
	b.len = 0;
	buf_json(&b, "a\"b\\c\n");
	cr_expect_str_eq(b.data, "\"a\\\"b\\\\c\\u000a\"");
	b.len = 0;
	buf_xml_element(&b, "K", "");
	cr_expect_str_eq(b.data, "<K></K>");
	buf_free(&b);
	cr_expect_null(b.data);
}

Test(store_buf, grows_up_to_its_ceiling)
{
	static char block[1 << 20];
	struct buf b = {0};

	for (size_t i = 0; i < BUF_BYTES_MAX / sizeof(block) - 1; i++)
		buf_put(&b, block, sizeof(block));
	cr_expect(!b.failed);
	buf_put(&b, block, sizeof(block));
	cr_expect(b.failed);
	buf_str(&b, "x"); /* and stays failed */
	cr_expect(b.failed);
	buf_free(&b);
}
