// SPDX-License-Identifier: Apache-2.0
/*
 * Where an S3 call goes. Order of settings: AWS SDKs and Tools Reference Guide, "Service-specific
 * endpoints": the variable for S3, the variable for all, the profile's services section, the
 * profile. Addressing: the bucket in the host on AWS itself, in the path elsewhere and for names
 * that no certificate or DNS would take.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/config.h"
#include "s3/s3.h"

#define DEFAULT_REGION "us-east-1"
#define DNS_LABEL_MIN  3 /* of a bucket, by S3's rule */
#define DNS_LABEL_MAX  63

struct choice {
	const char *value;
	const char *name; /* of the setting, for messages */
};

static const char *env(const struct context *ctx, const char *name)
{
	const char *value = context_env(ctx, name);

	return value ? value : "";
}

static struct choice choose_endpoint(const struct context *ctx, const struct config *config)
{
	const struct choice choices[] = {
		{env(ctx, "AWS_ENDPOINT_URL_S3"), "AWS_ENDPOINT_URL_S3"},
		{env(ctx, "AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL"},
		{config->s3_endpoint_url, "the services section's s3 endpoint_url"},
		{config->endpoint_url, "the profile's endpoint_url"},
	};

	if (!strcasecmp(env(ctx, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") ||
	    config->ignore_endpoints)
		return (struct choice){NULL, NULL};
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (choices[i].value[0])
			return choices[i];
	}
	return (struct choice){NULL, NULL};
}

static const char *choose_region(const struct context *ctx, const struct config *config,
				 const char *learned)
{
	if (learned)
		return learned;
	if (env(ctx, "AWS_REGION")[0])
		return env(ctx, "AWS_REGION");
	if (env(ctx, "AWS_DEFAULT_REGION")[0])
		return env(ctx, "AWS_DEFAULT_REGION");
	return config->region[0] ? config->region : DEFAULT_REGION;
}

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
	const char *style = env(call->ctx, "AWS_S3_ADDRESSING_STYLE");

	if (!style[0])
		style = config->s3_addressing_style;
	if (!call->bucket || !is_dns_label(call->bucket) || !strcmp(style, "path"))
		return false;
	return !custom || !strcmp(style, "virtual");
}

static bool is_region(const char *region)
{
	size_t len = strlen(region);

	for (size_t i = 0; i < len; i++) {
		bool upper = region[i] >= 'A' && region[i] <= 'Z';

		if (!is_label_char(region[i]) && !upper && region[i] != '_' && region[i] != '.')
			return false;
	}
	return len > 0 && len < STORE_REGION_BYTES;
}

static void put_aws_origin(struct uri_origin *origin, const char *region)
{
	*origin = (struct uri_origin){.tls = true};
	snprintf(origin->host, sizeof(origin->host), "s3.%s.amazonaws.com%s", region,
		 !strncmp(region, "cn-", 3) ? ".cn" : "");
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

static int find_place(const struct store_call *call, const struct config *config,
		      const char *learned, struct store_site *out,
		      char message[STORE_MESSAGE_BYTES])
{
	struct choice endpoint = choose_endpoint(call->ctx, config);
	const char *region = choose_region(call->ctx, config, learned);
	struct uri_origin origin;

	if (!is_region(region)) {
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
	if (endpoint.value) {
		snprintf(out->setting, sizeof(out->setting), "%s (now %.100s)", endpoint.name,
			 endpoint.value);
	} else {
		put_aws_origin(&origin, region);
		snprintf(out->setting, sizeof(out->setting),
			 "AWS_ENDPOINT_URL (now not set) and AWS_REGION (now %s)", region);
	}
	out->bucket_in_host = bucket_goes_in_host(call, config, endpoint.value);
	put_origin(out, &origin, call->bucket);
	return 0;
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
	ret = find_place(call, &config, region, out, message);
	if (!ret)
		ret = creds_find(call->ctx, &config, creds_out, message, STORE_MESSAGE_BYTES);
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
