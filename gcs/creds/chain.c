// SPDX-License-Identifier: Apache-2.0
/*
 * The order of the sources. What the environment says outright is settled on the I/O thread, for
 * each request; everything else is asked for on a thread of the keeper's.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/siphash.h"
#include "core/keeper.h"
#include "core/scope.h"
#include "core/slurp.h"
#include "gcs/creds/creds.h"

#define FILE_BYTES 262144
#define WELL_KNOWN "application_default_credentials.json"

const char *google_env(const struct context *ctx, const char *name)
{
	const char *value = context_env(ctx, name);

	return value ? value : "";
}

int google_fail(struct google_search *s, const char *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	creds_fail(s->out, s->message, s->message_bytes, source, format, args);
	va_end(args);
	return -EACCES;
}

int google_found(struct google_search *s, const char *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->out->source, sizeof(s->out->source), format, args);
	va_end(args);
	creds_note(s->out, source, "used");
	return 1;
}

/* gcloud's file. "" without a home. */
static void well_known(const struct context *ctx, char out[CONFIG_PATH_BYTES])
{
	const char *folder = google_env(ctx, "CLOUDSDK_CONFIG");
	char home[CONFIG_PATH_BYTES];

	config_home(ctx, home);
	out[0] = '\0';
	if (folder[0])
		snprintf(out, CONFIG_PATH_BYTES, "%s/" WELL_KNOWN, folder);
	else if (home[0])
		snprintf(out, CONFIG_PATH_BYTES, "%.4000s/.config/gcloud/" WELL_KNOWN, home);
}

/* Returns 1; 0: there is no such file; or an error. */
static int from_file(struct google_search *s, const char *path, const char *source)
{
	char *text = NULL;
	json_t *json;
	int ret = slurp(path, FILE_BYTES, &text);

	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 && ret != -ENOENT && ret != -ENOTDIR)
		return google_fail(s, source, "%.200s cannot be read: %s", path, strerror(-ret));
	if (ret < 0 || !text)
		return 0;
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	s->path = path;
	if (json_is_object(json))
		ret = google_from_json(s, json, GOOGLE_SCOPE, 0);
	else
		ret = google_fail(s, source, "%.200s is no JSON", path);
	json_decref(json);
	return ret;
}

static int say_nothing_found(struct google_search *s)
{
	snprintf(s->message, s->message_bytes,
		 "no credentials: run `gcloud auth application-default login`, or set "
		 "GOOGLE_APPLICATION_CREDENTIALS to a credential file (`skyshim creds gs://` shows "
		 "what was tried), or CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true for a public bucket");
	return -EACCES;
}

static int search(struct google_search *s)
{
	static const char variable[] = "GOOGLE_APPLICATION_CREDENTIALS";
	const char *said = google_env(s->ctx, variable);
	char path[CONFIG_PATH_BYTES];
	int ret;

	if (said[0]) {
		ret = from_file(s, said, variable);
		return ret ? ret : google_fail(s, variable, "there is no file %.200s", said);
	}
	creds_note(s->out, variable, "not set");
	well_known(s->ctx, path);
	ret = from_file(s, path, "gcloud's file");
	if (ret)
		return ret;
	creds_note(s->out, "gcloud's file", "there is no %.200s", path);
	ret = google_from_metadata(s);
	return ret ? ret : say_nothing_found(s);
}

static int find(const struct context *ctx, struct creds *out, char *message, size_t message_bytes)
{
	struct google_search s = {
		.ctx = ctx,
		.out = out,
		.path = "",
		.message = message,
		.message_bytes = message_bytes,
	};
	int ret = search(&s);

	if (ret > 0)
		return 0;
	creds_wipe(out);
	return ret;
}

static const struct keeper_kind kind = {.name = "Google", .find = find};

/* Another when the file that counts has changed. */
static uint64_t stamp_of(const struct context *ctx)
{
	static const uint64_t key[2];
	uint64_t stamp[2];
	const char *said = google_env(ctx, "GOOGLE_APPLICATION_CREDENTIALS");
	char path[CONFIG_PATH_BYTES];
	struct stat st;
	struct {
		int64_t device, inode, size, mtime_s, mtime_ns;
	} seen = {0};

	well_known(ctx, path);
	if (!stat(said[0] ? said : path, &st)) {
		seen.device = (int64_t)st.st_dev;
		seen.inode = (int64_t)st.st_ino;
		seen.size = (int64_t)st.st_size;
		seen.mtime_s = (int64_t)st.st_mtim.tv_sec;
		seen.mtime_ns = (int64_t)st.st_mtim.tv_nsec;
	}
	siphash128(key, NULL, 0, &seen, sizeof(seen), stamp);
	return stamp[0];
}

/* What needs no asking. Returns 1, 0: nothing, or an error with a message. */
static int from_environment(struct google_search *s)
{
	static const char *const tokens[] = {"CLOUDSDK_AUTH_ACCESS_TOKEN",
					     "GOOGLE_OAUTH_ACCESS_TOKEN"};
	const char *why = NULL;

	if (google_env(s->ctx, "STORAGE_EMULATOR_HOST")[0])
		why = "STORAGE_EMULATOR_HOST";
	if (config_is_true(google_env(s->ctx, "CLOUDSDK_AUTH_DISABLE_CREDENTIALS")))
		why = "CLOUDSDK_AUTH_DISABLE_CREDENTIALS";
	if (why) {
		s->out->anonymous = true;
		return google_found(s, why, "none (%s)", why);
	}
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		const char *token = google_env(s->ctx, tokens[i]);

		if (!token[0])
			continue;
		if (creds_fill(s->out, "", "", token) < 0)
			return google_fail(s, tokens[i], "it is too long");
		return google_found(s, tokens[i], "environment (%s)", tokens[i]);
	}
	return 0;
}

int google_creds_get(const struct context *ctx, struct creds *out, char *message,
		     size_t message_bytes)
{
	struct google_search s = {
		.ctx = ctx,
		.out = out,
		.path = "",
		.message = message,
		.message_bytes = message_bytes,
	};
	int ret;

	memset(out, 0, sizeof(*out));
	ret = from_environment(&s);
	if (ret)
		return ret > 0 ? 0 : ret;
	return keeper_get(&kind, ctx, stamp_of(ctx), out, message, message_bytes);
}

static void choose(const struct context *ctx, const char *const *variables, const char *otherwise,
		   char out[CREDS_PROJECT_BYTES])
{
	for (; *variables; variables++) {
		const char *value = google_env(ctx, *variables);

		if (value[0] && strlen(value) < CREDS_PROJECT_BYTES) {
			strcpy(out, value);
			return;
		}
	}
	snprintf(out, CREDS_PROJECT_BYTES, "%s", otherwise);
}

void google_projects(const struct context *ctx, const struct creds *creds,
		     char project[CREDS_PROJECT_BYTES], char payer[CREDS_PROJECT_BYTES])
{
	static const char *const projects[] = {"GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT",
					       "CLOUDSDK_CORE_PROJECT", NULL};
	static const char *const payers[] = {"GOOGLE_CLOUD_QUOTA_PROJECT",
					     "CLOUDSDK_BILLING_QUOTA_PROJECT", NULL};
	bool emulated = google_env(ctx, "STORAGE_EMULATOR_HOST")[0];

	choose(ctx, projects,
	       creds->project[0] ? creds->project
	       : emulated	 ? "emulated"
				 : "",
	       project);
	choose(ctx, payers, creds->payer, payer);
}
