// SPDX-License-Identifier: Apache-2.0
/*
 * Where an S3 call goes. Addressing: the bucket in the host on AWS itself, in the path elsewhere
 * and for names that no certificate or DNS would take.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/config.h"
#include "core/realm.h"
#include "core/scope.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"
#include "s3/s3.h"

#define DEFAULT_REGION "us-east-1"
#define ATTEMPTS_MAX   1000
#define DNS_LABEL_MIN  3 /* of a bucket, by S3's rule */
#define DNS_LABEL_MAX  63

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* May the bucket be one label of a host name? */
static bool is_dns_label(const char *bucket)
{
	size_t len = strlen(bucket);

	if (len < DNS_LABEL_MIN || len > DNS_LABEL_MAX || bucket[0] == '-' ||
	    bucket[len - 1] == '-')
		return false;
	for (; *bucket; bucket++) {
		if (!is_label_char(*bucket))
			return false;
	}
	return true;
}

static bool bucket_goes_in_host(const struct store_call *call, const struct config *config,
				bool custom)
{
	const char *style = aws_env(call->ctx, "AWS_S3_ADDRESSING_STYLE");

	if (call->trial && call->trial->in_host)
		return call->bucket && is_dns_label(call->bucket);
	if (!style[0])
		style = config->s3_addressing_style;
	if (!call->bucket || !is_dns_label(call->bucket) || !strcmp(style, "path"))
		return false;
	return !custom || !strcmp(style, "virtual");
}

static void put_aws_origin(const struct context *ctx, const struct config *config,
			   const char *region, struct uri_origin *origin)
{
	*origin = (struct uri_origin){.tls = true};
	snprintf(origin->host, sizeof(origin->host), "s3%s%s.%s.%s",
		 aws_use_fips(ctx, config) ? "-fips" : "",
		 aws_use_dualstack(ctx, config, AWS_S3) ? ".dualstack" : "", region,
		 aws_domain(region));
}

