/* SPDX-License-Identifier: Apache-2.0 */
/* Byte ranges: RFC 9110 section 14. */
#ifndef CORE_HTTP_RANGE_H
#define CORE_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#define RANGE_TEXT_BYTES 64 /* of a Range value, with NUL */

/* What a Content-Range says. */
struct range_answer {
	bool satisfied;	      /* false: "bytes * / SIZE", which goes with 416 */
	uint64_t first, last; /* both inclusive; only when satisfied */
	uint64_t size;	      /* of the whole object */
};

/* "bytes 0-99/1234" or "bytes * / 1234" (without the blanks). Returns 0 or -EINVAL: not of that
 * shape, the size not told, or numbers that contradict each other. */
int range_parse(const char *text, struct range_answer *out);

/* The value of a Range header for [offset, offset + length); length 0: to the end. */
void range_format(uint64_t offset, uint64_t length, char out[RANGE_TEXT_BYTES]);

/* A decimal number and nothing else. Returns 0 or -EINVAL. */
int range_parse_number(const char *text, uint64_t *out);

#endif
