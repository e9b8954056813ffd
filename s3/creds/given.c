// SPDX-License-Identifier: Apache-2.0
/* Keys that stand somewhere: in the environment, or in a profile of the shared files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "s3/creds/creds.h"
#include "s3/endpoint.h"

int aws_from_environment(struct aws_search *s)
{
	static const char source[] = "environment";
	const char *id = aws_env(s->ctx, "AWS_ACCESS_KEY_ID");
	const char *secret = aws_env(s->ctx, "AWS_SECRET_ACCESS_KEY");

	if (!*id && !*secret) {
		creds_note(s->out, source, "no AWS_ACCESS_KEY_ID");
		return 0;
	}
	if (!*id || !*secret)
		return aws_fail(s, source, "%s is set but %s is not: set both",
				*id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
				*id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
	if (creds_fill(s->out, id, secret, aws_env(s->ctx, "AWS_SESSION_TOKEN")) < 0)
		return aws_fail(s, source,
				"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is "
				"too long");
	return aws_found(s, source, "environment");
}

/* From the file that has the profile's key, when that is `path`. */
static int from_file(struct aws_search *s, const char *source, const char *path)
{
	const struct config *config = s->config;

	if (config->key_file != path || (!config->key_id[0] && !config->secret[0])) {
		creds_note(s->out, source, "no key of profile %s in %s", config->profile,
			   path[0] ? path : "any home directory");
		return 0;
	}
	if (!config->key_id[0] || !config->secret[0])
		return aws_fail(s, source, "profile %s in %s has no %s: add it", config->profile,
				path,
				config->key_id[0] ? "aws_secret_access_key" : "aws_access_key_id");
	if (creds_fill(s->out, config->key_id, config->secret, config->token) < 0)
		return aws_fail(s, source, "a key in %s is too long", path);
	return aws_found(s, source, "profile %s in %.150s", config->profile, path);
}

int aws_from_credentials_file(struct aws_search *s)
{
	return from_file(s, "credentials file", s->config->credentials_path);
}

int aws_from_config_file(struct aws_search *s)
{
	return from_file(s, "config file", s->config->config_path);
}
