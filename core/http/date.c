// SPDX-License-Identifier: Apache-2.0
/* Dates as the services write them. */
#include "core/http/date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_MIN 1970
#define YEAR_MAX 2261 /* beyond it, nanoseconds leave 63 bits */

/* Reads exactly count digits. Returns the number or -EINVAL. */
static int digits(const char **text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return -EINVAL;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static int expect(const char **text, const char *literal)
{
	size_t len = strlen(literal);

	if (strncmp(*text, literal, len) != 0)
		return -EINVAL;
	*text += len;
	return 0;
}

static int to_seconds(struct tm *tm, int64_t *out_s)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (tm->tm_year < YEAR_MIN || tm->tm_year > YEAR_MAX || tm->tm_mon < 0 || tm->tm_mon > 11)
		return -EINVAL;
	if (tm->tm_mday < 1 || tm->tm_mday > days[tm->tm_mon] || tm->tm_hour < 0 ||
	    tm->tm_hour > 23 || tm->tm_min < 0 || tm->tm_min > 59 || tm->tm_sec < 0 ||
	    tm->tm_sec > 60)
		return -EINVAL;
	tm->tm_year -= 1900;
	*out_s = timegm(tm);
	return 0;
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

static int month_number(const char *text)
{
	for (int i = 0; i < 12; i++) {
		if (!strncmp(months + 3 * (size_t)i, text, 3))
			return i;
	}
	return -EINVAL;
}

/* "07:28:00" */
static int parse_clock(const char **text, struct tm *tm)
{
	tm->tm_hour = digits(text, 2);
	if (tm->tm_hour < 0 || expect(text, ":") < 0)
		return -EINVAL;
	tm->tm_min = digits(text, 2);
	if (tm->tm_min < 0 || expect(text, ":") < 0)
		return -EINVAL;
	tm->tm_sec = digits(text, 2);
	return tm->tm_sec < 0 ? -EINVAL : 0;
}

int date_parse_http(const char *text, int64_t *out_s)
{
	struct tm tm = {0};

	if (strnlen(text, 5) < 5 || text[3] != ',' || text[4] != ' ')
		return -EINVAL;
	text += 5;
	tm.tm_mday = digits(&text, 2);
	if (tm.tm_mday < 0 || expect(&text, " ") < 0)
		return -EINVAL;
	tm.tm_mon = month_number(text);
	if (tm.tm_mon < 0)
		return -EINVAL;
	text += 3;
	if (expect(&text, " ") < 0)
		return -EINVAL;
	tm.tm_year = digits(&text, 4);
	if (tm.tm_year < 0 || expect(&text, " ") < 0 || parse_clock(&text, &tm) < 0)
		return -EINVAL;
	if (strcmp(text, " GMT") != 0)
		return -EINVAL;
	return to_seconds(&tm, out_s);
}

/* ".123" to nanoseconds; digits after the ninth are dropped. */
static int parse_fraction(const char **text)
{
	int ns = 0;
	int unit = DATE_NS_PER_S / 10;

	if (**text != '.')
		return 0;
	(*text)++;
	if (**text < '0' || **text > '9')
		return -EINVAL;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		ns += (**text - '0') * unit;
		unit /= 10;
	}
	return ns;
}

int date_parse_iso(const char *text, int64_t *out_ns)
{
	struct tm tm = {0};
	int64_t seconds;
	int ns;

	tm.tm_year = digits(&text, 4);
	if (tm.tm_year < 0 || expect(&text, "-") < 0)
		return -EINVAL;
	tm.tm_mon = digits(&text, 2) - 1;
	if (tm.tm_mon < 0 || expect(&text, "-") < 0)
		return -EINVAL;
	tm.tm_mday = digits(&text, 2);
	if (tm.tm_mday < 0 || expect(&text, "T") < 0 || parse_clock(&text, &tm) < 0)
		return -EINVAL;
	ns = parse_fraction(&text);
	if (ns < 0 || strcmp(text, "Z") != 0 || to_seconds(&tm, &seconds) < 0)
		return -EINVAL;
	*out_ns = seconds * DATE_NS_PER_S + ns;
	return 0;
}

int date_format_compact(int64_t s, char out[DATE_COMPACT_BYTES])
{
	time_t time = (time_t)s;
	struct tm tm;

	if (s < 0 || !gmtime_r(&time, &tm) || tm.tm_year + 1900 > 9999)
		return -EINVAL;
	return strftime(out, DATE_COMPACT_BYTES, "%Y%m%dT%H%M%SZ", &tm) ? 0 : -EINVAL;
}

int date_format_http(int64_t s, char out[DATE_HTTP_BYTES])
{
	time_t time = (time_t)s;
	struct tm tm;
	int len;

	if (s < 0 || !gmtime_r(&time, &tm) || tm.tm_year + 1900 > 9999)
		return -EINVAL;
	len = snprintf(out, DATE_HTTP_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		       weekdays + 3 * (size_t)tm.tm_wday, tm.tm_mday,
		       months + 3 * (size_t)tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		       tm.tm_sec);
	return len == DATE_HTTP_BYTES - 1 ? 0 : -EINVAL;
}
