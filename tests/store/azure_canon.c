/* SPDX-License-Identifier: Apache-2.0 */
/* What SharedKey signs: "Authorize with Shared Key", for 2015-02-21 and later. */
#include "tests/store/azure.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ACCOUNT_KEY_BYTES 512

static const char *const standard[] = {
	"Content-Encoding",
	"Content-Language",
	"Content-Length",
	"Content-MD5",
	"Content-Type",
	"Date",
	"If-Modified-Since",
	"If-Match",
	"If-None-Match",
	"If-Unmodified-Since",
	"Range",
};

struct line {
	char *name, *value; /* malloc'ed; the name in lower case */
};

static char *lower(const char *text)
{
	char *copy = strdup(text);

	for (char *at = copy; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return copy;
}

/* Runs of blanks outside of quotes become one space; none stand at the ends. */
static char *folded(const char *text)
{
	char *copy = strdup(text);
	char *to = copy;

	for (const char *at = text; copy && *at; at++) {
		bool blank = strchr(" \t\r\n", *at) != NULL;

		if (!blank)
			*to++ = *at;
		else if (to > copy && to[-1] != ' ')
			*to++ = ' ';
	}
	if (copy)
		*(to > copy && to[-1] == ' ' ? to - 1 : to) = '\0';
	return copy;
}

/* The service sorts by the rules of a language, not by bytes: hyphens weigh nothing unless all else
 * is the same, an underscore stands before digits and those before letters. */
static int weigh(const char *name, char *out, size_t bytes)
{
	size_t len = 0;

	for (; *name && len + 1 < bytes; name++) {
		if (*name != '-')
			out[len++] = (char)(*name == '_' ? '!' : *name);
	}
	out[len] = '\0';
	return (int)len;
}

static int by_weight(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	char left[256], right[256];
	int order;

	weigh(x->name, left, sizeof(left));
	weigh(y->name, right, sizeof(right));
	order = strcmp(left, right);
	return order ? order : strcmp(y->name, x->name);
}

static int by_bytes(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

static void free_lines(struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(lines[i].name);
		free(lines[i].value);
	}
}

static void put_own_headers(const struct request *req, struct buf *out)
{
	struct line lines[HEADERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < req->headers.count; i++) {
		const struct header *h = &req->headers.items[i];

		if (strncasecmp(h->name, "x-ms-", 5) != 0)
			continue;
		lines[count].name = lower(h->name);
		lines[count].value = folded(h->value);
		out->failed |= !lines[count].name || !lines[count].value;
		count++;
	}
	if (!out->failed)
		qsort(lines, count, sizeof(lines[0]), by_weight);
	for (size_t i = 0; i < count && !out->failed; i++)
		buf_printf(out, "%s:%s\n", lines[i].name, lines[i].value);
	free_lines(lines, count);
}

/* Values of one name stand on one line, sorted, with commas between. */
static void put_parameters(const struct request *req, struct buf *out)
{
	struct line lines[URI_PARAMS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < req->params.count; i++, count++) {
		lines[count].name = lower(req->params.items[i].name);
		lines[count].value = strdup(req->params.items[i].value);
		out->failed |= !lines[count].name || !lines[count].value;
	}
	if (!out->failed)
		qsort(lines, count, sizeof(lines[0]), by_bytes);
	for (size_t i = 0; i < count && !out->failed; i++) {
		if (i && !strcmp(lines[i].name, lines[i - 1].name))
			buf_printf(out, ",%s", lines[i].value);
		else
			buf_printf(out, "\n%s:%s", lines[i].name, lines[i].value);
	}
	free_lines(lines, count);
}

void azure_canon(const struct request *req, const char *account, struct buf *out)
{
	const char *own_date = headers_get(&req->headers, "x-ms-date");

	buf_printf(out, "%s\n", req->method);
	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
		const char *value = headers_get(&req->headers, standard[i]);

		if (value && ((!strcmp(standard[i], "Content-Length") && !strcmp(value, "0")) ||
			      (!strcmp(standard[i], "Date") && own_date)))
			value = NULL;
		buf_printf(out, "%s\n", value ? value : "");
	}
	put_own_headers(req, out);
	buf_printf(out, "/%s%s", account, req->path);
	put_parameters(req, out);
}

bool azure_canon_sign(const char *key, const struct buf *text, char *out, size_t out_bytes)
{
	unsigned char raw[ACCOUNT_KEY_BYTES], mac[EVP_MAX_MD_SIZE];
	size_t len = strlen(key);
	unsigned mac_len = 0;
	int raw_len;

	if (text->failed || len % 4 || len / 4 * 3 > sizeof(raw) || out_bytes < 45)
		return false;
	raw_len = EVP_DecodeBlock(raw, (const unsigned char *)key, (int)len);
	while (raw_len > 0 && len && key[len - 1] == '=') { /* which decode to NULs */
		raw_len--;
		len--;
	}
	if (raw_len <= 0 || !HMAC(EVP_sha256(), raw, raw_len, (const unsigned char *)text->data,
				  text->len, mac, &mac_len))
		return false;
	EVP_EncodeBlock((unsigned char *)out, mac, (int)mac_len);
	return true;
}
