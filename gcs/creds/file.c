// SPDX-License-Identifier: Apache-2.0
/* Credential files, by their type: a service account's key, a user's refresh token, what somebody
 * else vouches for, and an account that one of these may impersonate. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/scope.h"
#include "gcs/creds/creds.h"

#define TOKEN_URL   "https://oauth2.googleapis.com/token"
#define CLOUD_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define JWT_GRANT   "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define FORM_BYTES  65536
#define SKEW_MIN_S  60 /* a smaller difference may be the answer's way */
#define DEPTH_MAX   2

static const char source[] = "credential file";

static const char *token_url(const json_t *json)
{
	const char *url = google_text(json, "token_uri");

	return url[0] ? url : TOKEN_URL;
}

static void wipe(struct buffer *form)
{
	if (form->data)
		OPENSSL_cleanse(form->data, form->cap);
	buffer_free(form);
}

static int post(struct google_search *s, const char *url, const struct buffer *form,
		int64_t *ahead_s)
{
	json_t *answer;
	int ret = google_ask(s, url, form, NULL, &answer, ahead_s);

	if (ret)
		return ret;
	ret = google_take_token(s, answer);
	json_decref(answer);
	return ret;
}

static int ask_by_jwt(struct google_search *s, const json_t *json, const char *scope, int64_t now_s,
		      int64_t *ahead_s)
{
	struct buffer form = BUFFER_INIT(FORM_BYTES);
	json_t *claims =
		google_jwt_claims(google_text(json, "client_email"), token_url(json), scope, now_s);
	char *jwt = NULL;
	int ret = google_jwt_sign(google_text(json, "private_key"),
				  google_text(json, "private_key_id"), claims, &jwt);

	json_decref(claims);
	if (ret == -EINVAL)
		return google_fail(s, source, "%.200s holds no RSA key as private_key", s->path);
	if (!ret)
		ret = google_form_add(&form, "grant_type", JWT_GRANT);
	if (!ret)
		ret = google_form_add(&form, "assertion", jwt);
	if (!ret)
		ret = post(s, token_url(json), &form, ahead_s);
	if (jwt)
		OPENSSL_cleanse(jwt, strlen(jwt));
	free(jwt);
	wipe(&form);
	return ret;
}

/* Of another universe than the usual one: there, nobody exchanges tokens, and what the key signs is
 * one (googleapis/google-auth-library-python, "universe domain support for service account"). */
static int sign_own(struct google_search *s, const json_t *json, const char *scope)
{
	int64_t now_s = clock_wall_s();
	json_t *claims = google_jwt_claims(google_text(json, "client_email"), NULL, scope, now_s);
	char *jwt = NULL;
	int ret = google_jwt_sign(google_text(json, "private_key"),
				  google_text(json, "private_key_id"), claims, &jwt);

	json_decref(claims);
	if (ret == -EINVAL)
		return google_fail(s, source, "%.200s holds no RSA key as private_key", s->path);
	if (!ret && creds_fill(s->out, "", "", jwt) < 0)
		ret = google_fail(s, source, "the access token is too long");
	s->out->expires_s = now_s + GOOGLE_JWT_LIFE_S;
	if (jwt)
		OPENSSL_cleanse(jwt, strlen(jwt));
	free(jwt);
	return ret;
}

static int from_service_account(struct google_search *s, const json_t *json, const char *scope)
{
	const char *account = google_text(json, "client_email");
	int64_t ahead_s = 0;
	int ret;

	if (!account[0] || !google_text(json, "private_key")[0])
		return google_fail(s, source, "%.200s lacks client_email or private_key", s->path);
	if (strcmp(google_universe(s->ctx), GOOGLE_UNIVERSE) != 0)
		ret = sign_own(s, json, scope);
	else
		ret = ask_by_jwt(s, json, scope, clock_wall_s(), &ahead_s);
	/* what is signed with a wrong clock is refused: once more with the server's */
	if (ret == -EACCES && llabs(ahead_s) >= SKEW_MIN_S) {
		log_warn("%s: its clock differs by %lld s; signing with its time", token_url(json),
			 (long long)ahead_s);
		ret = ask_by_jwt(s, json, scope, clock_wall_s() + ahead_s, &ahead_s);
	}
	if (ret)
		return ret;
	snprintf(s->out->id, sizeof(s->out->id), "%s", account);
	return google_found(s, source, "service account %.100s in %.200s", account, s->path);
}

