// SPDX-License-Identifier: Apache-2.0
/*
 * IAM Identity Center: `aws sso login` leaves a token in ~/.aws/sso/cache, in a file that is named
 * by the SHA-1 of the session's name (or, in the older form, of the start URL). The portal gives
 * keys of a role for it. A token that has expired needs a person with a browser.
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/http/uri.h"
#include "core/scope.h"
#include "core/slurp.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"

#define TRIES	    3
#define TIMEOUT_MS  5000
#define CACHE_BYTES 262144
#define URL_BYTES   2048
#define SHA1_BYTES  20
#define TOKEN_BYTES 8192

static const char source[] = "SSO";

static int find_cache(const struct aws_search *s, char path[CONFIG_PATH_BYTES])
{
	const struct config *config = s->config;
	const char *name = config->sso_session[0] ? config->sso_session : config->sso_start_url;
	uint8_t digest[EVP_MAX_MD_SIZE];
	char hex[2 * SHA1_BYTES + 1];
	char home[CONFIG_PATH_BYTES];

	if (EVP_Digest(name, strlen(name), digest, NULL, EVP_sha1(), NULL) != 1)
		return -EIO;
	digest_hex(digest, SHA1_BYTES, hex);
	config_home(s->ctx, home);
	if (snprintf(path, CONFIG_PATH_BYTES, "%s/.aws/sso/cache/%s.json", home, hex) >=
	    CONFIG_PATH_BYTES)
		return -ENAMETOOLONG;
	return 0;
}

static int ask_for_login(struct aws_search *s, const char *why)
{
	return aws_fail(s, source, "%s: run `aws sso login --profile %s`", why, s->config->profile);
}

static int read_token(struct aws_search *s, char token[TOKEN_BYTES])
{
	char path[CONFIG_PATH_BYTES];
	SCOPE_FREE char *text = NULL;
	const char *value;
	const char *expires;
	json_t *root;
	int64_t expires_s = 0;
	int ret = find_cache(s, path);

	if (!ret)
		ret = slurp(path, CACHE_BYTES, &text);
	if (ret < 0)
		return aws_fail(s, source, "%.200s cannot be read: %s", path, strerror(-ret));
	if (!text)
		return ask_for_login(s, "nobody has logged in");
	root = json_loads(text, 0, NULL);
	OPENSSL_cleanse(text, strlen(text));
	value = json_string_value(json_object_get(root, "accessToken"));
	expires = json_string_value(json_object_get(root, "expiresAt"));
	if (!value || !expires || strlen(value) >= TOKEN_BYTES ||
	    aws_read_date(expires, &expires_s) < 0)
		ret = aws_fail(s, source, "%.150s makes no sense: run `aws sso login --profile %s`",
			       path, s->config->profile);
	else if (expires_s <= clock_wall_s())
		ret = ask_for_login(s, "the login has expired");
	else
		strcpy(token, value);
	json_decref(root);
	return ret;
}

static int make_url(struct aws_search *s, struct buffer *url)
{
	const struct config *config = s->config;
	struct aws_setting setting = aws_endpoint(s->ctx, config, AWS_SSO);
	struct uri_origin origin;
	int ret;

	if (!setting.value && !aws_is_region(config->sso_region))
		return aws_fail(s, source, "profile %s: sso_region = \"%.60s\" is no region",
				config->profile, config->sso_region);
	if (setting.value && uri_parse_origin(setting.value, &origin) < 0)
		return aws_fail(s, source, "%s: \"%.100s\" is no endpoint", setting.name,
				setting.value);
	if (setting.value)
		ret = buffer_addf(url, "%s%s", setting.value,
				  setting.value[strlen(setting.value) - 1] == '/' ? "" : "/");
	else
		ret = buffer_addf(url, "https://portal.sso.%s.%s/", config->sso_region,
				  aws_domain(config->sso_region));
	ret = ret ? ret : buffer_add_text(url, "federation/credentials");
	ret = ret ? ret : uri_add_query(url, "role_name", config->sso_role_name);
	return ret ? ret : uri_add_query(url, "account_id", config->sso_account_id);
}

static int take_answer(struct aws_search *s, const struct fetch *f)
{
	static const struct aws_names names = {"accessKeyId", "secretAccessKey", "sessionToken",
					       "expiration"};
	const char *wrong;

	if (f->status == 401)
		return ask_for_login(s, "the login is no longer good");
	if (f->status == 403)
		return aws_fail(s, source,
				"no access to role %.60s of account %.20s (403): check "
				"sso_role_name and sso_account_id of profile %s",
				s->config->sso_role_name, s->config->sso_account_id,
				s->config->profile);
	if (f->status != 200)
		return aws_fail(s, source, "the portal refuses (%d)", f->status);
	wrong = aws_read_json(f->answer, f->answer_bytes, "roleCredentials", &names, s->out);
	aws_local_expiry(s->out, f);
	if (wrong)
		return aws_fail(s, source, "the portal's answer makes no sense: %s", wrong);
	return aws_found(s, source, "SSO role %.60s of account %.20s, profile %s",
			 s->config->sso_role_name, s->config->sso_account_id, s->config->profile);
}

static int ask(struct aws_search *s, const char *url, const char *token)
{
	struct header_list fields = {0};
	struct fetch f = {
		.method = "GET",
		.url = url,
		.ctx = s->ctx,
		.ca_bundle = s->config->ca_bundle,
		.timeout_ms = TIMEOUT_MS,
	};
	int ret = header_add(&fields, "x-amz-sso_bearer_token", token);

	if (!ret)
		ret = fetch_tries(&f, &fields, TRIES);
	header_clear(&fields);
	if (ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return aws_fail(s, source, "the portal: %s", f.words[0] ? f.words : strerror(-ret));
	ret = take_answer(s, &f);
	fetch_clear(&f);
	return ret;
}

int aws_from_sso(struct aws_search *s)
{
	const struct config *config = s->config;
	struct buffer url = BUFFER_INIT(URL_BYTES);
	char token[TOKEN_BYTES];
	int ret;

	if (!config->sso_account_id[0] && !config->sso_role_name[0]) {
		creds_note(s->out, source, "no sso_role_name in profile %s", config->profile);
		return 0;
	}
	if (!config->sso_account_id[0] || !config->sso_role_name[0] || !config->sso_start_url[0] ||
	    !config->sso_region[0])
		return aws_fail(s, source, "profile %s%s%s lacks %s: run `aws configure sso`",
				config->profile, config->sso_session[0] ? " with sso-session " : "",
				config->sso_session,
				!config->sso_account_id[0]  ? "sso_account_id"
				: !config->sso_role_name[0] ? "sso_role_name"
				: !config->sso_start_url[0] ? "sso_start_url"
							    : "sso_region");
	if (!s->may_wait)
		return -EINPROGRESS;
	ret = read_token(s, token);
	if (!ret)
		ret = make_url(s, &url);
	if (!ret)
		ret = ask(s, buffer_text(&url), token);
	OPENSSL_cleanse(token, sizeof(token));
	buffer_free(&url);
	return ret;
}
