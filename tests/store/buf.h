/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text with a ceiling. A failure (memory, ceiling) sticks in .failed, so a writer checks
 * once, at the end. Start from {0}; buf_free() any time. */
#ifndef STORE_BUF_H
#define STORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#define BUF_BYTES_MAX (256u << 20) /* the request log of a long benchmark is the longest text */

struct buf {
	char *data; /* NUL-terminated once anything was put */
	size_t len, cap;
	bool failed;
};

void buf_put(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text as the content of an XML element. Control characters become references, as S3 sends them,
 * even those that XML 1.0 forbids: that is what encoding-type=url is for. */
void buf_xml(struct buf *b, const char *text, size_t len);

/* <name>text</name> */
void buf_xml_element(struct buf *b, const char *name, const char *text);

/* A JSON string, quotes included. Bytes that are no UTF-8 pass as they are. */
void buf_json(struct buf *b, const char *text);

void buf_free(struct buf *b);

#endif
