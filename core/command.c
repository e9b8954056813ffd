// SPDX-License-Identifier: Apache-2.0
#include "core/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/keeper.h"
#include "core/scope.h"
#include "core/secret.h"

#define POLL_MS	     100 /* how late the keeper's end may be noticed */
#define PATH_DEFAULT "PATH=/usr/local/bin:/usr/bin:/bin"

struct child {
	pid_t pid;
	int out_fd, err_fd;
	struct command *command;
};

/* To free; the strings are the context's and this process's. */
static char **make_environment(const struct context *ctx)
{
	static char no_path[] = PATH_DEFAULT;
	size_t bytes;
	const char *text = context_text(ctx, &bytes);
	const char *path = getenv("PATH");
	size_t count = 0;
	char **env;

	for (const char *e = text; e < text + bytes; e += strlen(e) + 1)
		count++;
	env = calloc(count + 2, sizeof(*env));
	if (!env)
		return NULL;
	count = 0;
	for (const char *e = text; e < text + bytes; e += strlen(e) + 1) {
		if (!secret_is_variable(e))
			env[count++] = (char *)e;
	}
	env[count] = path ? (char *)path - strlen("PATH=") : no_path;
	return env;
}

static int spawn(const char *command, char **env, const int out[2], const int err[2], pid_t *pid)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	sigset_t usual;
	int ret;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGHUP);
	sigaddset(&usual, SIGIO);
	sigaddset(&usual, SIGXFSZ);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setpgroup(&attr, 0); /* so that all of it can be ended */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, err[1], 2);
	/* not all that a library opens closes itself */
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	ret = posix_spawn(pid, "/bin/sh", &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -ret;
}

static int start(const struct context *ctx, const char *command, struct child *child)
{
	SCOPE_FREE char **env = make_environment(ctx);
	int out[2];
	int err[2];
	int ret;

	if (!env)
		return -ENOMEM;
	if (pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		ret = -errno;
		close(out[0]);
		close(out[1]);
		return ret;
	}
	ret = spawn(command, env, out, err, &child->pid);
	close(out[1]);
	close(err[1]);
	child->out_fd = out[0];
	child->err_fd = err[0];
	if (ret) {
		close(out[0]);
		close(err[0]);
	}
	return ret;
}

/* Takes what has come; what does not fit is read and dropped. Returns false at its end. */
static bool take(int fd, char *buf, size_t bytes, size_t *len)
{
	char spare[1024];
	bool full = *len + 1 >= bytes;
	ssize_t got = full ? read(fd, spare, sizeof(spare))
			   : read(fd, buf + *len, bytes - 1 - *len);

	if (got > 0 && !full)
		*len += (size_t)got;
	return got > 0 || (got < 0 && errno == EINTR);
}

/* Until it has closed its output. Returns 0, -ETIMEDOUT or -ECANCELED. */
static int read_output(struct child *child, int64_t timeout_ms)
{
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	struct pollfd p[2] = {{.fd = child->out_fd, .events = POLLIN},
			      {.fd = child->err_fd, .events = POLLIN}};

	while (p[0].fd >= 0) {
		if (keeper_is_stopping())
			return -ECANCELED;
		if (clock_mono_ms() >= end_ms)
			return -ETIMEDOUT;
		if (poll(p, 2, POLL_MS) <= 0)
			continue;
		if (p[0].revents && !take(child->out_fd, child->command->out,
					  sizeof(child->command->out), &child->command->out_len))
			p[0].fd = -1;
		if (p[1].fd >= 0 && p[1].revents &&
		    !take(child->err_fd, child->command->err, sizeof(child->command->err),
			  &child->command->err_len))
			p[1].fd = -1;
	}
	return 0;
}

/* Returns its status as of waitpid(2), or -1. */
static int end(struct child *child, bool by_force)
{
	int status = -1;

	if (by_force)
		kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(child->out_fd);
	close(child->err_fd);
	return status;
}

int command_add_word(struct buffer *line, const char *text)
{
	int ret = buffer_add_text(line, line->len ? " '" : "'");

	for (; *text && !ret; text++)
		ret = *text == '\'' ? buffer_add_text(line, "'\\''") : buffer_add_char(line, *text);
	return ret ? ret : buffer_add_char(line, '\'');
}

int command_run(const struct context *ctx, const char *line, int64_t timeout_ms,
		struct command *out)
{
	struct child child = {.command = out};
	int ret;

	memset(out, 0, sizeof(*out));
	ret = start(ctx, line, &child);
	if (ret)
		return ret;
	ret = read_output(&child, timeout_ms);
	out->status = end(&child, ret != 0);
	return ret;
}
