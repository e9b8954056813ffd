/* SPDX-License-Identifier: Apache-2.0 */
/* The context, the handoff string, and the last execve this program makes. */
#include "core/cli/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/prctl.h>

#include "core/base/credenv.h"
#include "core/base/durability.h"
#include "core/base/handoff.h"
#include "core/base/vpath.h"
#include "core/buffer.h"
#include "core/cli/attend.h"
#include "core/cli/cli.h"
#include "core/scope.h"
#include "core/settings.h"
#include "fs/ask.h"
#include "fs/autostart.h"

#define HOME_DIGITS    17
#define RTID_BYTES     96
#define JOB_LINE_BYTES 1024 /* of a command line that is told */
#define ASK_TRIES      4    /* the daemon may be about to leave just when it is asked */

/* Of a daemon's program that has just been started. */
#define OTHER_VERSION "it is of another version than this `skyshim`; install both anew"

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "skyshim: %s: %s\n", what, why);
	return CLI_NOT_EXECUTABLE;
}

/* A daemon's answer, of one that is started if need be. Returns 0, a reply's error, or a positive
 * exit status after saying why there is none. */
static int ask_any(const struct where *w, struct wire_request *request, const struct buffer *text,
		   int send_fd, uint8_t ctx[WIRE_CTX_BYTES])
{
	struct ask_reply reply;
	bool is_new = false; /* there was no daemon */
	int ret = -ENOENT;

	if (!w->daemon[0])
		return where_missing("skyshim-daemon");
	for (int i = 0; i < ASK_TRIES && ret && ret != -ETIMEDOUT; i++) {
		/* most find one: it is asked before it is started */
		if (i)
			ret = autostart(w->daemon, w->cache_dir, w->sock);
		if (ret == -ECHILD)
			return CLI_NOT_EXECUTABLE; /* it has said why */
		ret = ask_soon(w->sock, request, text->data, text->len, send_fd, &reply);
		is_new |= ret == -ENOENT || ret == -ECONNREFUSED;
		if (ret == -EPROTONOSUPPORT && is_new)
			return complain(w->daemon, OTHER_VERSION);
	}
	if (ret) {
		ask_complain(ret, reply.peer);
		return CLI_NOT_EXECUTABLE;
	}
	memcpy(ctx, reply.head.ctx, WIRE_CTX_BYTES);
	ret = reply.head.error;
	if (ret && *reply.text) {
		fprintf(stderr, "skyshim: %s\n", reply.text);
		ret = CLI_NOT_EXECUTABLE;
	}
	ask_free(&reply);
	return ret;
}

static int add_credentials(struct buffer *out)
{
	int ret = 0;

	for (char **e = environ; *e && !ret; e++) {
		if (credenv_wanted(*e))
			ret = buffer_add(out, *e, strlen(*e) + 1);
	}
	return ret ? complain("the credentials' environment", strerror(-ret)) : 0;
}

int handover_context(const struct where *w, uint8_t ctx[WIRE_CTX_BYTES])
{
	SCOPE_BUFFER struct buffer env = BUFFER_INIT(WIRE_MSG_MAX);
	struct wire_request request = {.op = WIRE_HELLO};
	int ret = add_credentials(&env);

	if (!ret)
		ret = ask_any(w, &request, &env, -1, ctx);
	return ret < 0 ? complain("the daemon", strerror(-ret)) : ret;
}

/* Tells the daemon that a job begins, with which credentials. Returns 0, or an exit status after
 * saying why not. */
static int begin_job(const struct where *w, struct handoff *h, char *const *argv, int trace_fd)
{
	SCOPE_BUFFER struct buffer line = BUFFER_INIT(JOB_LINE_BYTES);
	SCOPE_BUFFER struct buffer text = BUFFER_INIT(WIRE_MSG_MAX);
	struct wire_request request = {.op = WIRE_JOB, .job = h->job};
	int ret = add_credentials(&text);

	if (ret)
		return ret;
	request.length = text.len;
	/* for people: what has no room is left out */
	for (size_t i = 0; argv[i] && !ret; i++)
		ret = buffer_addf(&line, "%s%s", i ? " " : "", argv[i]);
	if (line.len)
		buffer_add(&text, line.data, line.len);
	ret = ask_any(w, &request, &text, trace_fd, h->ctx);
	if (ret == -EIO && trace_fd >= 0)
		return complain("the timeline", strerror(-ret));
	return ret < 0 ? complain("the daemon", strerror(-ret)) : ret;
}

/* The working directory below root, when this process itself runs under a runtime and stands there.
 */
static const char *virtual_cwd(const char *root, struct vpath *vp)
{
	SCOPE_FREE char *cwd = getcwd(NULL, 0);

	if (!cwd || vpath_resolve(root, NULL, cwd, vp) != 1)
		return NULL;
	return vp->len == 1 && vp->text[0] == '/' ? "" : vp->text;
}

