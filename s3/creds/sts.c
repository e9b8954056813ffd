// SPDX-License-Identifier: Apache-2.0
/* The Security Token Service: AWS STS API Reference, AssumeRole and AssumeRoleWithWebIdentity, in
 * the query protocol, whose answers are XML. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/http/uri.h"
#include "core/http/xml.h"
#include "core/log.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"
#include "core/sigv4.h"

#define SKEW_MIN_S   60
#define TRIES	     3
#define TIMEOUT_MS   5000 /* of one try */
#define URL_BYTES    600
#define FORM_BYTES   131072
#define CODE_BYTES   64
#define DETAIL_BYTES 200

struct place {
	char url[URL_BYTES];
	char host[URI_HOST_BYTES + 8];
	char target[URI_PATH_BYTES + 2];
	const char *region;
};

/* What of an answer matters. */
struct reading {
	char id[CREDS_VALUE_BYTES], secret[CREDS_VALUE_BYTES], token[CREDS_TOKEN_BYTES];
	char expires[64];
	char code[CODE_BYTES], detail[DETAIL_BYTES];
	bool too_long;
};

static int find_place(struct aws_search *s, const char *source, struct place *out)
{
	struct aws_setting setting = aws_endpoint(s->ctx, s->config, AWS_STS);
	bool fips = aws_use_fips(s->ctx, s->config);
	bool dual = aws_use_dualstack(s->ctx, s->config, AWS_STS);
	struct uri_origin origin;
	char port[8] = "";

	out->region = s->region[0] ? s->region : "us-east-1";
	if (!aws_is_region(out->region))
		return aws_fail(s, source, "\"%.60s\" is no region", out->region);
	if (!setting.value) {
		if (!s->region[0] && !fips && !dual)
			snprintf(out->host, sizeof(out->host), "sts.amazonaws.com");
		else
			snprintf(out->host, sizeof(out->host), "sts%s.%s.%s", fips ? "-fips" : "",
				 out->region, dual ? "api.aws" : aws_domain(out->region));
		snprintf(out->url, sizeof(out->url), "https://%s/", out->host);
		strcpy(out->target, "/");
		return 0;
	}
	if (uri_parse_origin(setting.value, &origin) < 0)
		return aws_fail(s, source, "%s: \"%.100s\" is no endpoint", setting.name,
				setting.value);
	if (origin.port && origin.port != (origin.tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", origin.port);
	snprintf(out->host, sizeof(out->host), "%s%s", origin.host, port);
	snprintf(out->target, sizeof(out->target), "%s/", origin.path);
	snprintf(out->url, sizeof(out->url), "%s://%s%s", origin.tls ? "https" : "http", out->host,
		 out->target);
	return 0;
}

static int add(struct buffer *form, const char *name, const char *value)
{
	int ret;

	if (!value || !value[0])
		return 0;
	ret = buffer_addf(form, "%s%s=", form->len ? "&" : "", name);
	return ret ? ret : uri_encode(form, value, strlen(value), false);
}

static int make_form(const struct aws_role *role, const char *web_token, struct buffer *form)
{
	char name[40];
	int ret = add(form, "Action", web_token ? "AssumeRoleWithWebIdentity" : "AssumeRole");

	snprintf(name, sizeof(name), "skyshim-%lld", (long long)clock_wall_s());
	ret = ret ? ret : add(form, "Version", "2011-06-15");
	ret = ret ? ret : add(form, "RoleArn", role->arn);
	ret = ret ? ret
		  : add(form, "RoleSessionName", role->session_name[0] ? role->session_name : name);
	ret = ret ? ret : add(form, "ExternalId", role->external_id);
	ret = ret ? ret : add(form, "DurationSeconds", role->duration_seconds);
	return ret ? ret : add(form, "WebIdentityToken", web_token);
}

static bool ends_with(const char *path, const char *end)
{
	size_t len = strlen(path);
	size_t end_len = strlen(end);

	return len >= end_len && !strcmp(path + len - end_len, end);
}

static void take(struct reading *r, char *out, size_t bytes, const char *text)
{
	r->too_long |= (size_t)snprintf(out, bytes, "%s", text) >= bytes;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct reading *r = arg;

	if (ends_with(path, "/Credentials/AccessKeyId"))
		take(r, r->id, sizeof(r->id), text);
	else if (ends_with(path, "/Credentials/SecretAccessKey"))
		take(r, r->secret, sizeof(r->secret), text);
	else if (ends_with(path, "/Credentials/SessionToken"))
		take(r, r->token, sizeof(r->token), text);
	else if (ends_with(path, "/Credentials/Expiration"))
		take(r, r->expires, sizeof(r->expires), text);
	else if (ends_with(path, "Error/Code"))
		snprintf(r->code, sizeof(r->code), "%s", text);
	else if (ends_with(path, "Error/Message"))
		snprintf(r->detail, sizeof(r->detail), "%s", text);
	return 0;
}

static int take_answer(struct aws_search *s, const char *source, const struct place *place,
		       const struct fetch *f)
{
	struct reading r = {0};
	struct xml_visitor visitor = {.end = on_end, .arg = &r};
	int ret = f->answer ? xml_read(f->answer, f->answer_bytes, &visitor) : -EBADMSG;
	int64_t expires_s = 0;

	if (f->status != 200) {
		ret = aws_fail(s, source, "STS at %.80s refuses (%d%s%s)%s%s", place->host,
			       f->status, r.code[0] ? " " : "", r.code, r.detail[0] ? ": " : "",
			       r.detail);
	} else if (ret || r.too_long || !r.id[0] || !r.secret[0] || !r.token[0] ||
		   aws_read_date(r.expires, &expires_s) < 0) {
		ret = aws_fail(s, source, "the answer of STS at %.80s makes no sense", place->host);
	} else {
		s->out->expires_s = expires_s;
		aws_local_expiry(s->out, f);
		ret = creds_fill(s->out, r.id, r.secret, r.token) ? -ENOMEM : 1;
	}
	OPENSSL_cleanse(&r, sizeof(r));
	return ret;
}

static int sign(const struct place *place, const struct creds *base, const struct buffer *form,
		int64_t now_s, struct header_list *fields)
{
	char hash[DIGEST_HEX_BYTES];
	const struct sigv4_key key = {
		.id = base->id,
		.secret = base->secret,
		.token = base->token,
		.region = place->region,
		.service = "sts",
	};
	const struct sigv4_subject subject = {
		.method = "POST",
		.host = place->host,
		.target = place->target,
		.body_hash = hash,
	};
	int ret = digest_sha256_hex(form->data, form->len, hash);

	return ret ? ret : sigv4_sign(&key, &subject, now_s, fields);
}

/* Was the signature refused because this machine's clock is wrong? */
static bool is_skewed(const struct fetch *f, const struct creds *base)
{
	return base && (f->status == 400 || f->status == 403) && llabs(f->ahead_s) >= SKEW_MIN_S;
}

/* now_s: the time that STS believes in, as far as that is known. */
static int post(const struct place *place, const struct creds *base, const struct buffer *form,
		int64_t now_s, struct fetch *f)
{
	struct header_list fields = {0};
	int ret = header_add(&fields, "Content-Type",
			     "application/x-www-form-urlencoded; charset=utf-8");

	if (!ret && base)
		ret = sign(place, base, form, now_s, &fields);
	if (!ret)
		ret = fetch_tries(f, &fields, TRIES);
	header_clear(&fields);
	return ret;
}

static int ask(struct aws_search *s, const char *source, const struct place *place,
	       const struct creds *base, const struct buffer *form)
{
	struct fetch f = {
		.method = "POST",
		.url = place->url,
		.body = form->data,
		.body_bytes = form->len,
		.ctx = s->ctx,
		.ca_bundle = s->config->ca_bundle,
		.timeout_ms = TIMEOUT_MS,
	};
	int ret = post(place, base, form, clock_wall_s(), &f);

	if (!ret && is_skewed(&f, base)) {
		log_warn("STS at %s: its clock differs by %lld s; signing with its time",
			 place->host, (long long)f.ahead_s);
		fetch_clear(&f);
		ret = post(place, base, form, clock_wall_s() + f.ahead_s, &f);
	}
	if (ret == -ECANCELED || ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return aws_fail(s, source, "STS at %.80s: %s", place->host,
				f.words[0] ? f.words : strerror(-ret));
	ret = take_answer(s, source, place, &f);
	fetch_clear(&f);
	return ret;
}

int aws_assume_role(struct aws_search *s, const char *source, const struct aws_role *role,
		    const struct creds *base, const char *web_token)
{
	struct buffer form = BUFFER_INIT(FORM_BYTES);
	struct place place;
	int ret = find_place(s, source, &place);

	if (!ret)
		ret = make_form(role, web_token, &form);
	if (ret == -EMSGSIZE)
		ret = aws_fail(s, source, "the token is too long");
	if (!ret)
		ret = ask(s, source, &place, base, &form);
	if (form.data)
		OPENSSL_cleanse(form.data, form.len);
	buffer_free(&form);
	return ret;
}
