// SPDX-License-Identifier: Apache-2.0
/*
 * AWS Signature Version 4: a canonical text of the request is hashed, and the hash signed with a
 * key that is derived from the secret, the day, the region and the service.
 */
#include "core/sigv4.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buffer.h"
#include "core/digest.h"
#include "core/http/date.h"

#define CANONICAL_BYTES 131072 /* a target and the header fields, each once */
#define QUERY_MAX	64     /* parameters of one request */
#define DAY_BYTES	8      /* "20130524", without NUL */
#define SECRET_BYTES	1024
#define ALGORITHM	"AWS4-HMAC-SHA256"

struct span {
	const char *text;
	size_t len;
};

/* By name, then by value: the name ends where '=' stands. */
static int by_parameter(const void *a, const void *b)
{
	const struct span *left = a;
	const struct span *right = b;
	size_t left_name = strcspn(left->text, "=&");
	size_t right_name = strcspn(right->text, "=&");
	size_t shorter = left_name < right_name ? left_name : right_name;
	int order = memcmp(left->text, right->text, shorter);

	if (order)
		return order;
	if (left_name != right_name)
		return left_name < right_name ? -1 : 1;
	shorter = left->len < right->len ? left->len : right->len;
	order = memcmp(left->text, right->text, shorter);
	if (order)
		return order;
	return left->len < right->len ? -1 : left->len > right->len;
}

static int add_query(struct buffer *out, const char *query)
{
	struct span part[QUERY_MAX];
	size_t count = 0;
	int ret = 0;

	while (*query) {
		size_t len = strcspn(query, "&");

		if (count == QUERY_MAX)
			return -EMSGSIZE;
		if (len)
			part[count++] = (struct span){query, len};
		query += len + (query[len] == '&');
	}
	qsort(part, count, sizeof(part[0]), by_parameter);
	for (size_t i = 0; i < count && !ret; i++) {
		if (i)
			ret = buffer_add_char(out, '&');
		if (!ret)
			ret = buffer_add(out, part[i].text, part[i].len);
		/* "?uploads" stands for "?uploads=" */
		if (!ret && !memchr(part[i].text, '=', part[i].len))
			ret = buffer_add_char(out, '=');
	}
	return ret;
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(((const struct header *)a)->name, ((const struct header *)b)->name);
}

static int add_lower(struct buffer *out, const char *name)
{
	int ret = 0;

	for (; *name && !ret; name++)
		ret = buffer_add_char(out, (char)tolower((unsigned char)*name));
	return ret;
}

/* Runs of blanks inside a value count as one. */
static int add_value(struct buffer *out, const char *value)
{
	int ret = 0;

	for (; *value && !ret; value++) {
		if (*value == ' ' && value[1] == ' ')
			continue;
		ret = buffer_add_char(out, *value);
	}
	return ret;
}

/* Fields in order of their names, Host among them. canonical: "name:value\n" each; names: "a;b". */
static int add_fields(struct buffer *canonical, struct buffer *names, const char *host,
		      const struct header_list *fields)
{
	struct header sorted[HEADER_COUNT_MAX + 1];
	char host_name[] = "host";
	size_t count = fields->count;
	int ret = 0;

	memcpy(sorted, fields->field, count * sizeof(sorted[0]));
	sorted[count++] = (struct header){.name = host_name, .value = (char *)(uintptr_t)host};
	qsort(sorted, count, sizeof(sorted[0]), by_name);
	for (size_t i = 0; i < count && !ret; i++) {
		/* the values of a repeated field are joined by commas */
		bool again = i && !strcasecmp(sorted[i].name, sorted[i - 1].name);
		bool last = i + 1 == count || strcasecmp(sorted[i].name, sorted[i + 1].name) != 0;

		if (!again && i)
			ret = buffer_add_char(names, ';');
		if (!ret && !again)
			ret = add_lower(names, sorted[i].name);
		if (!ret && !again)
			ret = add_lower(canonical, sorted[i].name);
		if (!ret)
			ret = buffer_add_char(canonical, again ? ',' : ':');
		if (!ret)
			ret = add_value(canonical, sorted[i].value);
		if (!ret && last)
			ret = buffer_add_char(canonical, '\n');
	}
	return ret;
}

