/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `skyshim doctor`: what this kernel, container and configuration allow, one line each, and what to
 * change. Never prints a secret: of credentials only where they come from.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/durability.h"
#include "core/cli/cli.h"
#include "core/cli/mechanisms.h"
#include "core/cli/verdict.h"
#include "core/cli/where.h"
#include "core/scope.h"
#include "core/settings.h"
#include "fs/autostart.h"

#define NOFILE_WANTED	1024
#define CACHE_MB_WANTED 256
#define KERNEL_WANTED	5009 /* 5.9: what fits the runtime, prctl(PR_SET_MM) and close_range(2) */

static void check_kernel(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u))
		return;
	if (sscanf(u.release, "%d.%d", &major, &minor) != 2 || major * 1000 + minor < KERNEL_WANTED)
		say(BAD, "kernel", "%s; skyshim needs Linux 5.9 or later", u.release);
	else
		say(GOOD, "kernel", "%s", u.release);
	if (strcmp(u.machine, "x86_64") != 0)
		say(BAD, "machine", "%s; only x86_64 is supported", u.machine);
	else
		say(GOOD, "machine", "%s", u.machine);
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
		say(BAD, "file leases", "%s; put the cache on ext4, xfs, btrfs or tmpfs",
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

/* Each rule: a path, and the value behind it. */
static void say_rules(const char *root, const char *what, const char *text)
{
	say(GOOD, what, "%.*s", (int)strcspn(text, "\t"), text);
	while ((text = strchr(text, '\t'))) {
		int len = (int)strcspn(++text, "\t");

		say(GOOD, what, "%.*s from %s/%.*s on", (int)strcspn(text + len + 1, "\t"),
		    text + len + 1, root, len, text);
		text += len + 1;
	}
}

/* "s3/media" as "s3://media". Names, never what is secret: that is not in the configuration. */
static void say_realms(const struct realm_rule *rules)
{
	for (; rules; rules = rules->next) {
		int scheme = (int)strcspn(rules->where, "/");
		const char *rest = rules->where + scheme;

		say(GOOD, "setting", "%.*s://%s: %s = %s (line %d)", scheme, rules->where,
		    *rest ? rest + 1 : "", realm_name(rules->setting), rules->value, rules->line);
	}
}

/* variable: goes before what the configuration says. */
static void check_setting(const char *root, const char *what, const char *variable, bool right,
			  const char *rules)
{
	const char *text = getenv(variable);

	if (text && *text)
		say(right ? GOOD : BAD, what, "%s, as %s says of all paths", text, variable);
	else
		say_rules(root, what, rules);
}

static void check_settings(const char *root)
{
	const char *late = getenv("SKYSHIM_DURABILITY"), *enforce = getenv("SKYSHIM_ENFORCE_MODE");
	char message[SETTINGS_MESSAGE_BYTES];
	struct settings settings;

	if (settings_read(root, &settings, message)) {
		say(BAD, "configuration", "%s", message);
		realm_free(settings.realms);
		return;
	}
	say(GOOD, "configuration", "%s%s", settings.path,
	    access(settings.path, F_OK) ? " (not there: all is as usual)" : "");
	check_setting(root, "durability", "SKYSHIM_DURABILITY", late && durability_named(late),
		      settings.durability);
	check_setting(root, "modes decide", "SKYSHIM_ENFORCE_MODE",
		      enforce && (rules_is(enforce, "0") || rules_is(enforce, "1")),
		      settings.enforce_mode);
	say_realms(settings.realms);
	realm_free(settings.realms);
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
}

int cli_doctor(char **argv)
{
	char root[PATH_MAX];
	struct where w;
	bool json = argv[0] && !strcmp(argv[0], "--json");
	unsigned failed = 0; /* said on stderr */

	if (cli_no_arguments("doctor", argv + json))
		return CLI_USAGE;
	verdict_start(json);
	check_kernel();
	mechanisms_check();
	if (!where_root(root)) {
		say(access(root, F_OK) ? GOOD : NOTE, "root", "%s%s", root,
		    access(root, F_OK) ? "" : " exists on disk too and is hidden from programs");
		check_settings(root);
	} else {
		failed++;
	}
	if (!where_find(&w)) {
		check_cache(&w);
		check_leases(&w);
		mechanisms_check_cache(w.cache_dir);
		check_daemon(&w);
		free(w.cache_dir);
	} else {
		failed++;
	}
	check_credentials();
	check_limits();
	return verdict_end() + failed ? 1 : 0;
}
