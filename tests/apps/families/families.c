/* SPDX-License-Identifier: Apache-2.0 */
/* What all families use, and where they start: see families.h. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *file, *self_path;
char beside[2][4096];

static const struct {
	const char *name;
	void (*run)(void);
} families[] = {
	{"altstack", family_altstack},
	{"apart", family_apart},
	{"argv", family_argv},
	{"brk", family_brk},
	{"clone3", family_clone3},
	{"closing", family_closing},
	{"core", family_core},
	{"daemon", family_daemon},
	{"events", family_events},
	{"exits", family_exits},
	{"code", family_code},
	{"inherit", family_inherit},
	{"landlock", family_landlock},
	{"layout", family_layout},
	{"limits", family_limits},
	{"memory", family_memory},
	{"namespaces", family_namespaces},
	{"near", family_near},
	{"nested", family_nested},
	{"others", family_others},
	{"pipes", family_pipes},
	{"polls", family_polls},
	{"posixaio", family_posixaio},
	{"rights", family_rights},
	{"robust", family_robust},
	{"rseq", family_rseq},
	{"send", family_send},
	{"spawn", family_spawn},
	{"timers", family_timers},
	{"tls", family_tls},
	{"traps", family_traps},
	{"userfault", family_userfault},
	{"views", family_views},
	{"waiting", family_waiting},
	{"waits", family_waits},
};

void say(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, result);
	fflush(stdout);
}

static long sum_of(const char *bytes, ssize_t n, unsigned sum)
{
	for (ssize_t i = 0; i < n; i++)
		sum = sum * 31 + (unsigned char)bytes[i];
	return sum & 0xffffff;
}

long file_sum(void)
{
	char buf[256];
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	close(fd);
	return n < 0 ? -1 : sum_of(buf, n, 0);
}

void read_file(void)
{
	say("file", file_sum());
}

long descriptor_sum(int fd, off_t offset)
{
	char buf[4096];
	ssize_t n = pread(fd, buf, sizeof(buf), offset);

	return n < 0 ? -1 : sum_of(buf, n, 0);
}

long big_sum(off_t offset)
{
	int fd = open(beside[0], O_RDONLY);
	long sum = descriptor_sum(fd, offset);

	close(fd);
	return sum;
}

long ended(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) < 0)
		return -1;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return 1000 + WTERMSIG(status) + (WCOREDUMP(status) ? 1000 : 0);
}

void run_child(char *const argv[], char *const envp[])
{
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, envp);
		_exit(99);
	}
	say("child", ended(pid));
}

/* What is executed with odd arguments says how many it got. */
static int as_child(int argc, char **argv)
{
	struct rlimit lim = {0};
	int status;

	if ((status = inherited_child(argc, argv)) >= 0 ||
	    (status = layout_child(argc, argv)) >= 0 || (status = receiving_child(argc, argv)) >= 0)
		return status;
	getrlimit(RLIMIT_STACK, &lim);
	if (argc > 1 && !strcmp(argv[1], "stack"))
		return (int)(lim.rlim_cur >> 20);
	return 10 + argc;
}

int main(int argc, char **argv)
{
	const char *slash = argc == 3 ? strrchr(argv[2], '/') : NULL;

	self_path = argv[0];
	if (!slash)
		return as_child(argc, argv);
	file = argv[2];
	snprintf(beside[0], sizeof(beside[0]), "%.*s/big.bin", (int)(slash - file), file);
	snprintf(beside[1], sizeof(beside[1]), "%.*s/sub/deeper", (int)(slash - file), file);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (strcmp(argv[1], families[i].name) != 0)
			continue;
		read_file();
		families[i].run();
		return 0;
	}
	return as_child(argc, argv);
}
