/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of AWS's settings says where a service is. Order: AWS SDKs and Tools Reference Guide,
 * "Service-specific endpoints": the variable for the service, the variable for all, the profile's
 * services section, the profile.
 */
#ifndef S3_ENDPOINT_H
#define S3_ENDPOINT_H

#include <stdbool.h>

#include "core/config.h"
#include "core/context.h"

enum aws_service { AWS_S3, AWS_STS, AWS_SSO };

struct aws_setting {
	const char *value; /* NULL: nobody says */
	const char *name;  /* for messages */
};

/* The value of a variable, "" when it is not set. */
const char *aws_env(const struct context *ctx, const char *name);

struct aws_setting aws_endpoint(const struct context *ctx, const struct config *config,
				enum aws_service service);

/* "" when nobody says. */
const char *aws_region(const struct context *ctx, const struct config *config);

/* Can this be (part of) a host's name? */
bool aws_is_region(const char *region);

bool aws_use_fips(const struct context *ctx, const struct config *config);
bool aws_use_dualstack(const struct context *ctx, const struct config *config,
		       enum aws_service service);

/* The host's end: "amazonaws.com", or that of China. */
const char *aws_domain(const char *region);

#endif
