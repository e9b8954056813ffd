// SPDX-License-Identifier: Apache-2.0
/* The token endpoint: "OAuth 2.0 client credentials flow on the Microsoft identity platform"; and
 * tokens in JSON, as all sources give them. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/creds/creds.h"
#include "core/clock.h"
#include "core/http/range.h"

#define AUTHORITY      "https://login.microsoftonline.com"
#define SCOPE	       AZURE_CREDS_RESOURCE ".default"
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define TRIES	       3
#define TIMEOUT_MS     10000 /* of one try */
#define REFUSAL_BYTES  200

int azure_token_url(struct azure_search *s, const char *source, char url[AZURE_CREDS_URL_BYTES])
{
	const char *host = azure_creds_env(s, "AZURE_AUTHORITY_HOST");
	const char *tenant = azure_creds_env(s, "AZURE_TENANT_ID");
	const char *scheme = strstr(host, "://") ? "" : "https://";
	struct uri_origin origin;
	char whole[AZURE_CREDS_URL_BYTES / 2];
	int len = snprintf(whole, sizeof(whole), "%s%s", host[0] ? scheme : "",
			   host[0] ? host : AUTHORITY);

	if (len >= (int)sizeof(whole) || uri_parse_origin(whole, &origin) < 0 ||
	    !azure_creds_may_go(&origin))
		return azure_creds_fail(
			s, source, "AZURE_AUTHORITY_HOST=%.100s is none: write https://host", host);
	if (strlen(tenant) > URI_HOST_BYTES ||
	    tenant[strspn(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789.-")])
		return azure_creds_fail(s, source, "AZURE_TENANT_ID=%.60s is no tenant", tenant);
	snprintf(url, AZURE_CREDS_URL_BYTES, "%s%s%s/oauth2/v2.0/token", whole,
		 len && whole[len - 1] == '/' ? "" : "/", tenant);
	return 0;
}

int azure_token_add(struct buffer *form, const char *name, const char *value)
{
	int ret = buffer_addf(form, "%s%s=", form->len ? "&" : "", name);

	return ret ? ret : uri_encode(form, value, strlen(value), false);
}

int azure_token_form(struct azure_search *s, const char *assertion, struct buffer *form)
{
	int ret = azure_token_add(form, "client_id", azure_creds_env(s, "AZURE_CLIENT_ID"));

	ret = ret ? ret : azure_token_add(form, "grant_type", "client_credentials");
	ret = ret ? ret : azure_token_add(form, "scope", SCOPE);
	if (!ret && assertion) {
		ret = azure_token_add(form, "client_assertion_type", ASSERTION_TYPE);
		ret = ret ? ret : azure_token_add(form, "client_assertion", assertion);
	}
	return ret;
}

/* A number, or a text that is one. Returns 0, or -EINVAL. */
static int read_number(const json_t *value, int64_t *out)
{
	uint64_t number;

	if (json_is_integer(value))
		*out = json_integer_value(value);
	else if (!json_is_string(value) || range_parse_number(json_string_value(value), &number) ||
		 number > INT64_MAX)
		return -EINVAL;
	else
		*out = (int64_t)number;
	return *out < 0 ? -EINVAL : 0;
}

static const char *read_object(const json_t *root, const char *name, struct creds *out)
{
	const char *token = json_string_value(json_object_get(root, name));
	int64_t in_s;

	if (!token || !token[0] || token[strcspn(token, " \t\r\n")])
		return "it holds no token";
	if (creds_fill(out, "", "", token) < 0)
		return "the token is too long";
	/* by this machine's clock, whatever the other's says */
	if (!read_number(json_object_get(root, "expires_in"), &in_s) && in_s < INT32_MAX)
		out->expires_s = clock_wall_s() + in_s;
	else if (read_number(json_object_get(root, "expires_on"), &out->expires_s) < 0)
		return "it does not say when the token expires";
	return NULL;
}

const char *azure_token_read(const char *text, size_t bytes, const char *name, struct creds *out)
{
	json_t *root = text ? json_loadb(text, bytes, 0, NULL) : NULL;
	const char *wrong = "it is not the JSON that was to be expected";

	if (json_is_object(root))
		wrong = read_object(root, name, out);
	json_decref(root);
	return wrong;
}

/* {"error": "invalid_client", "error_description": "AADSTS7000215: ...\r\n..."}, or of managed
 * identities {"error": ..., "message": ...}. */
static void read_refusal(const struct fetch *f, char out[REFUSAL_BYTES])
{
	json_t *root = f->answer ? json_loadb(f->answer, f->answer_bytes, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(root, "error_description"));

	if (!text)
		text = json_string_value(json_object_get(root, "message"));
	if (!text)
		text = json_string_value(json_object_get(root, "error"));
	if (!text)
		text = "";
	snprintf(out, REFUSAL_BYTES, "%s%.*s", *text ? ": " : "", (int)strcspn(text, "\r\n"), text);
	json_decref(root);
}

int azure_token_take(struct azure_search *s, const char *source, const struct fetch *f)
{
	const char *client = azure_creds_env(s, "AZURE_CLIENT_ID");
	char refusal[REFUSAL_BYTES];
	const char *wrong;

	if (f->status != 200) {
		read_refusal(f, refusal);
		return azure_creds_fail(s, source, "%.100s refuses (%d)%s", f->url, f->status,
					refusal);
	}
	wrong = azure_token_read(f->answer, f->answer_bytes, "access_token", s->out);
	if (wrong)
		return azure_creds_fail(s, source, "the answer of %.100s makes no sense: %s",
					f->url, wrong);
	snprintf(s->out->source, sizeof(s->out->source), "%s%s%.80s%s", source,
		 client[0] ? " (client " : "", client, client[0] ? ")" : "");
	creds_note(s->out, source, "used");
	return 1;
}

int azure_token_post(struct azure_search *s, const char *source, const char *url,
		     const struct buffer *form)
{
	struct fetch f = {
		.method = "POST",
		.url = url,
		.body = form->data,
		.body_bytes = form->len,
		.ctx = s->ctx,
		.ca_bundle = "",
		.timeout_ms = TIMEOUT_MS,
	};
	struct header_list fields = {0};
	int ret = header_add(&fields, "Content-Type", "application/x-www-form-urlencoded");

	ret = ret ? ret : header_add(&fields, "Accept", "application/json");
	ret = ret ? ret : fetch_tries(&f, &fields, TRIES);
	header_clear(&fields);
	if (ret == -ENOMEM || ret == -ECANCELED)
		return ret;
	if (ret < 0)
		return azure_creds_fail(s, source, "%.100s: %s", url,
					f.words[0] ? f.words : strerror(-ret));
	ret = azure_token_take(s, source, &f);
	fetch_clear(&f);
	return ret;
}
