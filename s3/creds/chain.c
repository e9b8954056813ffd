// SPDX-License-Identifier: Apache-2.0
/*
 * The order of the sources, as botocore has it. The same chain runs twice: without asking anybody,
 * on the I/O thread, for each request, which settles it when a key stands in the environment or in
 * a file; and, when that comes to a source that must be asked, on a thread of the keeper's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keeper.h"
#include "core/scope.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"

#define WORDS_BYTES 320
#define SKEW_MIN_S  60 /* a smaller difference may be the answer's way */

/* A profile's own. */
static const aws_source profile_sources[] = {
	aws_from_web_identity, aws_from_sso,	     aws_from_credentials_file,
	aws_from_process,      aws_from_config_file,
};

int aws_fail(struct aws_search *s, const char *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	creds_fail(s->out, s->message, s->message_bytes, source, format, args);
	va_end(args);
	return -EACCES;
}

int aws_found(struct aws_search *s, const char *source, const char *format, ...)
{
	char words[WORDS_BYTES];
	char shown[CREDS_SHOWN_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	creds_show_id(s->out->id, shown);
	snprintf(s->out->source, sizeof(s->out->source), "%s (key %s)", words, shown);
	creds_note(s->out, source, "used");
	return 1;
}

void aws_local_expiry(struct creds *out, const struct fetch *f)
{
	if (out->expires_s && llabs(f->ahead_s) >= SKEW_MIN_S)
		out->expires_s -= f->ahead_s;
}

static int run(struct aws_search *s, const aws_source *sources, size_t count)
{
	int ret = 0;

	for (size_t i = 0; i < count && !ret; i++)
		ret = sources[i](s);
	return ret;
}

int aws_from_profile(struct aws_search *s)
{
	return run(s, profile_sources, sizeof(profile_sources) / sizeof(profile_sources[0]));
}

static int say_nothing_found(const struct aws_search *s)
{
	const struct config *config = s->config;

	snprintf(s->message, s->message_bytes,
		 "no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
		 "environment nor profile %s in %.100s or %.100s, nor a container's or an "
		 "instance's; set one of them (AWS_PROFILE chooses; `skyshim creds` shows what was "
		 "tried), or AWS_NO_SIGN_REQUEST=true for a public bucket",
		 config->profile,
		 config->credentials_path[0] ? config->credentials_path : "~/.aws/credentials",
		 config->config_path[0] ? config->config_path : "~/.aws/config");
	return -EACCES;
}

/* Returns 0 or as keeper_kind.find. */
static int search(struct aws_search *s)
{
	static const aws_source all[] = {aws_from_environment, aws_from_role, aws_from_profile,
					 aws_from_container, aws_from_instance};
	int ret;

	if (config_is_true(aws_env(s->ctx, "AWS_NO_SIGN_REQUEST"))) {
		s->out->anonymous = true;
		snprintf(s->out->source, sizeof(s->out->source), "none (AWS_NO_SIGN_REQUEST)");
		creds_note(s->out, "AWS_NO_SIGN_REQUEST", "used");
		return 0;
	}
	s->region = aws_region(s->ctx, s->config);
	ret = run(s, all, sizeof(all) / sizeof(all[0]));
	if (ret > 0)
		return 0;
	creds_wipe(s->out);
	return ret ? ret : say_nothing_found(s);
}

static int find(const struct context *ctx, struct creds *out, char *message, size_t message_bytes)
{
	SCOPE_FREE struct config *config = calloc(1, sizeof(*config));
	struct aws_search s = {
		.ctx = ctx,
		.config = config,
		.may_wait = true,
		.out = out,
		.message = message,
		.message_bytes = message_bytes,
	};
	int ret;

	if (!config)
		return -ENOMEM;
	ret = config_read(ctx, config, message, message_bytes);
	if (ret < 0)
		return ret == -EINVAL ? -EACCES : ret;
	ret = search(&s);
	config_wipe(config);
	return ret;
}

static const struct keeper_kind kind = {.name = "AWS", .find = find};

int aws_creds_get(const struct context *ctx, const struct config *config, struct creds *out,
		  char *message, size_t message_bytes)
{
	struct aws_search s = {
		.ctx = ctx,
		.config = config,
		.out = out,
		.message = message,
		.message_bytes = message_bytes,
	};
	int ret;

	memset(out, 0, sizeof(*out));
	ret = search(&s);
	if (ret != -EINPROGRESS)
		return ret;
	memset(out, 0, sizeof(*out));
	return keeper_get(&kind, ctx, config->stamp, out, message, message_bytes);
}
