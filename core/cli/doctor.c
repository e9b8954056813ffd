/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `skyshim doctor`: what this kernel, container and configuration allow, one line each, and what to
 * change. Probes that could hurt run in a child. Never prints a secret: of credentials only where
 * they come from.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/prctl.h>

#include "core/cli/cli.h"
#include "core/cli/where.h"
#include "core/scope.h"
#include "fs/autostart.h"

#define NOFILE_WANTED	1024
#define CACHE_MB_WANTED 256
#define KERNEL_WANTED	5011 /* 5.11: Syscall User Dispatch */

enum verdict { GOOD, NOTE, BAD };

static unsigned bad_count;

static void __attribute__((format(printf, 3, 4)))
say(enum verdict v, const char *what, const char *format, ...)
{
	static const char *const marks[] = {"ok  ", "note", "BAD "};
	va_list args;

	printf("%s  %-22s ", marks[v], what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	bad_count += v == BAD;
}

static void check_kernel(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u))
		return;
	if (sscanf(u.release, "%d.%d", &major, &minor) != 2 || major * 1000 + minor < KERNEL_WANTED)
		say(BAD, "kernel", "%s; skyshim needs Linux 5.11 or later", u.release);
	else
		say(GOOD, "kernel", "%s", u.release);
	if (strcmp(u.machine, "x86_64") != 0)
		say(BAD, "machine", "%s; only x86_64 is supported", u.machine);
	else
		say(GOOD, "machine", "%s", u.machine);
}

static int probe_dispatch(void)
{
	static volatile char selector; /* 0: let every syscall pass */

	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) ? errno : 0;
}

/* Sets the argument area of this process to where it is; needs no rights since Linux 5.9. */
static int probe_mm_map(void)
{
	unsigned size = 0;

	return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) ? errno : 0;
}

/* The errno of a probe made in a child, or -1 if that died of it. */
static int in_child(int (*probe)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(probe());
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_interception(void)
{
	int error = in_child(probe_dispatch);

	if (error)
		say(BAD, "syscall dispatch", "%s; a sandbox or an old kernel refuses %s",
		    error > 0 ? strerror(error) : "killed", "PR_SET_SYSCALL_USER_DISPATCH");
	else
		say(GOOD, "syscall dispatch", "available");
	error = in_child(probe_mm_map);
	if (error)
		say(NOTE, "PR_SET_MM", "%s; ps and /proc/PID/cmdline may show the runtime's own",
		    error > 0 ? strerror(error) : "killed");
	else
		say(GOOD, "PR_SET_MM", "available");
}

static void check_cache(const struct where *w)
{
	const char *size = getenv("SKYSHIM_CACHE_SIZE");
	struct statvfs vfs;
	unsigned long long mb;

	if (statvfs(w->cache_dir, &vfs)) {
		say(BAD, "cache", "%s: %s", w->cache_dir, strerror(errno));
		return;
	}
	mb = (unsigned long long)vfs.f_bavail * vfs.f_frsize >> 20;
	if (mb < CACHE_MB_WANTED)
		say(BAD, "cache", "%s has only %llu MiB free: make room or set SKYSHIM_CACHE_DIR",
		    w->cache_dir, mb);
	else
		say(GOOD, "cache", "%s, %llu MiB free, size %s", w->cache_dir, mb,
		    size && *size ? size : "by default");
}

static void check_leases(const struct where *w)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/doctor-XXXXXX", w->cache_dir);
	SCOPE_FD int fd = n < PATH_MAX ? mkostemp(path, O_CLOEXEC) : -1;

	if (fd < 0) {
		say(BAD, "cache directory", "cannot write in %s: %s", w->cache_dir,
		    strerror(errno));
		return;
	}
	unlink(path);
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		say(NOTE, "file leases", "%s; whole files are not evicted from this file system",
		    strerror(errno));
	else
		say(GOOD, "file leases", "available");
	if (ftruncate(fd, 1 << 20) ||
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 16))
		say(BAD, "sparse files", "%s; put the cache on ext4, xfs, btrfs or tmpfs",
		    strerror(errno));
	else
		say(GOOD, "sparse files", "available");
}

