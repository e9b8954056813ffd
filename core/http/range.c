// SPDX-License-Identifier: Apache-2.0
/* Byte ranges. */
#include "core/http/range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Reads a decimal number and moves *text behind it. */
static int take_number(const char **text, uint64_t *out)
{
	uint64_t value = 0;
	const char *start = *text;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		uint64_t digit = (uint64_t)(**text - '0');

		if (value > (INT64_MAX - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	if (*text == start)
		return -EINVAL;
	*out = value;
	return 0;
}

int range_parse_number(const char *text, uint64_t *out)
{
	uint64_t value;

	if (take_number(&text, &value) < 0 || *text)
		return -EINVAL;
	*out = value;
	return 0;
}

int range_parse(const char *text, struct range_answer *out)
{
	struct range_answer range = {.satisfied = true};

	if (strncmp(text, "bytes ", 6) != 0)
		return -EINVAL;
	text += 6;
	if (*text == '*') {
		range.satisfied = false;
		text++;
	} else {
		if (take_number(&text, &range.first) < 0 || *text++ != '-' ||
		    take_number(&text, &range.last) < 0)
			return -EINVAL;
	}
	if (*text++ != '/' || range_parse_number(text, &range.size) < 0)
		return -EINVAL;
	if (range.satisfied && (range.first > range.last || range.last >= range.size))
		return -EINVAL;
	*out = range;
	return 0;
}

void range_format(uint64_t offset, uint64_t length, char out[RANGE_TEXT_BYTES])
{
	if (!length || length - 1 > UINT64_MAX - offset)
		snprintf(out, RANGE_TEXT_BYTES, "bytes=%" PRIu64 "-", offset);
	else
		snprintf(out, RANGE_TEXT_BYTES, "bytes=%" PRIu64 "-%" PRIu64, offset,
			 offset + length - 1);
}
