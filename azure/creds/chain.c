// SPDX-License-Identifier: Apache-2.0
/* The order of the sources: Azure SDK, "DefaultAzureCredential overview", without what only a
 * developer's tools have. Each may ask somebody, so that the whole search is the keeper's. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "azure/creds/creds.h"
#include "core/keeper.h"

static const azure_source sources[] = {
	azure_from_secret,	azure_from_certificate, azure_from_workload,
	azure_from_app_service, azure_from_instance,	azure_from_az,
};

const char *azure_creds_env(const struct azure_search *s, const char *name)
{
	const char *value = context_env(s->ctx, name);

	return value ? value : "";
}

int azure_creds_fail(struct azure_search *s, const char *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	creds_fail(s->out, s->message, s->message_bytes, source, format, args);
	va_end(args);
	return -EACCES;
}

bool azure_creds_may_go(const struct uri_origin *origin)
{
	struct in_addr address;

	return origin->tls || !strcmp(origin->host, "localhost") ||
	       !strcmp(origin->host, "[::1]") ||
	       (inet_pton(AF_INET, origin->host, &address) == 1 &&
		ntohl(address.s_addr) >> 24 == 127);
}

static int find(const struct context *ctx, struct creds *out, char *message, size_t message_bytes)
{
	struct azure_search s = {
		.ctx = ctx,
		.out = out,
		.message = message,
		.message_bytes = message_bytes,
	};
	int ret = 0;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && !ret; i++)
		ret = sources[i](&s);
	if (ret > 0)
		return 0;
	creds_wipe(out);
	if (!ret)
		snprintf(message, message_bytes, "%s", AZURE_CREDS_NOTHING);
	return ret ? ret : -EACCES;
}

static const struct keeper_kind kind = {.name = "Azure", .find = find};

int azure_creds_get(const struct context *ctx, struct creds *out, char *message,
		    size_t message_bytes)
{
	memset(out, 0, sizeof(*out));
	return keeper_get(&kind, ctx, 0, out, message, message_bytes);
}
