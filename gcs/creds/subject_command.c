// SPDX-License-Identifier: Apache-2.0
/*
 * An external account whose token a command gives ("executable-sourced credentials" of AIP-4117):
 * only where the user has said that commands may be run, since the file may be somebody else's. It
 * prints JSON, and may keep the same in a file, which is looked at first.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/command.h"
#include "core/scope.h"
#include "core/slurp.h"
#include "gcs/creds/creds.h"

#define LINE_BYTES     65536
#define TIMEOUT_OWN_MS 30000
#define TIMEOUT_MIN_MS 5000
#define TIMEOUT_MAX_MS 120000
#define TYPE	       "urn:ietf:params:oauth:token-type:"
#define PREFIX	       "GOOGLE_EXTERNAL_ACCOUNT_"

static const char source[] = "external account";

/* "NAME=VALUE" for the command. */
static int add_variable(struct buffer *line, const char *name, const char *value)
{
	SCOPE_FREE char *text = NULL;

	if (asprintf(&text, PREFIX "%s=%s", name, value) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return command_add_word(line, text);
}

/* Words stand between blanks, and within double quotes: nothing else is special, as in the vendor's
 * own libraries, which use no shell. */
static int add_words(struct buffer *line, const char *command)
{
	SCOPE_FREE char *word = malloc(strlen(command) + 1);
	int ret = word ? 0 : -ENOMEM;

	while (!ret && *(command += strspn(command, " \t\r\n"))) {
		bool quoted = false;
		size_t len = 0;

		for (; *command && (quoted || !strchr(" \t\r\n", *command)); command++) {
			if (*command == '"')
				quoted = !quoted;
			else
				word[len++] = *command;
		}
		word[len] = '\0';
		ret = command_add_word(line, word);
	}
	return ret;
}

static int write_line(const json_t *json, const char *output, const char *command,
		      struct buffer *line)
{
	const char *impersonated = google_text(json, "service_account_impersonation_url");
	char account[256];
	int ret = buffer_add_text(line, "exec env");

	if (!ret)
		ret = add_variable(line, "AUDIENCE", google_text(json, "audience"));
	if (!ret)
		ret = add_variable(line, "TOKEN_TYPE", google_text(json, "subject_token_type"));
	if (!ret)
		ret = add_variable(line, "INTERACTIVE", "0");
	google_account_of(impersonated, account, sizeof(account));
	if (!ret && impersonated[0])
		ret = add_variable(line, "IMPERSONATED_EMAIL", account);
	if (!ret && output[0])
		ret = add_variable(line, "OUTPUT_FILE", output);
	return ret ? ret : add_words(line, command);
}

static int take_token(const json_t *json, const char **wrong, char **out)
{
	const char *type = google_text(json, "token_type");
	const char *name = NULL;

	if (!strcmp(type, TYPE "id_token") || !strcmp(type, TYPE "jwt"))
		name = "id_token";
	else if (!strcmp(type, TYPE "saml2"))
		name = "saml_response";
	if (!name || !google_text(json, name)[0]) {
		*wrong = name ? "it has no token" : "its token_type is none that is known";
		return -EINVAL;
	}
	*out = strdup(google_text(json, name));
	return *out ? 0 : -ENOMEM;
}

/* What was printed, or kept. Returns 0; 1: it has expired, or is no success, which only matters for
 * what was kept; or an error, with what is wrong in *wrong. must_last: it has to say until when. */
static int read_answer(const char *text, size_t bytes, bool must_last, const char **wrong,
		       char **out)
{
	json_t *json = json_loadb(text, bytes, 0, NULL);
	json_t *end = json_object_get(json, "expiration_time");
	int ret = -EINVAL;

	*wrong = NULL;
	if (!json_is_object(json))
		*wrong = "it is no JSON";
	else if (json_integer_value(json_object_get(json, "version")) != 1)
		*wrong = "its version is not 1";
	else if (!json_is_boolean(json_object_get(json, "success")))
		*wrong = "it does not say whether it is a success";
	else if (!json_is_true(json_object_get(json, "success")))
		ret = 1;
	else if (must_last && !json_is_integer(end))
		*wrong = "it has no expiration_time";
	else if (json_is_integer(end) && json_integer_value(end) <= clock_wall_s()) {
		*wrong = "it has expired";
		ret = 1;
	} else
		ret = take_token(json, wrong, out);
	json_decref(json);
	return ret;
}

/* Returns 0; 1: there is nothing that is still good; or an error. */
static int from_file(struct google_search *s, const char *path, char **out)
{
	char *text = NULL;
	const char *wrong;
	int ret = slurp(path, COMMAND_OUTPUT_BYTES, &text);

	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 || !text || !*text) {
		free(text);
		return 1;
	}
	ret = read_answer(text, strlen(text), true, &wrong, out);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return ret == -EINVAL ? google_fail(s, source, "%.200s: %s", path, wrong) : ret;
}

