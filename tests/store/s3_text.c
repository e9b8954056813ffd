/* SPDX-License-Identifier: Apache-2.0 */
/* What S3's verbs share in reading parameters and writing XML. */
#include "tests/store/s3.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool s3_param_number(const struct s3_call *c, const char *name, uint64_t most, uint64_t fallback,
		     uint64_t *out)
{
	const char *text = s3_param(c, name);
	uint64_t number;
	char *end;

	if (!text || !*text) {
		*out = fallback;
		return true;
	}
	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number > most)
		return false;
	*out = number;
	return true;
}

void s3_xml_begin(struct s3_call *c, const char *root)
{
	c->reply->status = 200;
	reply_header(c->reply, "Content-Type", "application/xml");
	buf_printf(&c->reply->text,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"" S3_XMLNS "\">", root);
}

void s3_xml_end(struct s3_call *c, const char *root)
{
	buf_printf(&c->reply->text, "</%s>", root);
	if (c->reply->text.failed)
		s3_fail(c, S3_INTERNAL);
}

void s3_xml_date(struct buf *out, const char *name, int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
	buf_xml_element(out, name, text);
}

void s3_xml_number(struct buf *out, const char *name, uint64_t number)
{
	buf_printf(out, "<%s>%llu</%s>", name, (unsigned long long)number, name);
}

void s3_etag_bare(const char *text, char out[OBJECT_ETAG_BYTES])
{
	size_t len;

	text += strspn(text, " \t\"");
	len = strcspn(text, "\" \t");
	if (len >= OBJECT_ETAG_BYTES)
		len = 0; /* none of ours: matches nothing */
	memcpy(out, text, len);
	out[len] = '\0';
}
