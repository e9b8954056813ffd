// SPDX-License-Identifier: Apache-2.0
#include "core/body.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/http/exchange.h"

static const char object[] = "0123456789";

static struct {
	char text[64];
	unsigned begins;
	struct store_object object;
} got;

static int on_begin(void *arg, const struct store_object *o)
{
	(void)arg;
	got.begins++;
	got.object = *o;
	got.text[0] = '\0';
	return 0;
}

static int on_data(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	(void)arg;
	cr_assert_eq(memcmp(object + offset, data, bytes), 0);
	strncat(got.text, data, bytes);
	return 0;
}

static struct store_call call_for(uint64_t offset, uint64_t length)
{
	return (struct store_call){
		.verb = STORE_GET,
		.offset = offset,
		.length = length,
		.sink = {on_begin, on_data, NULL},
	};
}

static struct header_list fields;

static struct store_answer answer(int status, const char *length, const char *range)
{
	header_clear(&fields);
	if (length)
		header_add(&fields, "Content-Length", length);
	if (range)
		header_add(&fields, "Content-Range", range);
	return (struct store_answer){.status = status, .fields = &fields, .body = ""};
}

static int head(struct body *body, const struct store_call *call, struct store_answer a,
		const char *etag)
{
	struct store_object o = {0};
	struct store_check check = {0};

	strcpy(o.etag, etag);
	return body_head(body, call, &a, &o, &check);
}

Test(core_body, delivers_pieces_in_order)
{
	struct store_call call = call_for(2, 5);
	struct body body = {0};

	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes 2-6/10"), "\"e\""), 0);
	cr_assert_eq(body_data(&body, &call, object + 2, 2), 0);
	cr_assert_eq(body_end(&body, &call), -EAGAIN);
	cr_assert_eq(body_data(&body, &call, object + 4, 3), 0);
	cr_assert_eq(body_end(&body, &call), 0);
	cr_assert_str_eq(got.text, "23456");
	cr_assert_eq(got.object.size, 10u);
}

Test(core_body, asks_for_what_is_missing_of_the_same_version)
{
	struct store_call call = call_for(2, 100);
	struct body body = {0};
	struct store_call ask;

	call.if_none_match = "\"old\"";
	ask = body_ask(&body, &call);
	cr_assert_eq(ask.offset, 2u);
	cr_assert_str_eq(ask.if_none_match, "\"old\"");
	head(&body, &call, answer(206, "8", "bytes 2-9/10"), "\"e\"");
	body_data(&body, &call, object + 2, 3);
	ask = body_ask(&body, &call);
	cr_assert_eq(ask.offset, 5u);
	cr_assert_eq(ask.length, 5u);
	cr_assert_str_eq(ask.if_match, "\"e\"");
	cr_assert_null(ask.if_none_match);
	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes 5-9/10"), "\"e\""), 0);
	cr_assert_eq(body_data(&body, &call, object + 5, 5), 0);
	cr_assert_eq(body_end(&body, &call), 0);
	cr_assert_str_eq(got.text, "23456789");
	cr_assert_eq(got.begins, 1u);
}

Test(core_body, cuts_what_was_asked_for_out_of_a_whole_object)
{
	struct store_call call = call_for(3, 4);
	struct body body = {0};

	cr_assert_eq(head(&body, &call, answer(200, "10", NULL), "\"e\""), 0);
	cr_assert_eq(body_data(&body, &call, object, 2), 0);
	cr_assert_eq(body_data(&body, &call, object + 2, 3), 0);
	cr_assert_eq(body_data(&body, &call, object + 5, 5), 0);
	cr_assert_eq(body_end(&body, &call), 0);
	cr_assert_str_eq(got.text, "3456");
}

Test(core_body, reads_no_further_than_it_must)
{
	struct store_call call = call_for(0, 2);
	struct body body = {0};

	cr_assert_eq(head(&body, &call, answer(200, "10", NULL), "\"e\""), 0);
	cr_assert_eq(body_data(&body, &call, object, 5), HTTP_ENOUGH);
	cr_assert_str_eq(got.text, "01");
	body_restart(&body);
	call = call_for(20, 2);
	cr_assert_eq(head(&body, &call, answer(200, "10", NULL), "\"e\""), HTTP_ENOUGH);
	cr_assert_eq(body_end(&body, &call), 0);
	cr_assert_eq(got.object.size, 10u);
}