static int canonical_request(const struct sigv4_subject *subject, const struct header_list *fields,
			     struct buffer *out, struct buffer *names)
{
	size_t path = strcspn(subject->target, "?");
	int ret = buffer_addf(out, "%s\n%.*s\n", subject->method, (int)path, subject->target);

	if (!ret && subject->target[path])
		ret = add_query(out, subject->target + path + 1);
	if (!ret)
		ret = buffer_add_char(out, '\n');
	if (!ret)
		ret = add_fields(out, names, subject->host, fields);
	if (!ret)
		ret = buffer_addf(out, "\n%s\n%s", buffer_text(names), subject->body_hash);
	return ret;
}

static int derive_key(const struct sigv4_key *key, const char *day,
		      uint8_t out[DIGEST_SHA256_BYTES])
{
	char secret[SECRET_BYTES];
	int len = snprintf(secret, sizeof(secret), "AWS4%s", key->secret);
	int ret = -EINVAL;

	if (len < (int)sizeof(secret))
		ret = digest_hmac_sha256(secret, (size_t)len, day, DAY_BYTES, out);
	if (!ret)
		ret = digest_hmac_sha256(out, DIGEST_SHA256_BYTES, key->region, strlen(key->region),
					 out);
	if (!ret)
		ret = digest_hmac_sha256(out, DIGEST_SHA256_BYTES, key->service,
					 strlen(key->service), out);
	if (!ret)
		ret = digest_hmac_sha256(out, DIGEST_SHA256_BYTES, "aws4_request", 12, out);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ret;
}

static int sign_text(const struct sigv4_key *key, const char *date, const char *scope,
		     const struct buffer *canonical, char out[DIGEST_HEX_BYTES])
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(CANONICAL_BYTES);
	uint8_t digest[DIGEST_SHA256_BYTES];
	uint8_t derived[DIGEST_SHA256_BYTES];
	char hash[DIGEST_HEX_BYTES];
	int ret = digest_sha256_hex(buffer_text(canonical), canonical->len, hash);

	if (!ret)
		ret = buffer_addf(&text, ALGORITHM "\n%s\n%s\n%s", date, scope, hash);
	if (!ret)
		ret = derive_key(key, date, derived);
	if (!ret)
		ret = digest_hmac_sha256(derived, sizeof(derived), buffer_text(&text), text.len,
					 digest);
	OPENSSL_cleanse(derived, sizeof(derived));
	if (!ret)
		digest_hex(digest, sizeof(digest), out);
	return ret;
}

int sigv4_sign(const struct sigv4_key *key, const struct sigv4_subject *subject, int64_t now_s,
	       struct header_list *fields)
{
	SCOPE_BUFFER struct buffer canonical = BUFFER_INIT(CANONICAL_BYTES);
	SCOPE_BUFFER struct buffer names = BUFFER_INIT(CANONICAL_BYTES);
	SCOPE_BUFFER struct buffer scope = BUFFER_INIT(CANONICAL_BYTES);
	SCOPE_BUFFER struct buffer value = BUFFER_INIT(CANONICAL_BYTES);
	char date[DATE_COMPACT_BYTES];
	char signature[DIGEST_HEX_BYTES];
	int ret = date_format_compact(now_s, date);

	if (!ret)
		ret = header_add(fields, "X-Amz-Date", date);
	if (!ret && key->token[0])
		ret = header_add(fields, "X-Amz-Security-Token", key->token);
	if (!ret)
		ret = canonical_request(subject, fields, &canonical, &names);
	if (!ret)
		ret = buffer_addf(&scope, "%.*s/%s/%s/aws4_request", DAY_BYTES, date, key->region,
				  key->service);
	if (!ret)
		ret = sign_text(key, date, buffer_text(&scope), &canonical, signature);
	if (!ret)
		ret = buffer_addf(&value,
				  ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
				  key->id, buffer_text(&scope), buffer_text(&names), signature);
	if (canonical.data)
		OPENSSL_cleanse(canonical.data, canonical.len); /* it holds the token */
	return ret ? ret : header_add(fields, "Authorization", buffer_text(&value));
}