static void put_origin(struct store_site *out, const struct uri_origin *origin, const char *bucket)
{
	char port[8] = "";

	/* the scheme's own port is left out of Host, as every client does */
	if (origin->port && origin->port != (origin->tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", origin->port);
	snprintf(out->host, sizeof(out->host), "%s%s%s%s", out->bucket_in_host ? bucket : "",
		 out->bucket_in_host ? "." : "", origin->host, port);
	snprintf(out->origin, sizeof(out->origin), "%s://%.300s", origin->tls ? "https" : "http",
		 out->host);
	strcpy(out->base, origin->path);
}

static bool is_special(const struct context *ctx, const struct config *config)
{
	return aws_use_fips(ctx, config) || aws_use_dualstack(ctx, config, AWS_S3);
}

/* What find_place() works with. */
struct search {
	const struct store_call *call;
	const struct config *config;
	bool is_point;
	struct s3_accesspoint point;
	char *message;
};

static int say_no_region(const struct search *s, const char *region)
{
	snprintf(s->message, STORE_MESSAGE_BYTES,
		 "\"%.80s\" is no region: set AWS_REGION to one like eu-central-1", region);
	return -EIO;
}

/* An endpoint that somebody names. */
static int check_endpoint(const struct search *s, const struct aws_setting *endpoint,
			  struct uri_origin *origin)
{
	char from[REALM_FROM_BYTES];
	const char *name = endpoint->name;

	if (realm_get(s->call->realm, REALM_ENDPOINT))
		name = realm_from(s->call->realm, REALM_ENDPOINT, from);
	if (uri_parse_origin(endpoint->value, origin) < 0) {
		snprintf(s->message, STORE_MESSAGE_BYTES,
			 "%s: \"%.200s\" is no endpoint: write http://host:port or https://host",
			 name, endpoint->value);
		return -EIO;
	}
	if (is_special(s->call->ctx, s->config)) {
		snprintf(s->message, STORE_MESSAGE_BYTES,
			 "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT choose among AWS's "
			 "own endpoints; unset them, or %s (now %.200s)",
			 name, endpoint->value);
		return -EIO;
	}
	return 0;
}

static void note_setting(const struct search *s, const struct aws_setting *endpoint,
			 struct store_site *out)
{
	char from[REALM_FROM_BYTES];

	const char *name = endpoint->name;

	if (realm_get(s->call->realm, REALM_ENDPOINT))
		name = realm_from(s->call->realm, REALM_ENDPOINT, from);
	if (endpoint->value)
		snprintf(out->setting, sizeof(out->setting), "%.90s (now %.90s)", name,
			 endpoint->value);
	else
		snprintf(out->setting, sizeof(out->setting),
			 "AWS_ENDPOINT_URL (now not set) and AWS_REGION (now %s)", out->region);
}

/* The host of an access point, which stands in the place of the bucket's. */
static void put_point(const struct search *s, bool custom, struct uri_origin *origin)
{
	char host[STORE_ORIGIN_BYTES];

	if (custom) {
		snprintf(host, sizeof(host), "%s-%s.%.200s", s->point.name, s->point.account,
			 origin->host);
	} else {
		*origin = (struct uri_origin){.tls = true};
		s3_accesspoint_host(&s->point, aws_use_fips(s->call->ctx, s->config),
				    aws_use_dualstack(s->call->ctx, s->config, AWS_S3), host);
	}
	snprintf(origin->host, sizeof(origin->host), "%.250s", host);
}

static int find_place(const struct search *s, const char *learned, struct store_site *out)
{
	struct aws_setting endpoint = aws_endpoint(s->call->ctx, s->config, AWS_S3);
	const char *region = learned ? learned : aws_region(s->call->ctx, s->config);
	struct uri_origin origin;
	int ret = 0;

	if (!region[0])
		region = DEFAULT_REGION;
	if (s->is_point)
		region = s->point.region;
	if (!aws_is_region(region))
		return say_no_region(s, region);
	strcpy(out->region, region);
	if (endpoint.value)
		ret = check_endpoint(s, &endpoint, &origin);
	if (ret)
		return ret;
	note_setting(s, &endpoint, out);
	if (!endpoint.value && aws_use_fips(s->call->ctx, s->config) &&
	    !strncmp(region, "cn-", 3)) {
		snprintf(s->message, STORE_MESSAGE_BYTES,
			 "AWS_USE_FIPS_ENDPOINT: there is no such endpoint in %s; unset it",
			 region);
		return -EIO;
	}
	if (!endpoint.value)
		put_aws_origin(s->call->ctx, s->config, region, &origin);
	if (s->is_point) {
		put_point(s, endpoint.value, &origin);
		put_origin(out, &origin, NULL);
		out->bucket_in_host = true;
		return 0;
	}
	out->bucket_in_host = bucket_goes_in_host(s->call, s->config, endpoint.value);
	put_origin(out, &origin, s->call->bucket);
	return 0;
}

/* 0: nobody says. */
static unsigned max_attempts(const struct context *ctx, const struct config *config)
{
	const char *said = aws_env(ctx, "AWS_MAX_ATTEMPTS");
	char *end;
	unsigned long value;

	if (!said[0])
		said = config->max_attempts;
	value = strtoul(said, &end, 10);
	return said[0] >= '0' && said[0] <= '9' && !*end && value < ATTEMPTS_MAX ? (unsigned)value
										 : 0;
}

static void copy(char *out, size_t bytes, const char *text)
{
	snprintf(out, bytes, "%s", text ? text : "");
}

/* The key of SSE-C. */
static int read_key(const struct realm *realm, char out[CREDS_OBJECT_KEY_BYTES],
		    char message[STORE_MESSAGE_BYTES])
{
	char from[REALM_FROM_BYTES];
	const char *path = realm_get(realm, REALM_KEY_FILE);
	const char *wrong = path ? s3_encrypt_read_key(path, out) : "not set: name the key's file";

	if (!wrong)
		return 0;
	snprintf(message, STORE_MESSAGE_BYTES, "%s: %.200s: %.200s",
		 realm_from(realm, REALM_KEY_FILE, from), path ? path : "", wrong);
	return -EACCES;
}

static bool has_customer_key(const struct realm *realm)
{
	const char *how = realm_get(realm, REALM_ENCRYPTION);

	return how && !strcmp(how, "customer");
}

/* Amazon's S3 refuses a key that came over plain http; but then it has been on the way. */
static bool is_safe(const struct store_site *site)
{
	return !strncmp(site->origin, "https:", 6) || !strncmp(site->host, "127.0.0.1:", 10) ||
	       !strncmp(site->host, "localhost:", 10) || !strncmp(site->host, "[::1]", 5);
}

static int take_encryption(const struct realm *realm, struct store_site *out, struct creds *creds,
			   char message[STORE_MESSAGE_BYTES])
{
	struct store_encryption *e = &out->encryption;
	char from[REALM_FROM_BYTES];

	copy(e->kms_key, sizeof(e->kms_key), realm_get(realm, REALM_KMS_KEY));
	copy(e->bucket_key, sizeof(e->bucket_key), realm_get(realm, REALM_BUCKET_KEY));
	e->customer = has_customer_key(realm);
	if (!e->customer) {
		copy(e->how, sizeof(e->how), realm_get(realm, REALM_ENCRYPTION));
		return 0;
	}
	if (creds->anonymous || !is_safe(out)) {
		snprintf(message, STORE_MESSAGE_BYTES, "%s: a customer's key goes %s",
			 realm_from(realm, REALM_ENCRYPTION, from),
			 creds->anonymous ? "with signed requests only: set no 'anonymous'"
					  : "over https only: change the endpoint");
		return -EACCES;
	}
	return read_key(realm, creds->object_key, message);
}

/* What there is to know of the bucket that is copied from. */
static int take_source(const struct store_call *call, struct store_site *out, struct creds *creds,
		       char message[STORE_MESSAGE_BYTES])
{
	SCOPE_FREE struct realm *realm = malloc(sizeof(*realm));
	const char *arn;
	int ret;

	if (!realm)
		return -ENOMEM;
	ret = realm_find(call->ctx, call->scheme, call->from_bucket, realm, message,
			 STORE_MESSAGE_BYTES);
	if (ret)
		return ret;
	arn = realm_get(realm, REALM_ARN);
	if (!arn && s3_accesspoint_is_arn(call->from_bucket))
		arn = call->from_bucket;
	copy(out->from_alias, sizeof(out->from_alias), arn);
	out->encryption.from_customer = has_customer_key(realm);
	return out->encryption.from_customer ? read_key(realm, creds->from_key, message) : 0;
}

/* Is the bucket an access point? Returns 0, or -ENOENT with a line in message. */
static int find_point(struct search *s, const char *arn)
{
	if (!arn && s->call->bucket && s3_accesspoint_is_arn(s->call->bucket))
		arn = s->call->bucket;
	if (!arn)
		return 0;
	s->is_point = true;
	if (!s3_accesspoint_parse(arn, &s->point))
		return 0;
	snprintf(s->message, STORE_MESSAGE_BYTES,
		 "\"%.200s\" is no access point's ARN: write "
		 "arn:aws:s3:REGION:ACCOUNT:accesspoint:NAME",
		 arn);
	return -ENOENT;
}

/* A wrong profile is told with the line that names it. */
static int say_whose(const struct realm *realm, int error, char message[STORE_MESSAGE_BYTES])
{
	char from[REALM_FROM_BYTES];
	char text[STORE_MESSAGE_BYTES];

	if (error != -EINVAL)
		return error;
	if (realm_get(realm, REALM_PROFILE)) {
		strcpy(text, message);
		snprintf(message, STORE_MESSAGE_BYTES, "%s: %.*s",
			 realm_from(realm, REALM_PROFILE, from),
			 STORE_MESSAGE_BYTES - REALM_FROM_BYTES - 4, text);
	}
	return -EACCES;
}

bool s3_site_is_amazon(const struct store_site *site)
{
	return strstr(site->host, ".amazonaws.com") != NULL;
}

/* What is said of the service, so that nobody has to find it out. */
static void take_quirks(const struct realm *realm, struct store_site *out)
{
	static const struct {
		enum realm_setting setting;
		bool lacking; /* the value that means that it is unlike Amazon's */
		enum store_quirk quirk;
	} quirks[] = {
		{REALM_CONDITIONAL_PUT, false, STORE_QUIRK_CONDITIONS},
		{REALM_ETAG_QUOTES, true, STORE_QUIRK_QUOTES},
		{REALM_LIST_V2, false, STORE_QUIRK_LIST_V1},
		{REALM_BATCH_DELETE, false, STORE_QUIRK_NO_BATCH_DELETE},
		{REALM_PART_COPY, false, STORE_QUIRK_NO_PART_COPY},
	};

	if (s3_site_is_amazon(out))
		out->settled = ~0u;
	if (!realm_is(realm, REALM_CONDITIONAL_DELETE, s3_site_is_amazon(out)))
		out->quirks |= STORE_QUIRK_BLIND_DELETE;
	/* its refusals are believed then, also where they contradict what it tells */
	if (realm_is(realm, REALM_CONDITIONAL_PUT, false))
		out->settled |= STORE_QUIRK_SOURCE;
	for (size_t i = 0; i < sizeof(quirks) / sizeof(quirks[0]); i++) {
		bool lacking = quirks[i].lacking;

		if (realm_get(realm, quirks[i].setting))
			out->settled |= quirks[i].quirk;
		if (realm_is(realm, quirks[i].setting, !lacking) == lacking)
			out->quirks |= quirks[i].quirk;
	}
}

static int locate(struct search *s, const char *region, struct config *config,
		  struct store_site *out, struct creds *creds_out)
{
	const struct realm *realm = s->call->realm;
	const char *payer = aws_env(s->call->ctx, "AWS_REQUEST_PAYER");
	int ret = find_point(s, realm_get(realm, REALM_ARN));

	copy(out->ca_bundle, sizeof(out->ca_bundle), config->ca_bundle);
	out->tries_max = max_attempts(s->call->ctx, config);
	out->requester_pays =
		realm_is(realm, REALM_REQUESTER_PAYS, !strcasecmp(payer, "requester"));
	if (!ret)
		ret = find_place(s, region, out);
	take_quirks(realm, out);
	if (!ret)
		ret = aws_creds_get(s->call->ctx, config, creds_out, s->message,
				    STORE_MESSAGE_BYTES);
	if (ret)
		return ret;
	ret = take_encryption(realm, out, creds_out, s->message);
	if (!ret && s->call->from_bucket)
		ret = take_source(s->call, out, creds_out, s->message);
	strcpy(out->credentials, creds_out->source);
	return ret;
}

int s3_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		   struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	struct config config;
	struct search search = {.call = call, .config = &config, .message = message};
	int ret;

	memset(creds_out, 0, sizeof(*creds_out));
	memset(out, 0, sizeof(*out));
	ret = config_read(call->ctx, &config, message, STORE_MESSAGE_BYTES);
	if (ret < 0)
		return say_whose(call->realm, ret, message);
	ret = locate(&search, region, &config, out, creds_out);
	config_wipe(&config);
	return ret;
}

static bool is_bucket(const char *bucket)
{
	size_t len = strlen(bucket);

	if (!len || len > S3_BUCKET_BYTES || !strcmp(bucket, ".") || !strcmp(bucket, ".."))
		return false;
	for (; *bucket; bucket++) {
		if ((unsigned char)*bucket <= 0x20 || *bucket == 0x7f || *bucket == '/')
			return false;
	}
	return true;
}

int s3_site_path(const struct store_site *site, const char *bucket, const char *key,
		 struct buffer *target)
{
	int ret = buffer_add_text(target, site->base);

	if (!ret)
		ret = buffer_add_char(target, '/');
	if (ret || !bucket)
		return ret;
	if (!is_bucket(bucket))
		return -EINVAL;
	if (key && strlen(key) > S3_KEY_BYTES)
		return -ENAMETOOLONG;
	if (!site->bucket_in_host)
		ret = uri_encode(target, bucket, strlen(bucket), false);
	if (!ret && !site->bucket_in_host && key && *key)
		ret = buffer_add_char(target, '/');
	if (!ret && key)
		ret = uri_encode(target, key, strlen(key), true);
	return ret;
}
