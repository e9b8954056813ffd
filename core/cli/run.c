/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `skyshim run`: finds the program as a shell does, then becomes the runtime, which loads it. A
 * script is left to `/usr/bin/env`, whose execve the runtime sees and resolves like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/handoff.h"
#include "core/cli/cli.h"

#define NOT_FOUND	127
#define NOT_EXECUTABLE	126
#define DEFAULT_PATH	"/usr/local/bin:/usr/bin:/bin"
#define SCRIPT_LAUNCHER "/usr/bin/env"

extern char **environ;

/* The runtime lies beside this program, or where `make install` puts it. 0 or a negative errno. */
static int find_runtime(char self[PATH_MAX], char out[PATH_MAX])
{
	static const char *const places[] = {"/skyshim-rt", "/../libexec/skyshim/skyshim-rt"};
	ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
	char dir[PATH_MAX];

	if (n < 0)
		return -errno;
	self[n] = '\0';
	memcpy(dir, self, (size_t)n + 1);
	*strrchr(dir, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(out, PATH_MAX, "%s%s", dir, places[i]);

		if (len > 0 && len < PATH_MAX && !access(out, X_OK))
			return 0;
	}
	return -ENOENT;
}

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* PROGRAM in PATH. 0, or the exit status a shell would give. */
static int find_program(const char *name, char out[PATH_MAX])
{
	const char *at = getenv("PATH");
	int status = NOT_FOUND;

	if (strchr(name, '/')) {
		if (snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
			return NOT_FOUND;
		if (is_program(out))
			return 0;
		return access(out, F_OK) ? NOT_FOUND : NOT_EXECUTABLE;
	}
	for (at = at ? at : DEFAULT_PATH; *at; at += *at == ':') {
		int n = (int)strcspn(at, ":");
		struct stat st;

		if (snprintf(out, PATH_MAX, "%.*s/%s", n ? n : 1, n ? at : ".", name) < PATH_MAX) {
			if (is_program(out))
				return 0;
			if (!stat(out, &st) && S_ISREG(st.st_mode))
				status = NOT_EXECUTABLE;
		}
		at += n;
	}
	return status;
}

static bool is_elf(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool elf = fd >= 0 && read(fd, magic, 4) == 4 && !memcmp(magic, "\177ELF", 4);

	if (fd >= 0)
		close(fd);
	return elf;
}

/* The environment with the handoff string last, or NULL. */
static char **with_handoff(char *handoff)
{
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = malloc((n + 2) * sizeof(*env));
	if (!env)
		return NULL;
	memcpy(env, environ, n * sizeof(*env));
	env[n] = handoff;
	env[n + 1] = NULL;
	return env;
}

static int start(const char *runtime, const char *self, const char *path, char **argv)
{
	static char text[HANDOFF_BYTES];
	const char *root = getenv("SKYSHIM_ROOT");
	struct handoff h = {
		.root = root && *root == '/' && root[1] ? root : "/cloud",
		.sock = "", /* no daemon in this build: the runtime says so */
		.cache = "",
		.bin = self,
		.exec = path,
	};
	char **env;

	if (handoff_build(&h, text, sizeof(text)) < 0) {
		fprintf(stderr, "skyshim: %s: a path is too long or holds a newline\n", path);
		return NOT_EXECUTABLE;
	}
	env = with_handoff(text);
	if (env)
		execve(runtime, argv, env);
	fprintf(stderr, "skyshim: cannot start the runtime %s: %s\n", runtime, strerror(errno));
	free(env);
	return NOT_EXECUTABLE;
}

/* A script's arguments behind the launcher's name. */
static char **for_launcher(const char *path, char **argv)
{
	size_t n = 0;
	char **out;

	while (argv[n])
		n++;
	out = malloc((n + 2) * sizeof(*out));
	if (!out)
		return NULL;
	out[0] = (char *)(uintptr_t)SCRIPT_LAUNCHER;
	memcpy(out + 1, argv, (n + 1) * sizeof(*out));
	out[1] = (char *)(uintptr_t)path;
	return out;
}

int cli_run(char **argv)
{
	char self[PATH_MAX], runtime[PATH_MAX], path[PATH_MAX];
	const char *off = getenv("SKYSHIM_OFF");
	int status;

	if (argv[0] && !strcmp(argv[0], "--"))
		argv++;
	if (!argv[0]) {
		fputs("skyshim: run what? usage: skyshim run PROGRAM [ARG...]\n", stderr);
		return 2;
	}
	status = find_program(argv[0], path);
	if (status) {
		fprintf(stderr, "skyshim: %s: %s\n", argv[0],
			status == NOT_FOUND ? "command not found" : "permission denied");
		return status;
	}
	if (off && !strcmp(off, "1")) {
		execv(path, argv);
		fprintf(stderr, "skyshim: %s: %s\n", path, strerror(errno));
		return NOT_EXECUTABLE;
	}
	if (find_runtime(self, runtime)) {
		fputs("skyshim: skyshim-rt is missing beside this program; run `make`\n", stderr);
		return NOT_EXECUTABLE;
	}
	if (is_elf(path))
		return start(runtime, self, path, argv);
	argv = for_launcher(path, argv);
	return argv ? start(runtime, self, SCRIPT_LAUNCHER, argv) : NOT_EXECUTABLE;
}