Test(core_body, an_empty_object)
{
	struct store_call call = call_for(0, 0);
	struct body body = {0};

	cr_assert_eq(head(&body, &call, answer(200, "0", NULL), "\"e\""), 0);
	cr_assert_eq(body_end(&body, &call), 0);
	cr_assert_eq(got.begins, 1u);
	cr_assert_eq(got.object.size, 0u);
}

Test(core_body, a_range_up_to_the_largest_number)
{
	struct store_call call = call_for(UINT64_MAX - 1, UINT64_MAX);
	struct body body = {0};

	cr_assert_eq(head(&body, &call, answer(200, "10", NULL), "\"e\""), HTTP_ENOUGH);
	cr_assert_eq(body_end(&body, &call), 0);
	body_restart(&body);
	call = call_for(5, UINT64_MAX);
	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes 5-9/10"), "\"e\""), 0);
	cr_assert_eq(body.end, 10u);
}

Test(core_body, refuses_lengths_that_cannot_be)
{
	struct store_call call = call_for(2, 5);
	struct body body = {0};

	cr_assert_eq(head(&body, &call, answer(200, NULL, NULL), ""), -EBADMSG);
	cr_assert_eq(head(&body, &call, answer(200, "x", NULL), ""), -EBADMSG);
	cr_assert_eq(head(&body, &call, answer(206, "5", NULL), ""), -EBADMSG);
	cr_assert_eq(head(&body, &call, answer(206, "4", "bytes 2-6/10"), ""), -EBADMSG);
	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes 3-7/10"), ""), -EBADMSG);
	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes */10"), ""), -EBADMSG);
	cr_assert_eq(got.begins, 0u);
	cr_assert_eq(head(&body, &call, answer(206, NULL, "bytes 2-3/10"), ""), 0);
	cr_assert_eq(body_data(&body, &call, object + 2, 3), -EBADMSG); /* more than it said */
}

Test(core_body, refuses_another_version)
{
	struct store_call call = call_for(2, 5);
	struct body body = {0};

	call.if_match = "\"e\"";
	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes 2-6/10"), "\"f\""), -ESTALE);
	cr_assert_eq(head(&body, &call, answer(206, "5", "bytes 2-6/10"), "\"e\""), 0);
	body_data(&body, &call, object + 2, 1);
	cr_assert_eq(head(&body, &call, answer(206, "4", "bytes 3-6/10"), "\"f\""), -ESTALE);
	cr_assert_eq(head(&body, &call, answer(206, "4", "bytes 3-6/11"), "\"e\""), -ESTALE);
	cr_assert_eq(head(&body, &call, answer(206, "4", "bytes 3-6/10"), "\"e\""), 0);
}

static int checked(struct body *body, const struct store_call *call, struct store_answer a,
		   const char *md5)
{
	struct store_object o = {.etag = "\"e\""};
	struct store_check check = {.kind = DIGEST_MD5, .hex = true};

	strcpy(check.text, md5);
	return body_head(body, call, &a, &o, &check);
}

Test(core_body, checks_a_whole_object)
{
	struct store_call call = call_for(0, 0);
	struct body body = {0};

	checked(&body, &call, answer(200, "10", NULL), "781e5e245d69b566979b86e28d23f2c7");
	body_data(&body, &call, object, 4);
	body_data(&body, &call, object + 4, 6);
	cr_assert_eq(body_end(&body, &call), 0);
	body_restart(&body);
	checked(&body, &call, answer(200, "10", NULL), "781e5e245d69b566979b86e28d23f2c8");
	body_data(&body, &call, object, 10);
	cr_assert_eq(body_end(&body, &call), -EBADMSG);
	body_free(&body);
}

Test(core_body, does_not_check_a_part_against_the_whole)
{
	struct store_call call = call_for(0, 9);
	struct body body = {0};

	checked(&body, &call, answer(206, "9", "bytes 0-8/10"), "00");
	body_data(&body, &call, object, 9);
	cr_assert_eq(body_end(&body, &call), 0);
	body_free(&body);
}

Test(core_body, beyond_the_end)
{
	struct store_call call = call_for(50, 1);
	struct body body = {0};
	struct store_object o = {.size = 10};

	cr_assert_eq(body_beyond(&body, &call, &o), 0);
	cr_assert_eq(got.object.size, 10u);
	cr_assert_eq(body_end(&body, &call), 0);
}
