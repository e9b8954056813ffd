// SPDX-License-Identifier: Apache-2.0
/* Who is logged in by `az login`: the az command line is asked for a token, as AzureCliCredential
 * does. Where it is not installed, or nobody is logged in, this source is not set up. */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "azure/creds/creds.h"
#include "core/command.h"
#include "core/scope.h"

#define COMMAND	     "exec az account get-access-token -o json --resource " RESOURCE
#define RESOURCE     AZURE_CREDS_RESOURCE
#define NOT_FOUND    127 /* of sh */
#define LOCAL_FORMAT "%Y-%m-%d %H:%M:%S"

static const char source[] = "az login";

/* Before version 2.54 it told the time of expiry by this machine's clock and zone only:
 * "2026-01-02 03:04:05.000000". */
static const char *read_older(const struct command *command, struct creds *out)
{
	json_t *root = json_loadb(command->out, command->out_len, 0, NULL);
	const char *when = json_string_value(json_object_get(root, "expiresOn"));
	struct tm local = {.tm_isdst = -1};
	time_t expires_s = -1;

	if (when && strptime(when, LOCAL_FORMAT, &local))
		expires_s = mktime(&local);
	json_decref(root);
	if (expires_s < 0)
		return "it does not say when the token expires";
	out->expires_s = expires_s;
	return NULL;
}

static int take_output(struct azure_search *s, const struct command *command)
{
	const char *wrong;

	if (WIFEXITED(command->status) && WEXITSTATUS(command->status) == NOT_FOUND) {
		creds_note(s->out, source, "az is not installed");
		return 0;
	}
	if (command->status) {
		creds_note(s->out, source, "az account get-access-token says: %.*s",
			   (int)strcspn(command->err, "\r\n"), command->err);
		return 0;
	}
	wrong = azure_token_read(command->out, command->out_len, "accessToken", s->out);
	if (wrong && s->out->token[0])
		wrong = read_older(command, s->out);
	if (wrong)
		return azure_creds_fail(s, source, "the output of az makes no sense: %s", wrong);
	snprintf(s->out->source, sizeof(s->out->source), "%s", source);
	creds_note(s->out, source, "used");
	return 1;
}

int azure_from_az(struct azure_search *s)
{
	SCOPE_FREE struct command *command = calloc(1, sizeof(*command));
	int ret;

	if (!command)
		return -ENOMEM;
	ret = command_run(s->ctx, COMMAND, COMMAND_TIMEOUT_MS, command);
	if (ret == -ETIMEDOUT)
		ret = azure_creds_fail(s, source, "az was not done after %d s",
				       COMMAND_TIMEOUT_MS / 1000);
	else if (ret && ret != -ECANCELED)
		ret = azure_creds_fail(s, source, "az cannot be started: %s", strerror(-ret));
	if (!ret)
		ret = take_output(s, command);
	OPENSSL_cleanse(command->out, sizeof(command->out));
	return ret;
}
