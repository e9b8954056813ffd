// SPDX-License-Identifier: Apache-2.0
/*
 * How a request proves who asks: by the account's key (sharedkey.c), a shared access signature in
 * its address, or a token. An address that the service is to fetch a block from proves itself, and
 * the account's key is no proof there: a signature is made for the one blob, to be read for an
 * hour.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "azure/azure.h"
#include "core/http/date.h"
#include "core/scope.h"

#define SOURCE	       "x-ms-copy-source"
#define RENAMED	       "x-ms-rename-source"
#define SOURCE_VALID_S 3600 /* the service fetches it at once; clocks differ */
#define SAS_TIME_BYTES 32
#define SAS_BYTES      512
#define SAS_VERSION    "2020-12-06" /* whose text to sign is below */
#define SAS_TEXT_BYTES (AZURE_KEY_BYTES + 1024)

/* A token of Entra ID. It never goes where others could read it: see azure_site_locate(). */
static int add_bearer(const struct creds *creds, const char *name, struct header_list *fields)
{
	SCOPE_FREE char *value = NULL;
	int ret;

	if (asprintf(&value, "Bearer %s", creds->token) < 0) {
		value = NULL;
		return -ENOMEM;
	}
	ret = header_add(fields, name, value);
	OPENSSL_cleanse(value, strlen(value));
	return ret;
}

int azure_proof_add(const struct creds *creds, const struct sharedkey_subject *subject,
		    int64_t now_s, struct buffer *target, struct header_list *fields)
{
	char date[DATE_HTTP_BYTES];
	int ret;

	if (creds->id[0] && creds->secret[0])
		return sharedkey_sign(creds->id, creds->secret, subject, now_s, fields);
	if (creds->id[0])
		return buffer_addf(target, "%c%s", strchr(buffer_text(target), '?') ? '&' : '?',
				   creds->token);
	ret = date_format_http(now_s, date);
	if (!ret)
		ret = header_add(fields, "x-ms-date", date);
	return ret ? ret : add_bearer(creds, "Authorization", fields);
}

static struct header *source_of(struct header_list *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (!strcasecmp(fields->field[i].name, name))
			return &fields->field[i];
	}
	return NULL;
}

static int append_query(char **url, const char *query)
{
	char *whole;

	if (asprintf(&whole, "%s%c%s", *url, strchr(*url, '?') ? '&' : '?', query) < 0)
		return -ENOMEM;
	free(*url);
	*url = whole;
	return 0;
}

/* "/blob/ACCOUNT/CONTAINER/BLOB", decoded, of an address. An emulator's begins with the account. */
static int resource_of(const char *url, const char *account, struct buffer *out)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	SCOPE_FREE char *decoded = path ? strdup(path) : NULL;
	size_t len = strlen(account);
	const char *rest = decoded;

	if (!path)
		return -EINVAL;
	if (!decoded)
		return -ENOMEM;
	if (uri_decode_path(decoded) < 0)
		return -EINVAL;
	if (!strncmp(decoded + 1, account, len) && decoded[1 + len] == '/')
		rest += 1 + len;
	return buffer_addf(out, "/blob/%s%s", account, rest);
}

/* A service SAS to read the blob at url: "Create a service SAS" of the REST reference. */
static int sign_source(const struct creds *creds, int64_t now_s, char **url)
{
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(SAS_TEXT_BYTES);
	SCOPE_BUFFER struct buffer query = BUFFER_INIT(SAS_BYTES);
	char expiry[SAS_TIME_BYTES], signature[DIGEST_BASE64_BYTES];
	time_t end = now_s + SOURCE_VALID_S;
	struct tm tm;
	int ret;

	if (!gmtime_r(&end, &tm) || !strftime(expiry, sizeof(expiry), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return -EINVAL;
	/* permissions, start, expiry, resource, identifier, IP, protocol, version, resource type,
	 * snapshot, encryption scope, and five fields of the answer */
	ret = buffer_addf(&text, "r\n\n%s\n", expiry);
	if (!ret)
		ret = resource_of(*url, creds->id, &text);
	if (!ret)
		ret = buffer_add_text(&text, "\n\n\n\n" SAS_VERSION "\nb\n\n\n\n\n\n\n");
	if (!ret)
		ret = sharedkey_mac(creds->secret, &text, signature);
	if (!ret)
		ret = buffer_addf(&query, "sv=" SAS_VERSION "&sr=b&sp=r&se=%s&sig=", expiry);
	if (!ret)
		ret = uri_encode(&query, signature, strlen(signature), false);
	return ret ? ret : append_query(url, buffer_text(&query));
}

int azure_proof_add_source(const struct creds *creds, int64_t now_s, struct store_request *request)
{
	struct header *source = source_of(&request->fields, SOURCE);
	bool fetches = strstr(buffer_text(&request->target), "comp=block&") != NULL;

	if (!source)
		source = source_of(&request->fields, RENAMED);
	if (!source)
		return 0;
	if (creds->id[0] && !creds->secret[0])
		return append_query(&source->value, creds->token);
	if (!fetches) /* a copy within the account, which has been proven */
		return 0;
	if (!creds->id[0])
		return add_bearer(creds, "x-ms-copy-source-authorization", &request->fields);
	return sign_source(creds, now_s, &source->value);
}
