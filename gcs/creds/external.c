// SPDX-License-Identifier: Apache-2.0
/*
 * Workload identity federation (AIP-4117): a token that somebody else vouches for, from a file, an
 * address, AWS or a command, is exchanged (RFC 8693) for one of Google's, and that perhaps for one
 * of a service account's.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/http/date.h"
#include "core/scope.h"
#include "core/slurp.h"
#include "gcs/creds/creds.h"

#define CLOUD_SCOPE	"https://www.googleapis.com/auth/cloud-platform"
#define EXCHANGE	"urn:ietf:params:oauth:grant-type:token-exchange"
#define ACCESS_TOKEN	"urn:ietf:params:oauth:token-type:access_token"
#define SUBJECT_BYTES	65536
#define FORM_BYTES	262144
#define TRIES		3
#define TIMEOUT_MS	10000
#define LIFETIME_MIN_S	600
#define LIFETIME_MAX_S	43200
#define LIFETIME_OWN_S	3600
#define LIFETIME_LENGTH 24

static const char source[] = "external account";

int google_fetch(struct google_search *s, const char *method, const char *url,
		 const struct header_list *fields, struct fetch *out)
{
	static const struct header_list none;
	int ret;

	*out = (struct fetch){
		.method = method, .url = url, .ctx = s->ctx, .timeout_ms = TIMEOUT_MS};
	ret = fetch_tries(out, fields ? fields : &none, TRIES);
	if (ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return google_fail(s, source, "%.100s: %s", url,
				   out->words[0] ? out->words : strerror(-ret));
	if (out->status == 200 && out->answer)
		return 0;
	fetch_clear(out);
	return google_fail(s, source, "%.100s gives no answer (%d)", url, out->status);
}

/* The answer, to free; of an address. */
static int fetch_subject(struct google_search *s, const json_t *where, char **out)
{
	const json_t *headers = json_object_get(where, "headers");
	struct header_list fields = {0};
	struct fetch f;
	const char *name;
	json_t *value;
	int ret = 0;

	json_object_foreach((json_t *)headers, name, value)
	{
		if (!ret && json_is_string(value))
			ret = header_add(&fields, name, json_string_value(value));
	}
	if (ret == -EINVAL || ret == -EMSGSIZE)
		ret = google_fail(s, source, "%.200s: its headers are none", s->path);
	if (!ret)
		ret = google_fetch(s, "GET", google_text(where, "url"), &fields, &f);
	header_clear(&fields);
	if (!ret)
		*out = f.answer;
	return ret;
}

static int read_subject(struct google_search *s, const char *path, char **out)
{
	int ret = slurp(path, SUBJECT_BYTES, out);

	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 || !*out)
		return google_fail(s, source, "%.200s cannot be read: %s", path,
				   strerror(ret ? -ret : ENOENT));
	return 0;
}

/* Leaves in *text the token that it holds. */
static int unpack(struct google_search *s, const json_t *format, char **text)
{
	json_t *json;
	char *token;

	if (strcmp(google_text(format, "type"), "json") != 0) {
		(*text)[strcspn(*text, "\r\n")] = '\0';
		return **text ? 0 : google_fail(s, source, "the subject token is empty");
	}
	json = json_loads(*text, 0, NULL);
	token = strdup(google_text(json, google_text(format, "subject_token_field_name")));
	json_decref(json);
	OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = token;
	if (!token)
		return -ENOMEM;
	return *token ? 0 : google_fail(s, source, "the subject token's JSON lacks its field");
}

static int get_subject(struct google_search *s, const json_t *json, char **out)
{
	const json_t *where = json_object_get(json, "credential_source");
	int ret;

	if (google_text(where, "environment_id")[0])
		return google_subject_aws(s, json, out);
	if (json_object_get(where, "executable"))
		return google_subject_command(s, json, out);
	if (google_text(where, "file")[0])
		ret = read_subject(s, google_text(where, "file"), out);
	else if (google_text(where, "url")[0])
		ret = fetch_subject(s, where, out);
	else
		return google_fail(s, source,
				   "%.200s: credential_source is none of file, url, executable and "
				   "AWS's; certificates are not supported",
				   s->path);
	if (ret || !*out)
		return ret ? ret : -EACCES;
	return unpack(s, json_object_get(where, "format"), out);
}

