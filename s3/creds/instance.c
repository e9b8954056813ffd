// SPDX-License-Identifier: Apache-2.0
/*
 * The metadata service of an EC2 instance, version 2 of it: a PUT gives a token, which the GETs
 * bear. Elsewhere nobody answers at that address, or somebody who has other things to say, so each
 * request is given little time and failing is no error: the instance just has nothing to offer.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/http/uri.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"

#define TIMEOUT_S     1
#define TIMEOUT_MAX_S 60
#define TRIES_MAX     10
#define URL_BYTES     1024
#define TOKEN_BYTES   1024
#define TOKEN_LIFE_S  "21600"
#define ROLE_BYTES    128
#define ROLES_PATH    "latest/meta-data/iam/security-credentials/"
#define ENDPOINT_V4   "http://169.254.169.254/"
#define ENDPOINT_V6   "http://[fd00:ec2::254]/"

static const char source[] = "instance metadata";

struct service {
	char origin[URL_BYTES / 2]; /* with the slash */
	char token[TOKEN_BYTES];
	char role[ROLE_BYTES];
	int64_t timeout_ms;
	unsigned tries;
};

static long number(const char *text, long otherwise, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *text && !*end && value > 0 ? (value < max ? value : max) : otherwise;
}

static int find_service(struct aws_search *s, struct service *out)
{
	const char *endpoint = aws_env(s->ctx, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = aws_env(s->ctx, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	struct uri_origin origin;

	out->timeout_ms = 1000 * number(aws_env(s->ctx, "AWS_METADATA_SERVICE_TIMEOUT"), TIMEOUT_S,
					TIMEOUT_MAX_S);
	out->tries = (unsigned)number(aws_env(s->ctx, "AWS_METADATA_SERVICE_NUM_ATTEMPTS"), 1,
				      TRIES_MAX);
	if (!endpoint[0])
		endpoint = !strcasecmp(mode, "ipv6") ? ENDPOINT_V6 : ENDPOINT_V4;
	if (uri_parse_origin(endpoint, &origin) < 0 || strlen(endpoint) >= sizeof(out->origin) - 1)
		return aws_fail(s, source,
				"AWS_EC2_METADATA_SERVICE_ENDPOINT=%.150s is no endpoint: write "
				"http://host",
				endpoint);
	snprintf(out->origin, sizeof(out->origin), "%s%s", endpoint,
		 endpoint[strlen(endpoint) - 1] == '/' ? "" : "/");
	return 0;
}

/* One request; with the token if there is one. Returns 0 with an answer of status 200; 1: that is
 * all there is to say, and it is noted; -ECANCELED or -ENOMEM. */
static int ask(struct aws_search *s, const struct service *service, const char *method,
	       const char *path, struct fetch *f)
{
	struct header_list fields = {0};
	char url[URL_BYTES];
	int ret;

	*f = (struct fetch){.method = method, .url = url, .timeout_ms = service->timeout_ms};
	if (snprintf(url, sizeof(url), "%s%s", service->origin, path) >= (int)sizeof(url))
		return -ENOMEM;
	if (service->token[0])
		ret = header_add(&fields, "X-aws-ec2-metadata-token", service->token);
	else
		ret = header_add(&fields, "X-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE_S);
	if (!ret)
		ret = fetch_tries(f, &fields, service->tries);
	header_clear(&fields);
	f->url = NULL;
	if (ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0 || f->status != 200 || !f->answer) {
		if (ret < 0)
			creds_note(s->out, source, "%s: %s", service->origin,
				   f->words[0] ? f->words : strerror(-ret));
		else
			creds_note(s->out, source, "%s%s: answers %d%s", service->origin, path,
				   f->status,
				   f->status == 404 ? ": no role, or no such service" : "");
		fetch_clear(f);
		return 1;
	}
	return 0;
}

/* The first line of the answer. Returns as ask(). */
static int ask_line(struct aws_search *s, const struct service *service, const char *method,
		    const char *path, char *out, size_t out_bytes)
{
	struct fetch f;
	int ret = ask(s, service, method, path, &f);
	size_t len;

	if (ret)
		return ret;
	len = strcspn(f.answer, "\r\n");
	if (!len || len >= out_bytes || strcspn(f.answer, "\t <") < len) {
		creds_note(s->out, source, "%s%s: the answer makes no sense", service->origin,
			   path);
		ret = 1;
	} else {
		memcpy(out, f.answer, len);
		out[len] = '\0';
	}
	fetch_clear(&f);
	return ret;
}

static int take_keys(struct aws_search *s, const struct service *service)
{
	static const struct aws_names names = {"AccessKeyId", "SecretAccessKey", "Token",
					       "Expiration"};
	char path[sizeof(ROLES_PATH) + 3 * ROLE_BYTES];
	const char *wrong;
	struct fetch f;
	int ret;

	snprintf(path, sizeof(path), ROLES_PATH "%s", service->role);
	ret = ask(s, service, "GET", path, &f);
	if (ret)
		return ret;
	wrong = aws_read_json(f.answer, f.answer_bytes, NULL, &names, s->out);
	aws_local_expiry(s->out, &f);
	fetch_clear(&f);
	if (!wrong)
		return 0;
	creds_note(s->out, source, "%s%s: the answer makes no sense: %s", service->origin, path,
		   wrong);
	return 1;
}

int aws_from_instance(struct aws_search *s)
{
	struct service service = {0};
	int ret;

	if (config_is_true(aws_env(s->ctx, "AWS_EC2_METADATA_DISABLED"))) {
		creds_note(s->out, source, "AWS_EC2_METADATA_DISABLED");
		return 0;
	}
	ret = find_service(s, &service);
	if (ret)
		return ret;
	if (!s->may_wait)
		return -EINPROGRESS;
	ret = ask_line(s, &service, "PUT", "latest/api/token", service.token,
		       sizeof(service.token));
	if (!ret)
		ret = ask_line(s, &service, "GET", ROLES_PATH, service.role, sizeof(service.role));
	if (!ret)
		ret = take_keys(s, &service);
	OPENSSL_cleanse(service.token, sizeof(service.token));
	if (ret)
		return ret > 0 ? 0 : ret;
	return aws_found(s, source, "instance role %s", service.role);
}
