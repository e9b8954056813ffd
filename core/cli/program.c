/* SPDX-License-Identifier: Apache-2.0 */
/* Finding programs: PATH, permissions, scripts. */
#include "core/cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/scope.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SHELL	     "/bin/sh"

static int complain(const char *name, int error)
{
	fprintf(stderr, "skyshim: %s: %s\n", name,
		error == ENOEXEC ? "cannot execute: not a program this machine can run"
				 : strerror(error));
	return error == ENOENT || error == ENOTDIR ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE;
}

/* 0 if path can be executed by us, else an errno. */
static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return access(path, X_OK) ? errno : 0;
}

/* As execvp(3): the first that can be executed; one that cannot is remembered. */
static int search_path(const char *name, char out[PATH_MAX])
{
	const char *path = getenv("PATH");
	int denied = 0;

	for (path = path ? path : PATH_DEFAULT;; path++) {
		size_t len = strcspn(path, ":");
		/* an empty element is the current directory */
		int n = snprintf(out, PATH_MAX, "%.*s%s%s", (int)len, path, len ? "/" : "./", name);
		int error = n < PATH_MAX ? check_file(out) : ENAMETOOLONG;

		if (!error)
			return 0;
		if (error == EACCES)
			denied = EACCES;
		path += len;
		if (!*path)
			break;
	}
	if (denied)
		return complain(name, denied);
	fprintf(stderr, "skyshim: %s: command not found\n", name);
	return CLI_NOT_FOUND;
}

static int search(const char *name, char out[PATH_MAX])
{
	int error;

	if (!strchr(name, '/'))
		return *name ? search_path(name, out) : complain("''", ENOENT);
	if (strlen(name) >= PATH_MAX)
		return complain(name, ENAMETOOLONG);
	snprintf(out, PATH_MAX, "%s", name);
	error = check_file(out);
	return error ? complain(name, error) : 0;
}

/* Why the kernel would give this program rights that a loader cannot: NULL, or the reason. */
static const char *privileges(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return NULL;
	if (st.st_mode & S_ISUID && st.st_uid != geteuid())
		return "set-uid";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getegid())
		return "set-gid";
	if (getxattr(path, "security.capability", NULL, 0) > 0)
		return "file capabilities";
	return access(path, R_OK) ? "not readable" : NULL;
}

/* Returns how many bytes there are, or -1. */
static int read_head(const char *path, char head[SHEBANG_BYTES])
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(head, 0, SHEBANG_BYTES);
	return fd < 0 ? -1 : (int)pread(fd, head, SHEBANG_BYTES, 0);
}

/* Neither ELF nor #!: a shell runs it as a script of its own unless its first line holds a NUL. */
static bool looks_like_text(const char *head, int len)
{
	const char *end = memchr(head, '\n', (size_t)len);

	return !memchr(head, 0, end ? (size_t)(end - head) : (size_t)len);
}

/* argv with front before its own argv[1]... */
static char **join(char *const *front, size_t front_count, char **argv)
{
	size_t n = 0;
	char **out;

	while (argv[n])
		n++;
	out = calloc(front_count + n + 1, sizeof(*out));
	if (!out)
		return NULL;
	memcpy(out, front, front_count * sizeof(*out));
	memcpy(out + front_count, argv + 1, n * sizeof(*out));
	return out;
}

/* Puts interp, arg and script in place of argv[0]. */
static int push_interpreter(struct program *p, char *interp, char *arg, char *script)
{
	char *front[3] = {interp, arg ? arg : script, script};
	char **argv = join(front, arg ? 3 : 2, p->argv);

	if (!argv)
		return complain(script, ENOMEM);
	free(p->argv);
	p->argv = argv;
	return 0;
}

static int follow_scripts(struct program *p)
{
	char *script = p->found;

	for (int depth = 0;; depth++) {
		char *interp = NULL, *arg = NULL;
		int ret, error, len;

		p->native = privileges(script);
		len = p->native ? -1 : read_head(script, p->line[depth]);
		if (len < 0)
			break;
		if (!memcmp(p->line[depth], "\177ELF", 4))
			break;
		if (depth == SHEBANG_DEPTH_MAX)
			return complain(p->found, ELOOP);
		ret = shebang_parse(p->line[depth], &interp, &arg);
		if (ret < 0 || (!ret && (depth || !looks_like_text(p->line[depth], len))))
			return complain(p->found, ENOEXEC);
		snprintf(p->interp[depth], PATH_MAX, "%s", ret ? interp : SHELL);
		error = check_file(p->interp[depth]);
		if (error) {
			fprintf(stderr, "skyshim: %s: %s: bad interpreter: %s\n", script,
				p->interp[depth], strerror(error));
			return CLI_NOT_EXECUTABLE;
		}
		ret = push_interpreter(p, p->interp[depth], arg, script);
		if (ret)
			return ret;
		script = p->interp[depth];
	}
	snprintf(p->exec, sizeof(p->exec), "%s", script);
	return 0;
}

int program_find(char **argv, struct program *out)
{
	int ret = search(argv[0], out->found);

	if (ret)
		return ret;
	out->argv = join(argv, 1, argv);
	if (!out->argv)
		return complain(argv[0], ENOMEM);
	return follow_scripts(out);
}