static int exchange(struct google_search *s, const json_t *json, const char *subject,
		    const char *scope)
{
	struct buffer form = BUFFER_INIT(FORM_BYTES);
	json_t *answer = NULL;
	int ret = google_form_add(&form, "grant_type", EXCHANGE);

	if (!ret)
		ret = google_form_add(&form, "audience", google_text(json, "audience"));
	if (!ret)
		ret = google_form_add(&form, "scope", scope);
	if (!ret)
		ret = google_form_add(&form, "requested_token_type", ACCESS_TOKEN);
	if (!ret)
		ret = google_form_add(&form, "subject_token_type",
				      google_text(json, "subject_token_type"));
	if (!ret)
		ret = google_form_add(&form, "subject_token", subject);
	if (!ret)
		ret = google_ask(s, google_text(json, "token_url"), &form, NULL, &answer, NULL);
	if (!ret)
		ret = google_take_token(s, answer);
	json_decref(answer);
	if (form.data)
		OPENSSL_cleanse(form.data, form.cap);
	buffer_free(&form);
	return ret;
}

static void lifetime_of(const json_t *json, char out[LIFETIME_LENGTH])
{
	const json_t *options = json_object_get(json, "service_account_impersonation");
	json_int_t s = json_integer_value(json_object_get(options, "token_lifetime_seconds"));

	if (s < LIFETIME_MIN_S || s > LIFETIME_MAX_S)
		s = LIFETIME_OWN_S;
	snprintf(out, LIFETIME_LENGTH, "%" JSON_INTEGER_FORMAT "s", s);
}

int google_from_external(struct google_search *s, const json_t *json, const char *scope)
{
	const char *impersonated = google_text(json, "service_account_impersonation_url");
	char lifetime[LIFETIME_LENGTH];
	char *subject = NULL;
	int ret;

	if (!google_text(json, "audience")[0] || !google_text(json, "token_url")[0] ||
	    !google_text(json, "subject_token_type")[0])
		return google_fail(s, source,
				   "%.200s lacks audience, token_url or subject_token_type",
				   s->path);
	ret = get_subject(s, json, &subject);
	if (!ret)
		ret = exchange(s, json, subject, impersonated[0] ? CLOUD_SCOPE : scope);
	if (subject)
		OPENSSL_cleanse(subject, strlen(subject));
	free(subject);
	if (ret)
		return ret;
	if (!impersonated[0])
		return google_found(s, source, "external account in %.200s", s->path);
	lifetime_of(json, lifetime);
	return google_impersonate(s, impersonated, NULL, lifetime, scope);
}

void google_account_of(const char *url, char *out, size_t bytes)
{
	const char *slash = strrchr(url, '/');

	slash = slash ? slash + 1 : url;
	snprintf(out, bytes, "%.*s", (int)strcspn(slash, ":"), slash);
}

static int take_impersonated(struct google_search *s, const json_t *answer)
{
	const char *token = google_text(answer, "accessToken");
	int64_t ns;

	if (!token[0] || date_parse_iso(google_text(answer, "expireTime"), &ns) < 0)
		return google_fail(s, source, "the answer holds no access token that lasts");
	if (creds_fill(s->out, s->out->id, "", token) < 0)
		return google_fail(s, source, "the access token is too long");
	s->out->expires_s = ns / DATE_NS_PER_S;
	return 0;
}

int google_impersonate(struct google_search *s, const char *url, const json_t *delegates,
		       const char *lifetime, const char *scope)
{
	json_t *question =
		json_pack("{s:s, s:[s], s:o}", "lifetime", lifetime, "scope", scope, "delegates",
			  json_is_array(delegates) ? json_copy((json_t *)delegates) : json_array());
	SCOPE_FREE char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
	struct buffer body = {.data = text, .len = text ? strlen(text) : 0};
	json_t *answer = NULL;
	int ret = text ? 0 : -ENOMEM;

	json_decref(question);
	if (!ret)
		ret = google_ask(s, url, &body, s->out->token, &answer, NULL);
	if (!ret)
		ret = take_impersonated(s, answer);
	json_decref(answer);
	if (ret)
		return ret;
	google_account_of(url, s->out->id, sizeof(s->out->id));
	return google_found(s, source, "service account %.100s, impersonated by what is in %.150s",
			    s->out->id, s->path);
}
