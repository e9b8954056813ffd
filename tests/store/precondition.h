/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP's conditional headers and byte ranges on a stored object (RFC 9110, sections 13 and 14), as
 * object stores read them. */
#ifndef STORE_PRECONDITION_H
#define STORE_PRECONDITION_H

#include <stdbool.h>
#include <stdint.h>

struct precondition {
	const char *if_match; /* each as sent, or NULL */
	const char *if_none_match;
	const char *if_modified_since;
	const char *if_unmodified_since;
};

/* 200 (go on), 304 or 412. etag: without quotes. */
int precondition_check(const struct precondition *p, const char *etag, int64_t mtime_s);

/* Whether one of the ETags of a header's list ("*", quoted or not, weak or not) is etag. */
bool precondition_has_etag(const char *list, const char *etag);

enum range_result {
	RANGE_NONE,    /* no header, or one to be ignored: syntax, several ranges, another unit */
	RANGE_GIVEN,   /* outputs set: bytes is at least 1 */
	RANGE_OUTSIDE, /* 416 */
};

/* text: the Range header or NULL. */
enum range_result precondition_range(const char *text, uint64_t size, uint64_t *offset_out,
				     uint64_t *bytes_out);

/* Formats a date as HTTP does; out holds 30 bytes. */
void precondition_date(int64_t time_s, char out[30]);

#endif
