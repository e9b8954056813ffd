// SPDX-License-Identifier: Apache-2.0
/* A token that somebody else vouches for (Kubernetes service accounts, CI systems), in a file, is
 * exchanged at STS for a session of a role. The file is read anew each time: it is replaced now and
 * again. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "core/slurp.h"
#include "s3/creds/creds.h"
#include "s3/endpoint.h"

#define WEB_TOKEN_BYTES 65536

static const char source[] = "web identity";

static const char *choose(const struct aws_search *s, const char *variable, const char *configured)
{
	const char *said = s->is_nested ? "" : aws_env(s->ctx, variable);

	return said[0] ? said : configured;
}

static int read_token(struct aws_search *s, const char *path, char **out)
{
	int ret = slurp(path, WEB_TOKEN_BYTES, out);

	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 || !*out)
		return aws_fail(s, source, "%.200s cannot be read: %s", path,
				strerror(ret ? -ret : ENOENT));
	(*out)[strcspn(*out, "\r\n")] = '\0';
	return **out ? 0 : aws_fail(s, source, "%.200s is empty", path);
}

int aws_from_web_identity(struct aws_search *s)
{
	const struct config *config = s->config;
	const char *path =
		choose(s, "AWS_WEB_IDENTITY_TOKEN_FILE", config->web_identity_token_file);
	const struct aws_role role = {
		.arn = choose(s, "AWS_ROLE_ARN", config->role_arn),
		.session_name = choose(s, "AWS_ROLE_SESSION_NAME", config->role_session_name),
		.external_id = "",
		.duration_seconds = config->duration_seconds,
	};
	SCOPE_FREE char *token = NULL;
	int ret;

	if (!path[0]) {
		creds_note(s->out, source,
			   "neither AWS_WEB_IDENTITY_TOKEN_FILE nor web_identity_token_file in "
			   "profile %s",
			   config->profile);
		return 0;
	}
	if (!role.arn[0])
		return aws_fail(s, source, "there is a token file but no role: set AWS_ROLE_ARN");
	if (!s->may_wait)
		return -EINPROGRESS;
	ret = read_token(s, path, &token);
	if (!ret)
		ret = aws_assume_role(s, source, &role, NULL, token);
	if (token)
		OPENSSL_cleanse(token, strlen(token));
	return ret > 0 ? aws_found(s, source, "web identity, role %.150s", role.arn) : ret;
}
