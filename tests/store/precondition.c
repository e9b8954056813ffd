/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions and ranges: see precondition.h. */
#include "tests/store/precondition.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void precondition_date(int64_t time_s, char out[30])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 30, "%a, %d %b %Y %H:%M:%S GMT", &tm); /* the program runs in the C locale */
}

/* False when text is no date in HTTP's preferred form: then the header counts as absent. */
static bool parse_date(const char *text, int64_t *out)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (!end || *end)
		return false;
	*out = timegm(&tm);
	return true;
}

bool precondition_has_etag(const char *list, const char *etag)
{
	size_t etag_len = strlen(etag);

	while (*list) {
		size_t len;

		list += strspn(list, " \t,");
		if (!strncmp(list, "W/", 2))
			list += 2;
		if (*list == '*')
			return true;
		list += *list == '"';
		len = strcspn(list, "\", \t");
		if (len == etag_len && !strncmp(list, etag, len))
			return true;
		list += len;
		list += *list == '"';
	}
	return false;
}

int precondition_check(const struct precondition *p, const char *etag, int64_t mtime_s)
{
	int64_t date;

	if (p->if_match) {
		if (!precondition_has_etag(p->if_match, etag))
			return 412;
	} else if (p->if_unmodified_since && parse_date(p->if_unmodified_since, &date)) {
		if (mtime_s > date)
			return 412;
	}
	if (p->if_none_match)
		return precondition_has_etag(p->if_none_match, etag) ? 304 : 200;
	if (p->if_modified_since && parse_date(p->if_modified_since, &date))
		return mtime_s <= date ? 304 : 200;
	return 200;
}

/* Digits at *at, which moves behind them. False when there are none or too many. */
static bool take_number(const char **at, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 10);
	*at = end;
	return errno == 0;
}

enum range_result precondition_range(const char *text, uint64_t size, uint64_t *offset_out,
				     uint64_t *bytes_out)
{
	uint64_t first, last = UINT64_MAX;

	if (!text || strncmp(text, "bytes=", 6) != 0)
		return RANGE_NONE;
	text += 6;
	if (*text == '-') { /* the last so many bytes */
		text++;
		if (!take_number(&text, &last) || *text)
			return RANGE_NONE;
		if (!last || !size)
			return RANGE_OUTSIDE;
		*bytes_out = last < size ? last : size;
		*offset_out = size - *bytes_out;
		return RANGE_GIVEN;
	}
	if (!take_number(&text, &first) || *text++ != '-')
		return RANGE_NONE;
	if (*text && (!take_number(&text, &last) || *text))
		return RANGE_NONE;
	if (last < first)
		return RANGE_NONE;
	if (first >= size)
		return RANGE_OUTSIDE;
	*offset_out = first;
	*bytes_out = (last < size - 1 ? last : size - 1) - first + 1;
	return RANGE_GIVEN;
}
