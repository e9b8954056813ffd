// SPDX-License-Identifier: Apache-2.0
/* credential_process: a command prints a credential. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/command.h"
#include "core/scope.h"
#include "s3/creds/creds.h"

static const char source[] = "credential process";

static int take_output(struct aws_search *s, const struct command *command)
{
	static const struct aws_names names = {"AccessKeyId", "SecretAccessKey", "SessionToken",
					       "Expiration"};
	const char *wrong;

	if (command->status)
		return aws_fail(s, source, "that of profile %s ended with %s %d%s%s",
				s->config->profile,
				WIFEXITED(command->status) ? "status" : "signal",
				WIFEXITED(command->status) ? WEXITSTATUS(command->status)
							   : WTERMSIG(command->status),
				command->err_len ? ": " : "", command->err);
	wrong = aws_read_json(command->out, command->out_len, NULL, &names, s->out);
	if (wrong)
		return aws_fail(s, source, "the output of that of profile %s makes no sense: %s",
				s->config->profile, wrong);
	return aws_found(s, source, "credential process of profile %s", s->config->profile);
}

int aws_from_process(struct aws_search *s)
{
	SCOPE_FREE struct command *command = NULL;
	int ret;

	if (!s->config->credential_process[0]) {
		creds_note(s->out, source, "no credential_process in profile %s",
			   s->config->profile);
		return 0;
	}
	if (!s->may_wait)
		return -EINPROGRESS;
	command = calloc(1, sizeof(*command));
	if (!command)
		return -ENOMEM;
	ret = command_run(s->ctx, s->config->credential_process, COMMAND_TIMEOUT_MS, command);
	if (ret == -ETIMEDOUT)
		ret = aws_fail(s, source, "that of profile %s was not done after %d s",
			       s->config->profile, COMMAND_TIMEOUT_MS / 1000);
	else if (ret && ret != -ECANCELED)
		ret = aws_fail(s, source, "it cannot be started: %s", strerror(-ret));
	if (!ret)
		ret = take_output(s, command);
	OPENSSL_cleanse(command->out, sizeof(command->out));
	return ret;
}
