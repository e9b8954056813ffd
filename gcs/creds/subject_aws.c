// SPDX-License-Identifier: Apache-2.0
/*
 * An external account of AWS ("Determining the subject token in AWS" of AIP-4117): the token is a
 * request to AWS's Security Token Service, GetCallerIdentity, signed but not sent. Google sends it,
 * and sees in the answer who signed. By the environment's key, or an instance's from its metadata
 * service, of which version 2 wants a session token first.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "core/http/uri.h"
#include "core/scope.h"
#include "core/sigv4.h"
#include "gcs/creds/creds.h"

#define SESSION_LIFE_S "300"
#define URL_BYTES      1024
#define REGION_BYTES   64
#define SUBJECT_BYTES  65536
#define TARGET	       "x-goog-cloud-target-resource"
#define REGION	       "{region}"

static const char source[] = "external account";

struct identity {
	struct header_list fields; /* of questions to the metadata service */
	char region[REGION_BYTES];
	struct creds key;
};

/* One that is set without variables of this program's: as AWS's own tools take it. */
static void from_environment(struct google_search *s, struct identity *out)
{
	const char *region = google_env(s->ctx, "AWS_REGION");
	const char *id = google_env(s->ctx, "AWS_ACCESS_KEY_ID");
	const char *secret = google_env(s->ctx, "AWS_SECRET_ACCESS_KEY");

	if (!region[0])
		region = google_env(s->ctx, "AWS_DEFAULT_REGION");
	snprintf(out->region, sizeof(out->region), "%s", region);
	if (id[0] && secret[0])
		creds_fill(&out->key, id, secret, google_env(s->ctx, "AWS_SESSION_TOKEN"));
}

/* The first line that an address answers with. */
static int ask_line(struct google_search *s, const char *method, const char *url,
		    const struct header_list *fields, char *out, size_t bytes)
{
	struct fetch f;
	size_t len;
	int ret = google_fetch(s, method, url, fields, &f);

	if (ret)
		return ret;
	len = strcspn(f.answer, "\r\n");
	if (!len || len >= bytes)
		ret = google_fail(s, source, "%.100s: the answer makes no sense", url);
	else
		snprintf(out, bytes, "%.*s", (int)len, f.answer);
	fetch_clear(&f);
	return ret;
}

static int begin_session(struct google_search *s, const char *url, struct identity *out)
{
	struct header_list life = {0};
	char token[URL_BYTES];
	int ret = header_add(&life, "X-aws-ec2-metadata-token-ttl-seconds", SESSION_LIFE_S);

	if (!ret)
		ret = ask_line(s, "PUT", url, &life, token, sizeof(token));
	if (!ret)
		ret = header_add(&out->fields, "X-aws-ec2-metadata-token", token);
	header_clear(&life);
	OPENSSL_cleanse(token, sizeof(token));
	return ret == -EINVAL ? google_fail(s, source, "%.100s: the answer makes no sense", url)
			      : ret;
}

/* An availability zone is its region and a letter. */
static int ask_region(struct google_search *s, const char *url, struct identity *out)
{
	int ret;

	if (!url[0])
		return google_fail(s, source, "set AWS_REGION: %.200s has no region_url", s->path);
	ret = ask_line(s, "GET", url, &out->fields, out->region, sizeof(out->region));
	if (!ret)
		out->region[strlen(out->region) - 1] = '\0';
	return ret;
}

static int ask_key(struct google_search *s, const char *url, struct identity *out)
{
	char role[REGION_BYTES * 2], whole[URL_BYTES];
	json_t *json;
	struct fetch f;
	int ret;

	if (!url[0])
		return google_fail(s, source,
				   "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: %.200s has no "
				   "url of a metadata service",
				   s->path);
	ret = ask_line(s, "GET", url, &out->fields, role, sizeof(role));
	if (ret)
		return ret;
	snprintf(whole, sizeof(whole), "%.800s%s%s", url, url[strlen(url) - 1] == '/' ? "" : "/",
		 role);
	ret = google_fetch(s, "GET", whole, &out->fields, &f);
	if (ret)
		return ret;
	json = json_loadb(f.answer, f.answer_bytes, 0, NULL);
	fetch_clear(&f);
	if (!google_text(json, "AccessKeyId")[0] || !google_text(json, "SecretAccessKey")[0] ||
	    creds_fill(&out->key, google_text(json, "AccessKeyId"),
		       google_text(json, "SecretAccessKey"), google_text(json, "Token")) < 0)
		ret = google_fail(s, source, "%.100s: the answer makes no sense", whole);
	json_decref(json);
	return ret;
}

