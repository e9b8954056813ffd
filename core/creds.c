// SPDX-License-Identifier: Apache-2.0
/* Finding AWS credentials. */
#include "core/creds.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SHOWN_BYTES    16 /* of a key id with dots and NUL */
#define SHOWN_WHOLE_ID 12 /* a shorter id shows only its start, so that most of it stays hidden */

static void show_id(const char *id, char out[SHOWN_BYTES])
{
	size_t len = strlen(id);

	if (len >= SHOWN_WHOLE_ID)
		snprintf(out, SHOWN_BYTES, "%.4s...%.4s", id, id + len - 4);
	else
		snprintf(out, SHOWN_BYTES, "%.2s...", id);
}

static const char *env(const struct context *ctx, const char *name)
{
	const char *value = context_env(ctx, name);

	return value ? value : "";
}

static int copy(char *out, size_t out_bytes, const char *value)
{
	size_t len = strlen(value);

	if (len >= out_bytes)
		return -EACCES;
	memcpy(out, value, len + 1);
	return 0;
}

static int fill(struct creds *out, const char *id, const char *secret, const char *token)
{
	if (copy(out->id, sizeof(out->id), id) < 0 ||
	    copy(out->secret, sizeof(out->secret), secret) < 0)
		return -EACCES;
	return copy(out->token, sizeof(out->token), token);
}

/* Returns 1 when the environment has a key, 0 when not, -EACCES for half a key. */
static int from_environment(const struct context *ctx, struct creds *out, char *message,
			    size_t message_bytes)
{
	const char *id = env(ctx, "AWS_ACCESS_KEY_ID");
	const char *secret = env(ctx, "AWS_SECRET_ACCESS_KEY");
	char shown[SHOWN_BYTES];

	if (!*id && !*secret)
		return 0;
	if (!*id || !*secret) {
		snprintf(message, message_bytes, "%s is set but %s is not: set both",
			 *id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
			 *id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
		return -EACCES;
	}
	if (fill(out, id, secret, env(ctx, "AWS_SESSION_TOKEN")) < 0) {
		snprintf(message, message_bytes,
			 "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is too "
			 "long");
		return -EACCES;
	}
	show_id(id, shown);
	snprintf(out->source, sizeof(out->source), "environment (key %s)", shown);
	return 1;
}

/* Same returns. */
static int from_files(const struct config *config, struct creds *out, char *message,
		      size_t message_bytes)
{
	char shown[SHOWN_BYTES];

	if (!config->key_id[0] && !config->secret[0])
		return 0;
	if (!config->key_id[0] || !config->secret[0]) {
		snprintf(message, message_bytes, "profile %s in %s has no %s: add it",
			 config->profile, config->key_file,
			 config->key_id[0] ? "aws_secret_access_key" : "aws_access_key_id");
		return -EACCES;
	}
	if (fill(out, config->key_id, config->secret, config->token) < 0)
		return -EACCES;
	show_id(config->key_id, shown);
	snprintf(out->source, sizeof(out->source), "profile %s in %.150s (key %s)", config->profile,
		 config->key_file, shown);
	return 1;
}

static void say_nothing_found(const struct config *config, char *message, size_t message_bytes)
{
	if (config && config->other_way[0]) {
		snprintf(message, message_bytes,
			 "no credentials: profile %s uses %s, which skyshim cannot follow yet; run "
			 "`eval \"$(aws configure export-credentials --format env)\"` first",
			 config->profile, config->other_way);
		return;
	}
	snprintf(
		message, message_bytes,
		"no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
		"environment nor profile %s in %s or %s; set one of them (AWS_PROFILE chooses), or "
		"AWS_NO_SIGN_REQUEST=true for a public bucket",
		config ? config->profile : "default",
		config && config->credentials_path[0] ? config->credentials_path
						      : "~/.aws/credentials",
		config && config->config_path[0] ? config->config_path : "~/.aws/config");
}

int creds_find(const struct context *ctx, const struct config *config, struct creds *out,
	       char *message, size_t message_bytes)
{
	const char *no_sign = env(ctx, "AWS_NO_SIGN_REQUEST");
	int ret;

	memset(out, 0, sizeof(*out));
	if (!strcasecmp(no_sign, "true") || !strcmp(no_sign, "1") || !strcasecmp(no_sign, "yes")) {
		out->anonymous = true;
		snprintf(out->source, sizeof(out->source), "none (AWS_NO_SIGN_REQUEST)");
		return 0;
	}
	ret = from_environment(ctx, out, message, message_bytes);
	if (!ret && config)
		ret = from_files(config, out, message, message_bytes);
	if (ret > 0)
		return 0;
	if (!ret)
		say_nothing_found(config, message, message_bytes);
	creds_wipe(out);
	return -EACCES;
}

void creds_wipe(struct creds *creds)
{
	OPENSSL_cleanse(creds->secret, sizeof(creds->secret));
	OPENSSL_cleanse(creds->token, sizeof(creds->token));
}