static void check_daemon(const struct where *w)
{
	int ret = autostart_probe(w->sock);

	if (!ret)
		say(GOOD, "daemon", "listens on %s", w->sock);
	else if (ret == -ENOENT || ret == -ECONNREFUSED)
		say(GOOD, "daemon", "not running; will listen on %s", w->sock);
	else
		say(BAD, "daemon", "%s: %s", w->sock, strerror(-ret));
	if (!w->runtime[0])
		say(BAD, "runtime", "skyshim-rt is missing beside %s and in ../libexec/skyshim",
		    w->self);
	else
		say(GOOD, "runtime", "%s", w->runtime);
}

static bool has_file(const char *variable, const char *below_home)
{
	const char *path = getenv(variable);
	const char *home = getenv("HOME");
	char text[PATH_MAX];

	if (path && *path)
		return !access(path, R_OK);
	return home && snprintf(text, sizeof(text), "%s/%s", home, below_home) < PATH_MAX &&
	       !access(text, R_OK);
}

static void check_credentials(void)
{
	const char *profile = getenv("AWS_PROFILE");
	const char *endpoint = getenv("AWS_ENDPOINT_URL_S3");

	if (!endpoint || !*endpoint)
		endpoint = getenv("AWS_ENDPOINT_URL");
	if (getenv("AWS_ACCESS_KEY_ID") && getenv("AWS_SECRET_ACCESS_KEY"))
		say(GOOD, "s3 credentials", "AWS_ACCESS_KEY_ID is set%s",
		    getenv("AWS_SESSION_TOKEN") ? ", with AWS_SESSION_TOKEN" : "");
	else if (has_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials") ||
		 has_file("AWS_CONFIG_FILE", ".aws/config"))
		say(GOOD, "s3 credentials", "files of the AWS tools, profile %s",
		    profile && *profile ? profile : "default");
	else
		say(NOTE, "s3 credentials",
		    "none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws "
		    "configure`");
	say(GOOD, "s3 endpoint", "%s",
	    endpoint && *endpoint ? endpoint : "as the profile says, or Amazon's");
}

static void check_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	if (lim.rlim_max < NOFILE_WANTED)
		say(BAD, "open files", "hard limit %llu: raise it to %d (ulimit -Hn)",
		    (unsigned long long)lim.rlim_max, NOFILE_WANTED);
	else
		say(GOOD, "open files", "%llu, at most %llu", (unsigned long long)lim.rlim_cur,
		    (unsigned long long)lim.rlim_max);
	if (!getrlimit(RLIMIT_FSIZE, &lim) && lim.rlim_cur != RLIM_INFINITY)
		say(NOTE, "file size", "limited to %llu bytes: larger objects cannot be cached",
		    (unsigned long long)lim.rlim_cur);
	if (!getrlimit(RLIMIT_AS, &lim) && lim.rlim_cur != RLIM_INFINITY)
		say(NOTE, "address space", "limited to %llu bytes",
		    (unsigned long long)lim.rlim_cur);
}

int cli_doctor(char **argv)
{
	char root[PATH_MAX];
	struct where w;
	int ret = cli_no_arguments("doctor", argv);

	if (ret)
		return ret;
	check_kernel();
	check_interception();
	if (!where_root(root))
		say(access(root, F_OK) ? GOOD : NOTE, "root", "%s%s", root,
		    access(root, F_OK) ? "" : " exists on disk too and is hidden from programs");
	else
		bad_count++;
	if (!where_find(&w)) {
		check_cache(&w);
		check_leases(&w);
		check_daemon(&w);
		free(w.cache_dir);
	} else {
		bad_count++;
	}
	check_credentials();
	check_limits();
	if (bad_count)
		printf("\n%u thing%s to change, see BAD above\n", bad_count,
		       bad_count == 1 ? "" : "s");
	return bad_count ? 1 : 0;
}
