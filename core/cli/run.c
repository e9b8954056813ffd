/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim run`: finds the program as a shell does, then becomes the runtime, which loads it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/handover.h"
#include "core/cli/program.h"
#include "core/cli/where.h"
#include "core/scope.h"
#include "core/tracefile.h"
#include "fs/names.h"

#define USAGE                                                                                \
	"usage: skyshim run [--strict] [--report-coverage[=FILE]] [--trace=FILE] [--stats] " \
	"[--io-uring] [--] PROGRAM [ARG...]"

static int run_natively(char **argv)
{
	execvp(argv[0], argv);
	fprintf(stderr, "skyshim: %s: %s\n", argv[0], strerror(errno));
	return errno == ENOENT ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE;
}

/* The root then has the inode number the daemon gives it, or no daemon answers the runtime. */
static bool is_runtimes(const char *root)
{
	struct stat st;

	return stat(root, &st) ? errno == EIO : st.st_ino == name_ino("", 0, true);
}

/* Does this process itself run under a runtime? */
static bool is_intercepted(void)
{
	static enum { UNKNOWN, NO, YES } known;
	char root[PATH_MAX];

	if (known == UNKNOWN)
		known = !where_root(root) && is_runtimes(root) ? YES : NO;
	return known == YES;
}

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "skyshim: run: %s%s\n", what, why);
	return CLI_USAGE;
}

/* A new, empty file for the report. Its path is made absolute: programs change their directory. */
static int make_report(const char *name, char out[PATH_MAX])
{
	SCOPE_FREE char *cwd = name[0] == '/' ? NULL : getcwd(NULL, 0);
	int fd, n;

	if (name[0] != '/' && !cwd)
		return complain("the working directory: ", strerror(errno));
	n = snprintf(out, PATH_MAX, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", name);
	if (!*name || n >= PATH_MAX || strchr(out, '\n'))
		return complain("--report-coverage wants a FILE, without a newline in its path",
				"");
	fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0) {
		fprintf(stderr, "skyshim: %s: %s\n", out, strerror(errno));
		return CLI_USAGE;
	}
	close(fd);
	return 0;
}

/* A new, empty file for the timeline, which the daemon writes. */
static int make_trace(const char *name, int *fd_out)
{
	SCOPE_FD int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	struct stat st;
	int ret;

	if (fd < 0 || fstat(fd, &st)) {
		fprintf(stderr, "skyshim: --trace=%s: %s\n", name, strerror(errno));
		return CLI_USAGE;
	}
	if (!S_ISREG(st.st_mode))
		return complain("--trace wants an ordinary file, not ", name);
	ret = trace_head(fd);
	if (ret) {
		fprintf(stderr, "skyshim: --trace=%s: %s\n", name, strerror(-ret));
		return CLI_USAGE;
	}
	if (*fd_out >= 0)
		close(*fd_out);
	*fd_out = take_fd(&fd);
	return 0;
}

/* Takes the options off the front of *argv. report: where the path of a report may be put. */
static int take_options(char ***argv, struct coverage *c, char report[PATH_MAX])
{
	static const char to_file[] = "--report-coverage=", to_trace[] = "--trace=";
	char **at = *argv;
	int ret;

	for (; *at && **at == '-'; at++) {
		if (!strcmp(*at, "--")) {
			at++;
			break;
		}
		if (!strcmp(*at, "--strict")) {
			c->strict = true;
		} else if (!strcmp(*at, "--stats")) {
			c->stats = true;
		} else if (!strcmp(*at, "--io-uring")) {
			c->io_uring = true;
		} else if (!strcmp(*at, "--report-coverage")) {
			c->report = "-";
		} else if (!strncmp(*at, to_file, sizeof(to_file) - 1)) {
			ret = make_report(*at + sizeof(to_file) - 1, report);
			if (ret)
				return ret;
			c->report = report;
		} else if (!strncmp(*at, to_trace, sizeof(to_trace) - 1)) {
			ret = make_trace(*at + sizeof(to_trace) - 1, &c->trace_fd);
			if (ret)
				return ret;
		} else {
			return complain(*at, "? " USAGE);
		}
	}
	*argv = at;
	return *at ? 0 : complain("what? ", USAGE);
}

static int refuse(const char *program, const char *why)
{
	fprintf(stderr, "skyshim: %s is not run: %s, and --strict wants it covered\n", program,
		why);
	return CLI_NOT_EXECUTABLE;
}

static int execute(const char *exec, char **argv)
{
	execv(exec, argv);
	fprintf(stderr, "skyshim: %s: %s\n", exec, strerror(errno));
	return CLI_NOT_EXECUTABLE;
}

static int start(struct program *program, char **argv, const struct coverage *c)
{
	static struct where where;
	int ret;

	if (program->native && c->strict)
		return refuse(program->exec, program->native);
	if (program->native) {
		fprintf(stderr, "skyshim: %s runs natively (%s): it does not see the clouds\n",
			program->exec, program->native);
		return execute(program->found, argv);
	}
	/* the runtime that is here takes over whatever is executed, with the context it has */
	if (is_intercepted()) {
		if (c->strict || c->report || c->io_uring || c->trace_fd >= 0 || c->stats)
			return complain("--strict, --report-coverage, --trace, --stats and "
					"--io-uring belong to the outermost `skyshim run`",
					"; this one runs inside another");
		return execute(program->exec, program->argv);
	}
	if (where_find(&where))
		return CLI_NOT_EXECUTABLE;
	ret = handover(&where, program, c);
	free(where.cache_dir);
	return ret;
}

/* A program in the clouds is seen by those that run already: a shell becomes it. *owned: to free.
 */
static char **from_the_clouds(char **argv, char ***owned)
{
	static char shell[] = "/bin/sh", option[] = "-c", script[] = "exec \"$0\" \"$@\"";
	char root[PATH_MAX];
	size_t len, n = 0;

	*owned = NULL;
	if (is_intercepted() || where_root(root))
		return argv;
	len = strlen(root);
	if (strncmp(argv[0], root, len) != 0 || argv[0][len] != '/')
		return argv;
	while (argv[n])
		n++;
	*owned = calloc(n + 4, sizeof(**owned));
	if (!*owned)
		return argv;
	(*owned)[0] = shell;
	(*owned)[1] = option;
	(*owned)[2] = script;
	memcpy(*owned + 3, argv, n * sizeof(*argv));
	return *owned;
}

int cli_run(char **argv)
{
	static struct program program;
	static char report[PATH_MAX];
	struct coverage coverage = {.trace_fd = -1};
	const char *off = getenv("SKYSHIM_OFF");
	char **shell;
	int ret = take_options(&argv, &coverage, report);

	if (ret)
		return ret;
	if (off && !strcmp(off, "1"))
		return coverage.strict ? refuse(argv[0], "SKYSHIM_OFF is set") : run_natively(argv);
	argv = from_the_clouds(argv, &shell);
	ret = program_find(argv, &program);
	if (!ret)
		ret = start(&program, argv, &coverage);
	free(program.argv);
	free(shell);
	return ret;
}
