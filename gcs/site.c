// SPDX-License-Identifier: Apache-2.0
/* Where a call goes, and the paths there. A key's slashes are escaped in all of them: one that
 * holds "." or ".." is then safe from whoever tidies up addresses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gcs/creds/creds.h"
#include "gcs/gcs.h"

static const char *env(const struct context *ctx, const char *name)
{
	const char *value = context_env(ctx, name);

	return value ? value : "";
}

/* gcloud's endpoint is that of one API: "https://host/storage/v1/". */
static void cut_api(char *path)
{
	size_t len = strlen(path), api = strlen(GCS_JSON);

	if (len >= api && !strcmp(path + len - api, GCS_JSON))
		path[len - api] = '\0';
}

static int parse_endpoint(const char *text, struct uri_origin *origin)
{
	char whole[STORE_ORIGIN_BYTES];

	snprintf(whole, sizeof(whole), "%s%s", strstr(text, "://") ? "" : "http://", text);
	return uri_parse_origin(whole, origin);
}

static int put_origin(const struct context *ctx, struct store_site *out,
		      char message[STORE_MESSAGE_BYTES])
{
	static const char *const variables[] = {"STORAGE_EMULATOR_HOST",
						"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"};
	const char *name = NULL;
	struct uri_origin origin = {.tls = true};
	char port[8] = "";

	for (size_t i = 0; i < 2 && !name; i++) {
		if (env(ctx, variables[i])[0])
			name = variables[i];
	}
	if (name && parse_endpoint(env(ctx, name), &origin) < 0) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "%s: \"%.150s\" is no endpoint: write https://host or http://host:port",
			 name, env(ctx, name));
		return -EIO;
	}
	if (name) {
		snprintf(out->setting, sizeof(out->setting), "%s (now %.100s)", name,
			 env(ctx, name));
	} else {
		snprintf(origin.host, sizeof(origin.host), "storage.%.200s", google_universe(ctx));
		snprintf(out->setting, sizeof(out->setting), "STORAGE_EMULATOR_HOST (now not set)");
	}
	/* the scheme's own port is left out of Host, as every client does */
	if (origin.port && origin.port != (origin.tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", origin.port);
	snprintf(out->host, sizeof(out->host), "%s%s", origin.host, port);
	snprintf(out->origin, sizeof(out->origin), "%s://%.300s", origin.tls ? "https" : "http",
		 out->host);
	cut_api(origin.path);
	strcpy(out->base, origin.path);
	return 0;
}

int gcs_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		    struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	int ret;

	(void)region;
	memset(creds_out, 0, sizeof(*creds_out));
	memset(out, 0, sizeof(*out));
	ret = put_origin(call->ctx, out, message);
	if (!ret)
		ret = google_creds_get(call->ctx, creds_out, message, STORE_MESSAGE_BYTES);
	if (ret)
		return ret;
	strcpy(out->credentials, creds_out->source);
	google_projects(call->ctx, creds_out, out->project, out->payer);
	if (call->verb == STORE_BUCKETS && !out->project[0]) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "whose buckets? set GOOGLE_CLOUD_PROJECT to a project's id; a bucket's "
			 "own name needs none");
		return -EACCES;
	}
	return 0;
}

static bool is_bucket(const char *name)
{
	size_t len = strlen(name);

	return len >= GCS_BUCKET_MIN && len <= GCS_BUCKET_MAX &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")];
}

/* UTF-8, and no control bytes of those that cannot be (guide "About Cloud Storage objects"). */
bool gcs_site_holds(const char *key)
{
	json_t *text = json_string(key);
	bool is = text && !strpbrk(key, "\r\n") && strcmp(key, ".") != 0 && strcmp(key, "..") != 0;

	json_decref(text);
	return is;
}

int gcs_site_check(const char *bucket, const char *key)
{
	if (!bucket)
		return -EINVAL;
	if (!is_bucket(bucket))
		return -ENOENT; /* as the service would say, had it been asked */
	if (key && strlen(key) > GCS_KEY_BYTES)
		return -ENAMETOOLONG;
	return key && !gcs_site_holds(key) ? -EINVAL : 0;
}

int gcs_site_path(const char *bucket, const char *key, struct buffer *target)
{
	int ret = gcs_site_check(bucket, key);

	if (!ret)
		ret = buffer_addf(target, "/b/%s%s", bucket, key ? "/o" : "");
	if (!ret && key && key[0])
		ret = buffer_add_char(target, '/');
	return ret || !key ? ret : uri_encode(target, key, strlen(key), false);
}

int gcs_site_start(const struct store_site *site, const char *method, const char *prefix,
		   const char *bucket, const char *key, struct store_request *out)
{
	int ret = buffer_addf(&out->target, "%s%s", site->base, prefix);

	out->method = method;
	return ret || !bucket ? ret : gcs_site_path(bucket, key, &out->target);
}

int gcs_site_finish(const struct store_site *site, const char *fields, struct store_request *out)
{
	int ret = 0;

	if (fields)
		ret = uri_add_query(&out->target, "fields", fields);
	if (!ret && site->payer[0])
		ret = uri_add_query(&out->target, "userProject", site->payer);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}