/* {"success": false, "code": "401", "message": "..."}, or words on stderr. */
static int say_failed(struct google_search *s, const struct command *command)
{
	json_t *json = json_loadb(command->out, command->out_len, 0, NULL);
	const char *code = google_text(json, "code"), *words = google_text(json, "message");
	int ret;

	if (words[0])
		ret = google_fail(s, source, "the executable says: %.40s: %.160s", code, words);
	else
		ret = google_fail(s, source, "the executable failed (%s %d): %.*s",
				  WIFEXITED(command->status) ? "status" : "signal",
				  WIFEXITED(command->status) ? WEXITSTATUS(command->status)
							     : WTERMSIG(command->status),
				  (int)strcspn(command->err, "\r\n"), command->err);
	json_decref(json);
	return ret;
}

static int take_output(struct google_search *s, const struct command *command, bool must_last,
		       char **out)
{
	const char *wrong;
	int ret;

	if (command->status)
		return say_failed(s, command);
	ret = read_answer(command->out, command->out_len, must_last, &wrong, out);
	if (ret == -EINVAL)
		return google_fail(s, source, "what the executable prints makes no sense: %s",
				   wrong);
	if (ret == 1)
		return wrong ? google_fail(s, source, "what the executable prints is of no use: %s",
					   wrong)
			     : say_failed(s, command);
	return ret;
}

static int run(struct google_search *s, const char *line, int64_t timeout_ms, bool must_last,
	       char **out)
{
	SCOPE_FREE struct command *command = calloc(1, sizeof(*command));
	int ret;

	if (!command)
		return -ENOMEM;
	ret = command_run(s->ctx, line, timeout_ms, command);
	if (ret == -ETIMEDOUT)
		ret = google_fail(s, source, "the executable was not done after %lld ms",
				  (long long)timeout_ms);
	else if (ret && ret != -ECANCELED)
		ret = google_fail(s, source, "the executable cannot be started: %s",
				  strerror(-ret));
	else if (!ret)
		ret = take_output(s, command, must_last, out);
	OPENSSL_cleanse(command->out, sizeof(command->out));
	return ret;
}

int google_subject_command(struct google_search *s, const json_t *json, char **out)
{
	const json_t *where =
		json_object_get(json_object_get(json, "credential_source"), "executable");
	const json_t *timeout = json_object_get(where, "timeout_millis");
	int64_t timeout_ms = timeout ? json_integer_value(timeout) : TIMEOUT_OWN_MS;
	const char *command = google_text(where, "command");
	const char *output = google_text(where, "output_file");
	SCOPE_BUFFER struct buffer line = BUFFER_INIT(LINE_BYTES);
	int ret = 1;

	if (strcmp(google_env(s->ctx, PREFIX "ALLOW_EXECUTABLES"), "1") != 0)
		return google_fail(s, source,
				   "%.150s names a command: set " PREFIX
				   "ALLOW_EXECUTABLES=1 if it may be run",
				   s->path);
	if (!command[0] || timeout_ms < TIMEOUT_MIN_MS || timeout_ms > TIMEOUT_MAX_MS)
		return google_fail(
			s, source,
			"%.200s: its executable lacks a command, or has a timeout_millis "
			"that is not between 5000 and 120000",
			s->path);
	if (output[0])
		ret = from_file(s, output, out);
	if (ret != 1)
		return ret;
	ret = write_line(json, output, command, &line);
	if (ret == -EMSGSIZE)
		return google_fail(s, source, "%.200s: its command is too long", s->path);
	return ret ? ret : run(s, buffer_text(&line), timeout_ms, output[0], out);
}
