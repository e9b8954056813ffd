/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim recover`: what programs wrote and is not in the bucket, or removed and is there still,
 * or renamed and is in the middle of that: list, retry, export, discard. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/handover.h"
#include "core/cli/where.h"
#include "core/scope.h"
#include "fs/ask.h"

#define COPY_BYTES 65536
#define TRIES	   2 /* of a question under which a daemon dies */

static const char help[] =
	"skyshim recover: what programs wrote and is not in the bucket\n"
	"\n"
	"  skyshim recover [list] [--json]       all of it, with ids\n"
	"  skyshim recover retry ID|--all        upload it; not over what somebody else wrote\n"
	"  skyshim recover retry --force ID      upload it, over whatever is there\n"
	"  skyshim recover export ID FILE        copy it to a local file\n"
	"  skyshim recover discard ID            throw it away\n"
	"\n"
	"Also what was removed and the store refused to delete, when nobody was left to be told:\n"
	"retry deletes it, if it is still the same; discard lets it stay; and what a daemon that "
	"died\n"
	"had not removed, while nobody with those credentials comes. And what was renamed or\n"
	"exchanged by a daemon that died in the middle: retry finishes it, with the credentials "
	"of\n"
	"now if nobody has come with those of its job; discard leaves all where it is.\n"
	"And uploads in parts that were given up and could not be aborted, which cost as long as\n"
	"they are there: retry aborts one; discard leaves it to the bucket's rules.\n"
	"\n"
	"retry of what was written or removed needs the credentials of that job: run it in its\n"
	"environment.\n";

/* May the next daemon be asked the same when one has died under it? Not to do what cannot be taken
 * back: somebody may have stored or written something else since. */
static bool may_ask_again(unsigned flags)
{
	return !(flags & (WIRE_RECOVER_OVER | WIRE_RECOVER_DISCARD));
}

/* Starts the daemon, tells it these credentials, and asks. *tries_out: how often it was asked. */
static int ask_daemon(const struct where *w, struct wire_request *request, struct ask_reply *reply,
		      int *tries_out)
{
	int ret, tries = 0;

	*reply = (struct ask_reply){.fd = {-1, -1, -1}};
	do {
		ret = handover_context(w, request->ctx);
		if (ret)
			return ret;
		ret = ask(w->sock, request, NULL, 0, reply);
	} while (ret == -ECONNRESET && may_ask_again(request->flags) && ++tries < TRIES);
	*tries_out = tries;
	return ret;
}

/* One question. Returns 0, or an exit status after saying why. */
static int question(unsigned flags, uint64_t id, struct ask_reply *reply)
{
	struct wire_request request = {.op = WIRE_RECOVER, .flags = flags, .offset = id};
	struct where w;
	int ret, tries = 0;

	if (where_find(&w))
		return 1;
	ret = ask_daemon(&w, &request, reply, &tries);
	free(w.cache_dir);
	if (ret == -ECONNRESET)
		fputs("skyshim: recover: the daemon died before it could answer; `skyshim recover` "
		      "lists what is left\n",
		      stderr);
	else if (ret < 0)
		ask_complain(ret, reply->peer);
	if (ret)
		return ret < 0 ? 1 : ret;
	if (tries && flags & WIRE_RECOVER_RETRY && reply->head.error == -ENOENT)
		reply->head.error = 0; /* the one that died had it done, or the next has */
	return 0;
}

static int complain(uint64_t id, const struct ask_reply *reply)
{
	const char *why = reply->text && *reply->text ? reply->text : strerror(-reply->head.error);

	if (reply->head.error == -ENOENT)
		why = "there is nothing of this id; see `skyshim recover`";
	fprintf(stderr, "skyshim: recover %llu: %s\n", (unsigned long long)id, why);
	return 1;
}

static int get_list(json_t **out)
{
	struct ask_reply reply;
	int ret = question(0, 0, &reply);

	if (ret)
		return ret;
	*out = reply.head.error ? NULL : json_loads(reply.text ? reply.text : "", 0, NULL);
	if (!*out) {
		fputs("skyshim: recover: the daemon's answer makes no sense\n", stderr);
		ret = 1;
	}
	ask_free(&reply);
	return ret;
}

static void print_one(const json_t *one)
{
	time_t when = (time_t)json_number_value(json_object_get(one, "mtime"));
	const char *why = json_string_value(json_object_get(one, "why"));
	const char *moved = json_string_value(json_object_get(one, "moved"));
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&when, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	if (json_is_true(json_object_get(one, "removal")))
		printf("%-20lld %34s  %s\n", json_integer_value(json_object_get(one, "id")),
		       "not removed", json_string_value(json_object_get(one, "object")));
	else if (json_is_true(json_object_get(one, "upload")))
		printf("%-20lld %14s %s  %s\n", json_integer_value(json_object_get(one, "id")),
		       "not aborted", text, json_string_value(json_object_get(one, "object")));
	else if (moved)
		printf("%-20lld %34s  %s\n", json_integer_value(json_object_get(one, "id")),
		       strcmp(moved, "exchange") ? "half renamed" : "half exchanged",
		       json_string_value(json_object_get(one, "object")));
	else
		printf("%-20lld %14lld %s  %s\n", json_integer_value(json_object_get(one, "id")),
		       json_integer_value(json_object_get(one, "bytes")), text,
		       json_string_value(json_object_get(one, "object")));
	for (size_t i = 0; i < json_array_size(json_object_get(one, "also")); i++)
		printf("%20s and %s\n", "",
		       json_string_value(json_array_get(json_object_get(one, "also"), i)));
	if (json_is_true(json_object_get(one, "kept")) || moved)
		printf("%20s %s: %s\n", "", json_string_value(json_object_get(one, "error")),
		       why && *why ? why : "not uploaded");
	else
		printf("%20s being written, or waiting for its job's credentials\n", "");
}

static int list(bool json)
{
	json_t *all;
	int ret = get_list(&all);

	if (ret)
		return ret;
	if (json)
		ret = json_dumpf(all, stdout, JSON_INDENT(2)) || puts("") < 0;
	else if (!json_array_size(all))
		ret = puts("everything is in its bucket") < 0;
	else
		for (size_t i = 0; i < json_array_size(all); i++)
			print_one(json_array_get(all, i));
	json_decref(all);
	return ret;
}

static int act(unsigned flags, uint64_t id)
{
	struct ask_reply reply;
	int ret = question(flags, id, &reply);

	if (ret)
		return ret;
	if (reply.head.error)
		ret = complain(id, &reply);
	ask_free(&reply);
	return ret;
}

static int retry_all(void)
{
	json_t *all;
	int ret = get_list(&all);

	if (ret)
		return ret;
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *id = json_object_get(json_array_get(all, i), "id");

		ret |= act(WIRE_RECOVER_RETRY, (uint64_t)json_integer_value(id));
	}
	json_decref(all);
	return ret;
}

static int copy_out(int from, const char *name)
{
	SCOPE_FD int to = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	static char buffer[COPY_BYTES];
	ssize_t n, done;

	if (to < 0)
		return -errno;
	while ((n = read(from, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < n; at += done) {
			done = write(to, buffer + at, (size_t)(n - at));
			if (done <= 0)
				return done ? -errno : -EIO;
		}
	}
	if (n < 0 || fsync(to))
		return -errno;
	return close(take_fd(&to)) ? -errno : 0;
}

static int export(uint64_t id, const char *name)
{
	struct ask_reply reply;
	int ret = question(WIRE_RECOVER_EXPORT, id, &reply);

	if (ret)
		return ret;
	if (reply.head.error) {
		ret = complain(id, &reply);
	} else {
		ret = copy_out(reply.fd[0], name);
		if (ret)
			fprintf(stderr, "skyshim: recover: %s: %s\n", name, strerror(-ret));
	}
	ask_free(&reply);
	return ret ? 1 : 0;
}

static int usage(void)
{
	fputs(help, stderr);
	return CLI_USAGE;
}

/* Is this an id? */
static bool read_id(const char *text, uint64_t *out)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno;
}

int cli_recover(char **argv)
{
	const char *what = argv[0] ? argv[0] : "list";
	bool force = argv[0] && argv[1] && !strcmp(argv[1], "--force");
	uint64_t id;

	if (!strcmp(what, "--json") && !argv[1])
		return list(true);
	if (!strcmp(what, "--help") && !argv[1])
		return fputs(help, stdout) < 0;
	if (!strcmp(what, "list"))
		return !argv[0] || !argv[1]			? list(false)
		       : !strcmp(argv[1], "--json") && !argv[2] ? list(true)
								: usage();
	if (!strcmp(what, "retry") && argv[1] && !strcmp(argv[1], "--all") && !argv[2])
		return retry_all();
	if (!read_id(argv[1 + force], &id))
		return usage();
	if (!strcmp(what, "retry") && !argv[2 + force])
		return act(force ? WIRE_RECOVER_OVER : WIRE_RECOVER_RETRY, id);
	if (!strcmp(what, "discard") && !force && !argv[2])
		return act(WIRE_RECOVER_DISCARD, id);
	if (!strcmp(what, "export") && !force && argv[2] && !argv[3])
		return export(id, argv[2]);
	return usage();
}
