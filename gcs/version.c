// SPDX-License-Identifier: Apache-2.0
/* Versions, and the conditions on them: "Request preconditions" of the Cloud Storage guides. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gcs/gcs.h"

static bool is_number(const char *text, size_t len)
{
	return len && len < GCS_NUMBER_BYTES && strspn(text, "0123456789") >= len;
}

int gcs_version_write(const char *generation, const char *metageneration,
		      char etag[STORE_ETAG_BYTES])
{
	size_t len = strlen(generation), meta_len = strlen(metageneration);

	if (!is_number(generation, len) || !is_number(metageneration, meta_len))
		return -EBADMSG;
	snprintf(etag, STORE_ETAG_BYTES, "\"%s.%s\"", generation, metageneration);
	return 0;
}

int gcs_version_read(const char *etag, struct gcs_version *out)
{
	const char *dot = strchr(etag, '.');
	const char *end = dot ? strchr(dot, '"') : NULL;

	if (etag[0] != '"' || !end || end[1] || !is_number(etag + 1, (size_t)(dot - etag - 1)) ||
	    !is_number(dot + 1, (size_t)(end - dot - 1)))
		return -EINVAL;
	snprintf(out->generation, sizeof(out->generation), "%.*s", (int)(dot - etag - 1), etag + 1);
	snprintf(out->metageneration, sizeof(out->metageneration), "%.*s", (int)(end - dot - 1),
		 dot + 1);
	return 0;
}

int gcs_version_match(const char *etag, const char *generation, const char *metageneration,
		      struct buffer *target)
{
	struct gcs_version version;
	int ret = gcs_version_read(etag, &version);

	if (!ret)
		ret = uri_add_query(target, generation, version.generation);
	return ret ? ret : uri_add_query(target, metageneration, version.metageneration);
}

int gcs_version_conditions(const struct store_call *call, struct buffer *target)
{
	if (call->if_none_match && (strcmp(call->if_none_match, "*") != 0 || call->if_match))
		return -EINVAL;
	if (call->if_none_match)
		return uri_add_query(target, "ifGenerationMatch", "0");
	if (call->if_match)
		return gcs_version_match(call->if_match, "ifGenerationMatch",
					 "ifMetagenerationMatch", target);
	return 0;
}
