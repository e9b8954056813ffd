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

static int find_place(const struct store_call *call, const struct config *config,
		      const char *learned, struct store_site *out,
		      char message[STORE_MESSAGE_BYTES])
{
	struct aws_setting endpoint = aws_endpoint(call->ctx, config, AWS_S3);
	const char *region = learned ? learned : aws_region(call->ctx, config);
	struct uri_origin origin;

	if (!region[0])
		region = DEFAULT_REGION;
	if (!aws_is_region(region)) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "\"%.80s\" is no region: set AWS_REGION to one like eu-central-1", region);
		return -EIO;
	}
	strcpy(out->region, region);
	if (endpoint.value && uri_parse_origin(endpoint.value, &origin) < 0) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "%s: \"%.200s\" is no endpoint: write http://host:port or https://host",
			 endpoint.name, endpoint.value);
		return -EIO;
	}
	if (endpoint.value && is_special(call->ctx, config)) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT choose among AWS's "
			 "own "
			 "endpoints; unset them, or %s (now %.200s)",
			 endpoint.name, endpoint.value);
		return -EIO;
	}
	if (endpoint.value) {
		snprintf(out->setting, sizeof(out->setting), "%s (now %.100s)", endpoint.name,
			 endpoint.value);
	} else {
		put_aws_origin(call->ctx, config, region, &origin);
		snprintf(out->setting, sizeof(out->setting),
			 "AWS_ENDPOINT_URL (now not set) and AWS_REGION (now %s)", region);
	}
	out->bucket_in_host = bucket_goes_in_host(call, config, endpoint.value);
	put_origin(out, &origin, call->bucket);
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

int s3_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		   struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	struct config config;
	int ret;

	memset(creds_out, 0, sizeof(*creds_out));
	memset(out, 0, sizeof(*out));
	ret = config_read(call->ctx, &config, message, STORE_MESSAGE_BYTES);
	if (ret < 0)
		return ret == -EINVAL ? -EACCES : ret;

	strcpy(out->ca_bundle, config.ca_bundle);
	out->tries_max = max_attempts(call->ctx, &config);
	out->requester_pays = !strcasecmp(aws_env(call->ctx, "AWS_REQUEST_PAYER"), "requester");
	ret = find_place(call, &config, region, out, message);
	if (!ret)
		ret = aws_creds_get(call->ctx, &config, creds_out, message, STORE_MESSAGE_BYTES);
	if (!ret)
		strcpy(out->credentials, creds_out->source);
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
