/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the test store. */
#include "tests/store/exchange.h"

#include <criterion/criterion.h>

Test(store_reply, another_etag_in_the_header)
{
	struct reply reply = {0};

	reply_header(&reply, "ETag", "\"0a1\"");
	reply_belie_etag(&reply);
	cr_expect_str_eq(headers_get(&reply.headers, "etag"), "\"1a1\"");
	reply_reset(&reply);
}

Test(store_reply, another_etag_in_the_text)
{
	struct reply reply = {0};

	buf_str(&reply.text, "<R><ETag>&quot;f0&quot;</ETag></R>");
	reply_belie_etag(&reply);
	cr_expect_str_eq(reply.text.data, "<R><ETag>&quot;00&quot;</ETag></R>");
	reply_reset(&reply);
}

Test(store_reply, an_answer_without_one_stays)
{
	struct reply reply = {0};

	reply_belie_etag(&reply);
	buf_str(&reply.text, "<R>&quot;</R>");
	reply_belie_etag(&reply);
	cr_expect_str_eq(reply.text.data, "<R>&quot;</R>");
	reply_reset(&reply);
}
