/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the XML of a service's answer, which is data and never more than that: a document type (and
 * so any entity of its own), too much of anything, or a document cut short is refused. Nothing
 * outside the text is ever opened.
 */
#ifndef CORE_HTTP_XML_H
#define CORE_HTTP_XML_H

#include <stddef.h>

#include "core/buffer.h"

#define XML_BYTES_MAX \
	16777216 /* of a document: 1,000 keys of 1,024 bytes, escaped twofold, fit \
		  */
#define XML_DEPTH_MAX 16
#define XML_TEXT_MAX  65536 /* of one element */
#define XML_PATH_MAX  512   /* "ListBucketResult/Contents/Key", with NUL */

/* Called in document order. path: names from the root, without prefixes. end: with the text
 * directly in the element, behind its last child if it has any. attribute: behind begin, for each
 * that the element has. Any may be NULL. A negative errno from any ends the reading and is
 * xml_read()'s result. */
struct xml_visitor {
	int (*begin)(void *arg, const char *path);
	int (*attribute)(void *arg, const char *path, const char *name, const char *value);
	int (*end)(void *arg, const char *path, const char *text);
	void *arg;
};

/* Appends text as the content of an element. Returns as buffer_add(), or -EINVAL: XML 1.0 cannot
 * hold it, or not so that every reader gives it back (control bytes, no UTF-8). */
int xml_add_text(struct buffer *out, const char *text);

/* Returns 0, what a visitor returned, -ENOMEM, or -EBADMSG: refused. */
int xml_read(const char *data, size_t bytes, const struct xml_visitor *visitor);

#endif
