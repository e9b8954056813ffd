// SPDX-License-Identifier: Apache-2.0
/*
 * Proxies and certificate authorities. The names are curl's and Python's: for http only the
 * lower-case http_proxy counts, since a CGI program's HTTP_PROXY is what a request header said.
 */
#include "core/route.h"

#include <stddef.h>
#include <strings.h>

/* The first of the variables (up to a NULL) that is set and not empty. */
static const char *first_set(const struct context *ctx, const char *const *names)
{
	for (; *names; names++) {
		const char *value = context_env(ctx, *names);

		if (value && *value)
			return value;
	}
	return NULL;
}

struct http_route route_to(const struct context *ctx, const char *origin, const char *ca_bundle)
{
	static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
					    NULL};
	static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const no_proxy[] = {"no_proxy", "NO_PROXY", NULL};
	static const char *const aws_ca[] = {"AWS_CA_BUNDLE", NULL};
	static const char *const ca_file[] = {"SSL_CERT_FILE", NULL};
	static const char *const ca_dir[] = {"SSL_CERT_DIR", NULL};
	struct http_route route = {0};

	route.proxy = first_set(ctx, !strncasecmp(origin, "https:", 6) ? https : http);
	route.no_proxy = first_set(ctx, no_proxy);
	route.ca_file = first_set(ctx, aws_ca);
	if (!route.ca_file && ca_bundle[0])
		route.ca_file = ca_bundle;
	if (!route.ca_file) {
		route.ca_file = first_set(ctx, ca_file);
		route.ca_dir = first_set(ctx, ca_dir);
	}
	return route;
}
