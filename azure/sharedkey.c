// SPDX-License-Identifier: Apache-2.0
/*
 * SharedKey: the values of eleven standard fields, the service's own fields by name, and the
 * resource with its parameters, each on a line, under HMAC-SHA256 with the account's key.
 */
#include "azure/sharedkey.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/digest.h"
#include "core/http/date.h"
#include "core/http/uri.h"
#include "core/scope.h"

#define TEXT_BYTES     131072 /* a target and the fields, each once */
#define PARAMETERS_MAX 64     /* of one request */
#define KEY_BYTES      512    /* decoded; the service's have 64 */

struct parameter {
	char *name, *value; /* decoded; in the query that was copied */
};

static int by_parameter(const void *a, const void *b)
{
	const struct parameter *left = a, *right = b;
	int order = strcasecmp(left->name, right->name);

	return order ? order : strcmp(left->value, right->value);
}

/* How the service sorts its fields: a letter behind a digit behind an underscore, and a hyphen
 * counts only between names that are the same otherwise (they are .NET strings to it). */
static int rank(char c)
{
	return c == '_' ? 1 : (unsigned char)tolower((unsigned char)c);
}

static int by_name(const void *a, const void *b)
{
	const char *left = (*(const struct header *const *)a)->name;
	const char *right = (*(const struct header *const *)b)->name;
	const char *at = left, *beside = right;

	for (;; at++, beside++) {
		at += strspn(at, "-");
		beside += strspn(beside, "-");
		if (rank(*at) != rank(*beside))
			return rank(*at) - rank(*beside);
		if (!*at)
			return strcasecmp(right, left);
	}
}

static int add_lower(struct buffer *out, const char *name)
{
	int ret = 0;

	for (; *name && !ret; name++)
		ret = buffer_add_char(out, (char)tolower((unsigned char)*name));
	return ret;
}

static int add_standard(const struct sharedkey_subject *subject, const struct header_list *fields,
			struct buffer *out)
{
	/* Content-Length stands in place of NULL, empty for none */
	static const char *const names[] = {"Content-Encoding",
					    "Content-Language",
					    NULL,
					    "Content-MD5",
					    "Content-Type",
					    "Date",
					    "If-Modified-Since",
					    "If-Match",
					    "If-None-Match",
					    "If-Unmodified-Since",
					    "Range"};
	int ret = buffer_addf(out, "%s\n", subject->method);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !ret; i++) {
		const char *value = names[i] ? header_get(fields, names[i]) : NULL;

		if (!names[i] && subject->body_bytes)
			ret = buffer_addf(out, "%llu", (unsigned long long)subject->body_bytes);
		if (!ret && value)
			ret = buffer_add_text(out, value);
		if (!ret)
			ret = buffer_add_char(out, '\n');
	}
	return ret;
}

static int add_own(const struct header_list *fields, struct buffer *out)
{
	const struct header *own[HEADER_COUNT_MAX] = {NULL};
	size_t count = 0;
	int ret = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (!strncasecmp(fields->field[i].name, "x-ms-", 5))
			own[count++] = &fields->field[i];
	}
	qsort(own, count, sizeof(own[0]), by_name);
	for (size_t i = 0; i < count && !ret; i++) {
		ret = add_lower(out, own[i]->name);
		if (!ret)
			ret = buffer_addf(out, ":%s\n", own[i]->value);
	}
	return ret;
}

/* Takes a query apart; it is spoilt by that. Returns how many, -EMSGSIZE or -EINVAL. */
static int split_query(char *query, struct parameter out[PARAMETERS_MAX])
{
	char *save = NULL;
	int count = 0;

	for (char *part = strtok_r(query, "&", &save); part; part = strtok_r(NULL, "&", &save)) {
		char *value = strchr(part, '=');

		if (count == PARAMETERS_MAX)
			return -EMSGSIZE;
		if (value)
			*value++ = '\0';
		out[count].name = part;
		out[count].value = value ? value : part + strlen(part);
		if (uri_decode(out[count].name) < 0 || uri_decode(out[count].value) < 0)
			return -EINVAL;
		count++;
	}
	return count;
}

static int add_resource(const char *account, const char *target, struct buffer *out)
{
	struct parameter parameter[PARAMETERS_MAX];
	size_t path = strcspn(target, "?");
	SCOPE_FREE char *query = strdup(target + path + (target[path] == '?'));
	int ret = buffer_addf(out, "/%s%.*s", account, (int)path, target);
	int count;

	if (!query || ret)
		return query ? ret : -ENOMEM;
	count = split_query(query, parameter);
	if (count < 0)
		return count;
	qsort(parameter, (size_t)count, sizeof(parameter[0]), by_parameter);
	for (int i = 0; i < count && !ret; i++) {
		bool again = i && !strcasecmp(parameter[i].name, parameter[i - 1].name);

		ret = buffer_add_char(out, again ? ',' : '\n');
		if (!ret && !again)
			ret = add_lower(out, parameter[i].name);
		if (!ret && !again)
			ret = buffer_add_char(out, ':');
		if (!ret)
			ret = buffer_add_text(out, parameter[i].value);
	}
	return ret;
}

int sharedkey_text(const char *account, const struct sharedkey_subject *subject,
		   const struct header_list *fields, struct buffer *out)
{
	int ret = add_standard(subject, fields, out);

	if (!ret)
		ret = add_own(fields, out);
	return ret ? ret : add_resource(account, subject->target, out);
}

/* Returns the bytes, or -EACCES. */
static int decode_key(const char *key, unsigned char out[KEY_BYTES])
{
	size_t len = strlen(key);
	int bytes;

	if (!len || len % 4 || len / 4 * 3 > KEY_BYTES)
		return -EACCES;
	bytes = EVP_DecodeBlock(out, (const unsigned char *)key, (int)len);
	if (bytes < 0)
		return -EACCES;
	return bytes - (key[len - 1] == '=') - (key[len - 2] == '=');
}

bool sharedkey_is_key(const char *key)
{
	unsigned char secret[KEY_BYTES];
	bool is_key = decode_key(key, secret) > 0;

	OPENSSL_cleanse(secret, sizeof(secret));
	return is_key;
}

int sharedkey_mac(const char *key, const struct buffer *text, char *out)
{
	unsigned char secret[KEY_BYTES];
	uint8_t digest[DIGEST_SHA256_BYTES];
	int bytes = decode_key(key, secret);
	int ret;

	if (bytes < 0)
		return bytes;
	ret = digest_hmac_sha256(secret, (size_t)bytes, buffer_text(text), text->len, digest);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (!ret)
		digest_base64(digest, sizeof(digest), out);
	return ret;
}

int sharedkey_sign(const char *account, const char *key, const struct sharedkey_subject *subject,
		   int64_t now_s, struct header_list *fields)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(TEXT_BYTES);
	SCOPE_BUFFER struct buffer value = BUFFER_INIT(TEXT_BYTES);
	char signature[DIGEST_BASE64_BYTES];
	char date[DATE_HTTP_BYTES];
	int ret = date_format_http(now_s, date);

	if (!ret)
		ret = header_add(fields, "x-ms-date", date);
	if (!ret)
		ret = sharedkey_text(account, subject, fields, &text);
	if (!ret)
		ret = sharedkey_mac(key, &text, signature);
	if (!ret)
		ret = buffer_addf(&value, "SharedKey %s:%s", account, signature);
	return ret ? ret : header_add(fields, "Authorization", buffer_text(&value));
}