static int from_user(struct google_search *s, const json_t *json)
{
	static const char *const names[] = {"client_id", "client_secret", "refresh_token"};
	struct buffer form = BUFFER_INIT(FORM_BYTES);
	int ret = google_form_add(&form, "grant_type", "refresh_token");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !ret; i++) {
		const char *value = google_text(json, names[i]);

		ret = value[0] ? google_form_add(&form, names[i], value)
			       : google_fail(s, source,
					     "%.200s lacks %s; run `gcloud auth "
					     "application-default login`",
					     s->path, names[i]);
	}
	if (!ret)
		ret = post(s, token_url(json), &form, NULL);
	wipe(&form);
	return ret ? ret : google_found(s, source, "user in %.200s", s->path);
}

static int from_impersonated(struct google_search *s, const json_t *json, const char *scope,
			     unsigned depth)
{
	const json_t *base = json_object_get(json, "source_credentials");
	const char *url = google_text(json, "service_account_impersonation_url");
	int ret;

	if (!json_is_object(base) || !url[0] || depth == DEPTH_MAX)
		return google_fail(s, source,
				   "%.200s lacks source_credentials or "
				   "service_account_impersonation_url",
				   s->path);
	ret = google_from_json(s, base, CLOUD_SCOPE, depth + 1);
	if (ret < 0)
		return ret;
	return google_impersonate(s, url, json_object_get(json, "delegates"), "3600s", scope);
}

static void take_project(char out[CREDS_PROJECT_BYTES], const char *text)
{
	if (text[0] && strlen(text) < CREDS_PROJECT_BYTES)
		strcpy(out, text);
}

const char *google_universe(const struct context *ctx)
{
	const char *said = google_env(ctx, "GOOGLE_CLOUD_UNIVERSE_DOMAIN");

	if (!said[0])
		said = google_env(ctx, "CLOUDSDK_CORE_UNIVERSE_DOMAIN");
	return said[0] ? said : GOOGLE_UNIVERSE;
}

/* What one cloud has given is not shown to another. */
static int check_universe(struct google_search *s, const json_t *json)
{
	const char *of_file = google_text(json, "universe_domain");
	const char *wanted = google_universe(s->ctx);

	if (!of_file[0])
		of_file = GOOGLE_UNIVERSE;
	if (!strcmp(of_file, wanted))
		return 0;
	return google_fail(s, source,
			   "%.150s is of the universe %.60s, and %.60s is spoken to: set "
			   "GOOGLE_CLOUD_UNIVERSE_DOMAIN=%.60s",
			   s->path, of_file, wanted, of_file);
}

int google_from_json(struct google_search *s, const json_t *json, const char *scope, unsigned depth)
{
	const char *type = google_text(json, "type");
	int ret = depth ? 0 : check_universe(s, json);

	if (ret)
		return ret;

	take_project(s->out->project, google_text(json, "project_id"));
	take_project(s->out->payer, google_text(json, "quota_project_id"));
	if (!strcmp(type, "service_account"))
		return from_service_account(s, json, scope);
	if (!strcmp(type, "authorized_user"))
		return from_user(s, json);
	if (!strcmp(type, "external_account"))
		return google_from_external(s, json, scope);
	if (!strcmp(type, "impersonated_service_account"))
		return from_impersonated(s, json, scope, depth);
	return google_fail(s, source, "%.200s is of type \"%.60s\", which is not supported",
			   s->path, type);
}