/* This environment with the handoff string last; one that is there already is left out. */
static char **with_handoff(char *text)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(environ[i], HANDOFF_NAME, strlen(HANDOFF_NAME)) != 0)
			env[kept++] = environ[i];
	}
	env[kept] = text;
	return env;
}

/* Is Syscall User Dispatch missing, or refused? Turning it off where it is not on asks that. */
static bool trap_by_filter(void)
{
	const char *trap = getenv("SKYSHIM_TRAP");

	if (trap && !strcmp(trap, "seccomp"))
		return true;
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0) != 0;
}

/* Another for each tree, as addresses are random in each process. */
static int choose_home(char out[HOME_DIGITS])
{
	const uint64_t places = (HANDOFF_HOME_HIGH - HANDOFF_HOME_LOW) / HANDOFF_HOME_BYTES;
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -1;
	snprintf(out, HOME_DIGITS, "%" PRIx64,
		 HANDOFF_HOME_LOW + number % places * HANDOFF_HOME_BYTES);
	return 0;
}

/* Beside those of other daemons' times, so a random one. */
static int choose_job(uint32_t *out)
{
	do {
		if (getrandom(out, sizeof(*out), 0) != sizeof(*out))
			return -1;
	} while (!*out);
	return 0;
}

static int identify(const char *path, char out[RTID_BYTES])
{
	struct stat st;

	if (stat(path, &st))
		return -1;
	snprintf(out, RTID_BYTES, "%ju-%ju-%jd-%ld", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		 (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

/* What the user wants, as the environment says, else as the configuration does: how long a close(2)
 * waits, and where modes decide. Returns 0, or a negative errno after saying why. */
static int wishes(const char *root, struct handoff *h)
{
	static struct settings settings;
	const char *late = getenv("SKYSHIM_DURABILITY"), *enforce = getenv("SKYSHIM_ENFORCE_MODE");
	char message[SETTINGS_MESSAGE_BYTES];
	int ret = settings_read(root, &settings, message);

	realm_free(settings.realms); /* the daemon reads it too */
	if (ret) {
		fprintf(stderr, "skyshim: %s\n", message);
		return ret;
	}
	if (!late || !*late)
		late = settings.durability;
	if (!durability_named(late)) {
		fprintf(stderr, "skyshim: SKYSHIM_DURABILITY=%s: it is close, fsync or exit\n",
			late);
		return -EINVAL;
	}
	if (!enforce || !*enforce)
		enforce = settings.enforce_mode;
	if (!rules_is(enforce, "0") && !rules_is(enforce, "1")) {
		fprintf(stderr, "skyshim: SKYSHIM_ENFORCE_MODE=%s: it is 0 or 1\n", enforce);
		return -EINVAL;
	}
	h->late = strcmp(late, "close") != 0 ? late : NULL;
	h->enforce = strcmp(enforce, "0") != 0 ? enforce : NULL;
	return 0;
}

/* Is io_uring served, and how? */
static const char *io_uring(const struct coverage *c)
{
	const char *text = getenv("SKYSHIM_IO_URING");

	if (text && (!strcmp(text, "1") || !strcmp(text, "message")))
		return text;
	return c->io_uring ? "1" : NULL;
}

/* The script's own name, when p is one that names its interpreter. */
static const char *script_name(const struct program *p)
{
	return p->line[0][0] == '#' && !strchr(p->found, '\n') ? p->found : NULL;
}

int handover(const struct where *w, const struct program *p, const struct coverage *c)
{
	static char text[HANDOFF_BYTES];
	static struct vpath cwd;
	SCOPE_FREE char **env = NULL;
	char root[PATH_MAX], home[HOME_DIGITS], rtid[RTID_BYTES];
	struct handoff h = {
		.root = root,
		.sock = w->sock,
		.cache = w->cache_dir,
		.bin = w->daemon,
		.rt = w->runtime,
		.rtid = rtid,
		.strict = c->strict ? "1" : NULL,
		.report = c->report,
		.uring = io_uring(c),
		.name = script_name(p),
		.exec = p->exec,
		.home = trap_by_filter() ? home : NULL,
	};
	int ret;

	if (!w->runtime[0])
		return where_missing("skyshim-rt");
	if (identify(w->runtime, rtid))
		return complain(w->runtime, strerror(errno));
	if (where_root(root) || wishes(root, &h))
		return CLI_NOT_EXECUTABLE;
	if ((h.home && choose_home(home)) || choose_job(&h.job))
		return complain("a random number", strerror(errno));
	ret = begin_job(w, &h, p->argv, c->trace_fd);
	if (ret)
		return ret;
	h.cwd = virtual_cwd(root, &cwd);
	ret = handoff_build(&h, text, sizeof(text));
	if (ret < 0)
		return complain(p->found, ret == -EINVAL ? "a newline in one of skyshim's own paths"
							 : strerror(-ret));
	env = with_handoff(text);
	if (!env)
		return complain(p->found, strerror(ENOMEM));
	if (c->stats && attend(w->daemon, h.job, &ret))
		return ret;
	execve(w->runtime, p->argv, env);
	return complain(w->runtime, strerror(errno));
}
