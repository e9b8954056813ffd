/* SPDX-License-Identifier: Apache-2.0 */
/* Dates as the services write them. No locale, no time zone of this machine has a say. */
#ifndef CORE_HTTP_DATE_H
#define CORE_HTTP_DATE_H

#include <stdint.h>

#define DATE_NS_PER_S	   1000000000
#define DATE_COMPACT_BYTES 17 /* "20130524T000000Z", with NUL */
#define DATE_HTTP_BYTES	   30 /* "Wed, 21 Oct 2015 07:28:00 GMT", with NUL */

/* "Wed, 21 Oct 2015 07:28:00 GMT" (RFC 9110 section 5.6.7, IMF-fixdate). *out_s: seconds since
 * 1970. Returns 0 or -EINVAL. */
int date_parse_http(const char *text, int64_t *out_s);

/* "2009-10-12T17:50:30.000Z" (ISO 8601 in UTC, any number of decimals or none). *out_ns:
 * nanoseconds since 1970. Returns 0 or -EINVAL. */
int date_parse_iso(const char *text, int64_t *out_ns);

/* ISO 8601's basic form, as signatures want it. Returns 0, or -EINVAL outside years 1970..9999. */
int date_format_compact(int64_t s, char out[DATE_COMPACT_BYTES]);

/* As date_parse_http() reads it. Same returns. */
int date_format_http(int64_t s, char out[DATE_HTTP_BYTES]);

#endif
