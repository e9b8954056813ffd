// SPDX-License-Identifier: Apache-2.0
/* Asking a token server, and its answers: RFC 6749 sections 5.1 and 5.2. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/http/uri.h"
#include "gcs/creds/creds.h"

#define TRIES	     3
#define TIMEOUT_MS   10000
#define BEARER_BYTES (CREDS_TOKEN_BYTES + 8)
#define LIFE_MAX_S   86400

static const char source[] = "token server";

const char *google_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
}

int google_form_add(struct buffer *form, const char *name, const char *value)
{
	int ret = form->len ? buffer_add_char(form, '&') : 0;

	if (!ret)
		ret = buffer_addf(form, "%s=", name);
	return ret ? ret : uri_encode(form, value, strlen(value), false);
}

static int add_fields(const char *bearer, struct header_list *fields)
{
	char text[BEARER_BYTES];
	int ret;

	if (!bearer)
		return header_add(fields, "Content-Type", "application/x-www-form-urlencoded");
	snprintf(text, sizeof(text), "Bearer %s", bearer);
	ret = header_add(fields, "Authorization", text);
	OPENSSL_cleanse(text, sizeof(text));
	return ret ? ret : header_add(fields, "Content-Type", "application/json");
}

/* {"error": "invalid_grant", "error_description": "..."}, or {"error": {"message": ...}}. */
static int refuse(struct google_search *s, const char *url, const struct fetch *f,
		  const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *code = json_is_string(error) ? json_string_value(error)
						 : google_text(error, "status");
	const char *words = json_is_string(error) ? google_text(answer, "error_description")
						  : google_text(error, "message");

	return google_fail(s, source, "%.100s refuses (%d%s%.40s)%s%.120s", url, f->status,
			   code[0] ? " " : "", code, words[0] ? ": " : "", words);
}

int google_ask(struct google_search *s, const char *url, const struct buffer *body,
	       const char *bearer, json_t **out, int64_t *ahead_s)
{
	struct fetch f = {
		.method = "POST",
		.url = url,
		.body = body->data,
		.body_bytes = body->len,
		.ctx = s->ctx,
		.timeout_ms = TIMEOUT_MS,
	};
	struct header_list fields = {0};
	json_t *answer;
	int ret = add_fields(bearer, &fields);

	if (!ret)
		ret = fetch_tries(&f, &fields, TRIES);
	header_clear(&fields);
	if (ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return google_fail(s, source, "%.100s: %s", url,
				   f.words[0] ? f.words : strerror(-ret));
	if (ahead_s)
		*ahead_s = f.ahead_s;
	answer = f.answer ? json_loadb(f.answer, f.answer_bytes, JSON_REJECT_DUPLICATES, NULL)
			  : NULL;
	if (f.status != 200)
		ret = refuse(s, url, &f, answer);
	else if (!json_is_object(answer))
		ret = google_fail(s, source, "the answer of %.100s is no JSON", url);
	fetch_clear(&f);
	if (ret)
		json_decref(answer);
	else
		*out = answer;
	return ret;
}

int google_take_token(struct google_search *s, const json_t *answer)
{
	const char *token = google_text(answer, "access_token");
	json_int_t life_s = json_integer_value(json_object_get(answer, "expires_in"));

	if (!token[0] || token[strcspn(token, "\r\n")] || life_s <= 0 || life_s > LIFE_MAX_S)
		return google_fail(s, source, "its answer holds no access token that lasts");
	if (creds_fill(s->out, s->out->id, "", token) < 0)
		return google_fail(s, source, "the access token is too long");
	s->out->expires_s = clock_wall_s() + life_s;
	return 0;
}