static int find(struct google_search *s, const json_t *where, struct identity *out)
{
	const char *session = google_text(where, "imdsv2_session_token_url");
	int ret = 0;

	from_environment(s, out);
	if (session[0] && !(out->region[0] && out->key.id[0]))
		ret = begin_session(s, session, out);
	if (!ret && !out->region[0])
		ret = ask_region(s, google_text(where, "region_url"), out);
	if (!ret && !out->key.id[0])
		ret = ask_key(s, google_text(where, "url"), out);
	if (!ret && out->region[strspn(out->region, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		ret = google_fail(s, source, "\"%.60s\" is no region of AWS", out->region);
	return ret;
}

/* "https://sts.{region}.amazonaws.com?Action=...", taken apart. */
struct place {
	char url[URL_BYTES], host[URI_HOST_BYTES], target[URL_BYTES], service[REGION_BYTES];
};

static int find_place(const char *pattern, const char *region, struct place *out)
{
	const char *gap = strstr(pattern, REGION);
	const char *host;
	size_t len;
	int ret = snprintf(out->url, sizeof(out->url), "%.*s%s%s",
			   (int)(gap ? gap - pattern : (ptrdiff_t)strlen(pattern)), pattern,
			   gap ? region : "", gap ? gap + strlen(REGION) : "");

	host = strstr(out->url, "://");
	if (ret >= (int)sizeof(out->url) || !host)
		return -EINVAL;
	host += 3;
	len = strcspn(host, "/?");
	if (!len || len >= sizeof(out->host))
		return -EINVAL;
	snprintf(out->host, sizeof(out->host), "%.*s", (int)len, host);
	snprintf(out->target, sizeof(out->target), "%s%s", host[len] == '/' ? "" : "/", host + len);
	snprintf(out->service, sizeof(out->service), "%.*s", (int)strcspn(out->host, "."),
		 out->host);
	return 0;
}

/* {"url": ..., "method": "POST", "headers": [{"key": ..., "value": ...}]}, escaped. */
static int write_token(const struct place *place, const struct header_list *fields, char **out)
{
	struct buffer token = BUFFER_INIT(SUBJECT_BYTES);
	json_t *headers = json_pack("[{s:s, s:s}]", "key", "host", "value", place->host);
	SCOPE_FREE char *text = NULL;
	json_t *json;
	int ret = -ENOMEM;

	for (size_t i = 0; i < fields->count; i++)
		json_array_append_new(headers, json_pack("{s:s, s:s}", "key", fields->field[i].name,
							 "value", fields->field[i].value));
	json = json_pack("{s:s, s:s, s:o}", "url", place->url, "method", "POST", "headers",
			 headers);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (text)
		ret = uri_encode(&token, text, strlen(text), false);
	if (text)
		OPENSSL_cleanse(text, strlen(text)); /* who has it is taken for who signed */
	if (!ret)
		*out = buffer_take(&token);
	else if (token.data)
		OPENSSL_cleanse(token.data, token.cap);
	buffer_free(&token);
	return ret;
}

static int sign(struct google_search *s, const json_t *json, const struct identity *who, char **out)
{
	const json_t *where = json_object_get(json, "credential_source");
	const struct sigv4_key key = {who->key.id, who->key.secret, who->key.token, who->region,
				      NULL};
	struct header_list fields = {0};
	struct sigv4_subject subject = {.method = "POST", .body_hash = SIGV4_EMPTY_BODY};
	struct sigv4_key named = key;
	struct place place = {.url = ""};
	int ret = find_place(google_text(where, "regional_cred_verification_url"), who->region,
			     &place);

	if (!ret)
		ret = header_add(&fields, TARGET, google_text(json, "audience"));
	named.service = place.service;
	subject.host = place.host;
	subject.target = place.target;
	if (!ret)
		ret = sigv4_sign(&named, &subject, clock_wall_s(), &fields);
	if (!ret)
		ret = write_token(&place, &fields, out);
	header_clear(&fields);
	if (ret && ret != -ENOMEM)
		return google_fail(s, source,
				   "%.200s: its regional_cred_verification_url or audience, or "
				   "AWS's key, is none",
				   s->path);
	return ret;
}

int google_subject_aws(struct google_search *s, const json_t *json, char **out)
{
	const json_t *where = json_object_get(json, "credential_source");
	const char *kind = google_text(where, "environment_id");
	struct identity who = {.region = ""};
	int ret;

	if (strcmp(kind, "aws1") != 0)
		return google_fail(s, source,
				   "%.200s: environment_id is \"%.40s\", and only aws1 is known",
				   s->path, kind);
	ret = find(s, where, &who);
	if (!ret)
		ret = sign(s, json, &who, out);
	header_clear(&who.fields);
	creds_wipe(&who.key);
	return ret;
}
