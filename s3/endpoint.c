// SPDX-License-Identifier: Apache-2.0
#include "s3/endpoint.h"

#include <string.h>

#define REGION_BYTES 64 /* one label of a host's name */

const char *aws_env(const struct context *ctx, const char *name)
{
	const char *value = context_env(ctx, name);

	return value ? value : "";
}

struct aws_setting aws_endpoint(const struct context *ctx, const struct config *config,
				enum aws_service service)
{
	static const char *const variables[] = {
		[AWS_S3] = "AWS_ENDPOINT_URL_S3",
		[AWS_STS] = "AWS_ENDPOINT_URL_STS",
		[AWS_SSO] = "AWS_ENDPOINT_URL_SSO",
	};
	static const char *const sections[] = {
		[AWS_S3] = "the services section's s3 endpoint_url",
		[AWS_STS] = "the services section's sts endpoint_url",
		[AWS_SSO] = "the services section's sso endpoint_url",
	};
	const char *const configured[] = {
		[AWS_S3] = config->s3_endpoint_url,
		[AWS_STS] = config->sts_endpoint_url,
		[AWS_SSO] = config->sso_endpoint_url,
	};
	const struct aws_setting choices[] = {
		{aws_env(ctx, variables[service]), variables[service]},
		{aws_env(ctx, "AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL"},
		{configured[service], sections[service]},
		{config->endpoint_url, "the profile's endpoint_url"},
	};

	if (config_is_true(aws_env(ctx, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) ||
	    config->ignore_endpoints)
		return (struct aws_setting){NULL, NULL};
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (choices[i].value[0])
			return choices[i];
	}
	return (struct aws_setting){NULL, NULL};
}

const char *aws_region(const struct context *ctx, const struct config *config)
{
	if (aws_env(ctx, "AWS_REGION")[0])
		return aws_env(ctx, "AWS_REGION");
	if (aws_env(ctx, "AWS_DEFAULT_REGION")[0])
		return aws_env(ctx, "AWS_DEFAULT_REGION");
	return config->region;
}

bool aws_is_region(const char *region)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	size_t len = strlen(region);

	return len > 0 && len < REGION_BYTES && strspn(region, allowed) == len;
}

bool aws_use_fips(const struct context *ctx, const struct config *config)
{
	const char *said = aws_env(ctx, "AWS_USE_FIPS_ENDPOINT");

	return config_is_true(said[0] ? said : config->use_fips);
}

bool aws_use_dualstack(const struct context *ctx, const struct config *config,
		       enum aws_service service)
{
	const char *said = aws_env(ctx, "AWS_USE_DUALSTACK_ENDPOINT");

	if (!said[0])
		said = config->use_dualstack;
	if (!said[0] && service == AWS_S3)
		said = config->s3_use_dualstack;
	return config_is_true(said);
}

const char *aws_domain(const char *region)
{
	return strncmp(region, "cn-", 3) ? "amazonaws.com" : "amazonaws.com.cn";
}
