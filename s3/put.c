// SPDX-License-Identifier: Apache-2.0
/* PutObject. The body goes with its MD5, which every service that speaks S3 checks; most answer
 * with it, as the ETag. A part, of which there are many, goes with one digest only: its SHA-256,
 * which is signed and checked as well, and for which processors have instructions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "s3/s3.h"

/* A write's ETag goes without its quotes: Amazon S3 takes it so (User Guide, "How to prevent object
 * overwrites with conditional writes"), RADOS Gateway until Squid compares it byte for byte. With
 * them it goes where the service is found to want it so, as RFC 9110 has it. */
int s3_put_match(const char *etag, bool quotes, char bare[STORE_ETAG_BYTES])
{
	size_t len = strlen(etag);

	if (len >= STORE_ETAG_BYTES)
		return -EINVAL;
	if (!quotes && len >= 2 && etag[0] == '"' && etag[len - 1] == '"') {
		etag++;
		len -= 2;
	}
	memcpy(bare, etag, len);
	bare[len] = '\0';
	return 0;
}

int s3_put_conditions(const struct store_call *call, const struct store_site *site,
		      struct header_list *fields)
{
	bool quotes = site->quirks & STORE_QUIRK_QUOTES;
	char etag[STORE_ETAG_BYTES];
	int ret = 0;

	if (call->if_none_match && strcmp(call->if_none_match, "*") != 0)
		return -EINVAL;
	if (call->if_match)
		ret = s3_put_match(call->if_match, quotes, etag);
	if (!ret && call->if_match)
		ret = header_add(fields, "If-Match", etag);
	if (!ret && call->if_none_match)
		ret = header_add(fields, "If-None-Match", call->if_none_match);
	return ret;
}

int s3_put_source(const struct store_call *call, struct store_request *out)
{
	char md5[DIGEST_BASE64_BYTES];

	if (call->source.bytes > S3_PUT_MAX)
		return -EFBIG;
	if (!out->sums->has_md5) /* its SHA-256 is signed */
		return 0;
	digest_base64(out->sums->md5, DIGEST_MD5_BYTES, md5);
	return header_add(&out->fields, "Content-MD5", md5);
}

int s3_put_etag(const char *text, char out[STORE_ETAG_BYTES])
{
	const char *quote = text[0] == '"' ? "" : "\"";
	int len = snprintf(out, STORE_ETAG_BYTES, "%s%s%s", quote, text, quote);

	return text[0] && len < STORE_ETAG_BYTES ? 0 : -EBADMSG;
}

int s3_put_document(struct store_request *out)
{
	uint8_t md5[DIGEST_MD5_BYTES];
	char text[DIGEST_BASE64_BYTES];
	int ret = digest_md5(buffer_text(&out->body), out->body.len, md5);

	if (ret < 0)
		return ret;
	digest_base64(md5, sizeof(md5), text);
	return header_add(&out->fields, "Content-MD5", text);
}

int s3_put_build(const struct store_call *call, const struct store_site *site,
		 struct store_request *out)
{
	int ret;

	if (!call->bucket || !call->key || !call->key[0])
		return -EINVAL;
	out->method = "PUT";
	ret = s3_site_path(site, call->bucket, call->key, &out->target);
	if (!ret)
		ret = s3_put_source(call, out);
	if (!ret)
		ret = s3_put_conditions(call, site, &out->fields);
	if (!ret)
		ret = s3_encrypt_new(site, &out->fields);
	return ret ? ret : s3_meta_add(call, &out->fields);
}

int s3_put_parse(struct store_call *call, const struct store_answer *answer,
		 struct store_check *check)
{
	struct store_object object = {.size = call->source.bytes};

	/* without an ETag it is no answer of S3's, and nothing says that anything was kept */
	if (header_copy(answer->fields, "ETag", object.etag, sizeof(object.etag)) < 0 ||
	    !object.etag[0])
		return -EBADMSG;
	if (s3_object_etag_is_md5(answer->fields, object.etag)) {
		check->kind = DIGEST_MD5;
		check->hex = true;
		memcpy(check->text, object.etag + 1, 2 * DIGEST_MD5_BYTES);
		check->text[2 * DIGEST_MD5_BYTES] = '\0';
	}
	call->object = object;
	return 0;
}

int s3_put_expect(const struct store_call *call, const struct store_sums *sums,
		  char etag[STORE_ETAG_BYTES])
{
	char hex[DIGEST_HEX_BYTES];

	(void)call;
	if (!sums->has_md5)
		return -ENOENT;
	digest_hex(sums->md5, DIGEST_MD5_BYTES, hex);
	snprintf(etag, STORE_ETAG_BYTES, "\"%s\"", hex);
	return 0;
}
