/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One daemon per user and cache directory: the lock in that directory says who. It is taken before
 * anything else and held until the process ends, so that no other one ever touches the same files.
 */
#include "fs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "cache/draft.h"
#include "cache/links.h"
#include "cache/place.h"
#include "cache/twins.h"
#include "core/context.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/scope.h"
#include "core/secret.h"
#include "core/settings.h"
#include "core/size.h"
#include "core/store.h"
#include "core/tally.h"
#include "cache/opentable.h"
#include "fs/ahead.h"
#include "fs/attrfile.h"
#include "fs/autostart.h"
#include "fs/backends.h"
#include "fs/begun.h"
#include "fs/clients.h"
#include "fs/deeds.h"
#include "fs/fetch.h"
#include "fs/foreign.h"
#include "fs/gone.h"
#include "fs/later.h"
#include "fs/untold.h"
#include "fs/listener.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/movedir.h"
#include "fs/movelog.h"
#include "fs/opened.h"
#include "fs/publish.h"
#include "fs/rewriter.h"
#include "fs/sockpath.h"
#include "fs/stats.h"
#include "fs/stream.h"
#include "fs/timeline.h"
#include "fs/told.h"

#define TICK_MS	      1000
#define DRAIN_MS      2000 /* for threads that wait for a store when the daemon leaves */
#define TRACE_MS      2000 /* for timelines on a disk that is slow, or hangs */
#define CROWDED_NS    CLOCK_NS_PER_S
#define LOG_BYTES_MAX (8 << 20) /* daemon.log is begun anew at the start above this */

struct place {
	char *cache_dir; /* canonical */
	char sock[SOCKPATH_BYTES];
	int dir_fd, lock_fd;
};

static void complain(const char *what, const char *name, int error)
{
	fprintf(stderr, "skyshim: %s%s%s: %s\n", what, *name ? " " : "", name,
		error == -EPERM ? "it belongs to somebody else, or others may write there"
				: strerror(-error));
}

/* Finds the directory and the socket's path. */
static int find_place(const struct daemon_options *o, struct place *p)
{
	SCOPE_FREE char *dir = NULL;
	int ret = 0;

	if (o->cache_dir)
		dir = strdup(o->cache_dir);
	else
		ret = place_path(&dir);
	if (ret || !dir) {
		fputs("skyshim: no place for the cache: set SKYSHIM_CACHE_DIR or HOME\n", stderr);
		return -EINVAL;
	}
	p->dir_fd = place_open(dir, &p->cache_dir);
	if (p->dir_fd < 0) {
		complain("cache directory", dir, p->dir_fd);
		return p->dir_fd;
	}
	if (o->sock && strlen(o->sock) < SOCKPATH_BYTES) {
		memcpy(p->sock, o->sock, strlen(o->sock) + 1);
		ret = sockpath_check(p->sock);
	} else {
		ret = o->sock ? -ENAMETOOLONG : sockpath_find(p->cache_dir, p->sock);
	}
	if (ret)
		complain("socket", o->sock ? o->sock : "", ret);
	return ret;
}

/* With the lock: is it a place for a cache? */
static int check_place(const struct place *p)
{
	int ret = place_probe(p->dir_fd);

	if (ret == -EOPNOTSUPP)
		fprintf(stderr,
			"skyshim: cache directory %s: its file system has no file leases or no "
			"holes, as NFS has none; set SKYSHIM_CACHE_DIR to a directory on a local "
			"disk, or in /dev/shm\n",
			p->cache_dir);
	else if (ret)
		complain("cache directory", p->cache_dir, ret);
	return ret;
}

/* The lock; or, if another daemon has it and that is fine, 1 once that one listens. */
static int take_lock(const struct daemon_options *o, struct place *p)
{
	for (int waited_ms = 0;; waited_ms += 10) {
		p->lock_fd = place_lock(p->dir_fd);
		if (p->lock_fd >= 0)
			return check_place(p);
		if (p->lock_fd != -EAGAIN) {
			complain("lock in", p->cache_dir, p->lock_fd);
			return p->lock_fd;
		}
		if (!autostart_probe(p->sock) && o->autostart)
			return 1;
		/* it may be about to listen, or about to leave */
		if (waited_ms >= (o->autostart ? AUTOSTART_WAIT_MS : 0))
			break;
		poll(NULL, 0, 10);
	}
	fprintf(stderr, "skyshim: a daemon runs already for %s%s\n", p->cache_dir,
		o->autostart ? ", but does not listen where this environment looks for it "
			       "(XDG_RUNTIME_DIR differs?)"
			     : "");
	return -EBUSY;
}

static void raise_limits(void)
{
	static const int limits[] = {RLIMIT_NOFILE, RLIMIT_FSIZE};
	struct rlimit lim;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		if (!getrlimit(limits[i], &lim) && lim.rlim_cur < lim.rlim_max) {
			lim.rlim_cur = lim.rlim_max;
			setrlimit(limits[i], &lim);
		}
	}
	signal(SIGXFSZ, SIG_IGN); /* EFBIG will do */
}

/* Of the configuration, or of the environment where that says nothing; 0: neither does. What is
 * wrong with the first, `skyshim run` has said. */
static uint64_t read_caps(unsigned *io_threads)
{
	SCOPE_FREE char *message = malloc(SETTINGS_MESSAGE_BYTES);
	SCOPE_FREE struct settings *settings = malloc(sizeof(*settings));
	const char *text = getenv("SKYSHIM_MEMORY_CAP");
	uint64_t bytes = size_parse(text);
	char root[PATH_MAX];

	if (text && *text && !bytes)
		log_warn("SKYSHIM_MEMORY_CAP=%s is no size: write it like 256M", text);
	if (!message || !settings || settings_root(getenv("SKYSHIM_ROOT"), root))
		return bytes;
	if (!settings_read(root, settings, message)) {
		bytes = settings->memory_cap ? settings->memory_cap : bytes;
		*io_threads = settings->io_threads;
	}
	realm_free(settings->realms);
	return bytes;
}

static int start_parts(struct place *p, const struct session_env *env, void (*stop)(void))
{
	static const struct cache_source source = {.fetch = fetch_part};
	const char *size = getenv("SKYSHIM_CACHE_SIZE");
	struct cache_config config = {.dir_fd = p->dir_fd, .size_bytes = size_parse(size)};
	unsigned io_threads = 0;
	int dirs_fd, ret;

	if (size && *size && !config.size_bytes)
		log_warn("SKYSHIM_CACHE_SIZE=%s is no size: write it like 20G or 512M", size);
	memory_set_cap(read_caps(&io_threads));
	stats_start();
	draft_links_start();
	meta_start();
	attrfile_start(p->dir_fd);
	opentable_start(p->dir_fd);
	untold_start(p->dir_fd);
	dirs_fd = place_dirs(p->dir_fd);
	if (dirs_fd < 0)
		return dirs_fd;
	listing_start(dirs_fd);
	deeds_start(p->dir_fd);
	ret = movelog_start(p->dir_fd);
	if (!ret)
		ret = begun_start(p->dir_fd);
	if (!ret)
		ret = gone_start(p->dir_fd);
	if (ret)
		return ret;
	rewriter_start(NULL);
	ret = twins_start(p->dir_fd, cache_size(&config));
	if (!ret)
		ret = backends_register();
	if (!ret)
		ret = store_start(io_threads);
	if (!ret)
		ret = cache_start(&config, &source);
	if (!ret)
		ret = ahead_start();
	if (!ret)
		ret = listener_start(env, stop);
	return ret;
}

static int64_t idle_ns(void)
{
	const char *text = getenv("SKYSHIM_IDLE");
	char *end;
	double s = text && *text ? strtod(text, &end) : DAEMON_IDLE_S;

	if (text && *text && (*end || !(s > 0) || s > 1e9))
		s = DAEMON_IDLE_S;
	return (int64_t)(s * (double)CLOCK_NS_PER_S);
}

/* Contexts are never taken from who may still use them. With many of them it leaves as soon as
 * nobody is there: the next daemon begins with none. */
static int64_t patience_ns(int64_t limit_ns)
{
	const char *text = getenv("SKYSHIM_CONTEXTS_KEPT");
	size_t kept = text && *text ? strtoul(text, NULL, 10) : CONTEXTS_MAX / 2;

	return context_total() > kept && limit_ns > CROWDED_NS ? CROWDED_NS : limit_ns;
}

static bool is_idle(int64_t limit_ns)
{
	struct cache_stats cached;
	struct draft_stats drafts;

	limit_ns = patience_ns(limit_ns);
	if (clock_ns() < listener_active_ns() + limit_ns)
		return false;
	cache_stats(&cached);
	draft_stats(&drafts);
	return !cached.parts && !drafts.dirty && !gone_active() && !clients_alive();
}

static void ask_to_stop(void)
{
	kill(getpid(), SIGTERM);
}

static void serve_until_done(int signal_fd)
{
	struct pollfd p = {.fd = signal_fd, .events = POLLIN};
	int64_t limit_ns = idle_ns();
	int tick_ms = limit_ns < TICK_MS * CLOCK_NS_PER_MS ? 100 : TICK_MS;

	for (;;) {
		int n = poll(&p, 1, tick_ms);
		struct signalfd_siginfo info;

		if (n == 1 && read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
			log_info("daemon: stopping on signal %u", info.ssi_signo);
			return;
		}
		attrfile_alive();
		opentable_alive();
		opened_look();
		listing_sweep(false);
		rewriter_sweep();
		stream_sweep();
		movedir_sweep();
		begun_sweep();
		publish_sweep();
		later_sweep();
		gone_sweep();
		timeline_sweep();
		if (is_idle(limit_ns)) {
			log_info("daemon: nothing to do any more");
			return;
		}
	}
}

static int catch_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGIO, SIG_IGN); /* somebody opens a file for which a lease is held: fcntl(2) */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Everything after the lock. ready_fd: told when the daemon listens, or -1. */
static int live(struct place *p, int ready_fd)
{
	struct session_env env = {.sock = p->sock, .cache_dir = p->cache_dir};
	int signal_fd = catch_signals();
	int ret;

	prctl(PR_SET_DUMPABLE, 0); /* no core, no ptrace: contexts hold credentials */
	secret_wipe_environment(); /* what programs are allowed comes with their contexts */
	raise_limits();
	ret = start_parts(p, &env, ask_to_stop);
	if (ret) {
		complain("the daemon cannot start", "", ret);
		return 1;
	}
	log_info("daemon: listens on %s, cache %s", p->sock, p->cache_dir);
	if (ready_fd >= 0) {
		if (write(ready_fd, "", 1) != 1)
			log_debug("daemon: nobody waits for it");
		close(ready_fd);
	}
	serve_until_done(signal_fd);

	gone_stop(DRAIN_MS);
	attrfile_stop();
	opentable_stop();
	/* store_stop() ends every wait, then threads can be waited for */
	listener_stop(0);
	ahead_stop();
	store_stop();
	if (listener_stop(DRAIN_MS) || publish_stop(DRAIN_MS) || later_stop(DRAIN_MS) ||
	    gone_stop(DRAIN_MS)) {
		log_warn("daemon: some requests did not end in time");
		job_flush_traces(TRACE_MS);
		_exit(0); /* files are right at any instant */
	}
	movedir_stop();
	begun_stop();
	gone_forget();
	stream_stop();
	rewriter_stop();
	cache_stop();
	twins_stop();
	listing_stop();
	meta_stop();
	told_forget_all();
	foreign_forget();
	untold_stop();
	deeds_stop();
	clients_forget();
	context_free_all();
	job_flush_traces(TRACE_MS);
	close(signal_fd);
	return 0;
}

/* stdin from nowhere, the rest to the log file in the cache directory. */
static int redirect(const struct place *p)
{
	SCOPE_FD int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	SCOPE_FD int log_fd = openat(p->dir_fd, "daemon.log",
				     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (null_fd < 0 || log_fd < 0)
		return -errno;
	if (!fstat(log_fd, &st) && st.st_size > LOG_BYTES_MAX && ftruncate(log_fd, 0))
		return -errno;
	if (dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0)
		return -errno;
	return 0;
}

/* Descriptors a program left open must not live as long as the daemon does. */
static void close_others(int keep_a, int keep_b, int keep_c)
{
	int keep[3] = {keep_a, keep_b, keep_c};
	int from = 3;

	for (;;) {
		int next = -1;

		for (int i = 0; i < 3; i++) {
			if (keep[i] >= from && (next < 0 || keep[i] < next))
				next = keep[i];
		}
		if (next < 0)
			break;
		if (next > from)
			close_range((unsigned)from, (unsigned)next - 1, 0);
		from = next + 1;
	}
	close_range((unsigned)from, ~0U, 0);
}

/* Goes to the background. Returns in the daemon with *ready_fd, or exits with the daemon's fate. */
static int go_background(const struct place *p, int *ready_fd)
{
	int pipe_fd[2];
	pid_t pid;
	char byte;

	if (pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		struct pollfd told = {.fd = pipe_fd[0], .events = POLLIN};

		close(pipe_fd[1]);
		if (!poll(&told, 1, autostart_wait_ms())) {
			fprintf(stderr,
				"skyshim: the daemon takes more than %d s to start; it goes on "
				"trying, see %s/daemon.log\n",
				autostart_wait_ms() / 1000, p->cache_dir);
			_exit(1);
		}
		/* end of file without a byte: it died; its words are in the log */
		if (read(pipe_fd[0], &byte, 1) == 1)
			_exit(0);
		fprintf(stderr, "skyshim: the daemon did not start, see %s/daemon.log\n",
			p->cache_dir);
		_exit(1);
	}
	close(pipe_fd[0]);
	setsid();
	pid = fork();
	if (pid)
		_exit(pid < 0);
	if (chdir("/"))
		return -errno;
	umask(077);
	*ready_fd = pipe_fd[1];
	return redirect(p);
}

int daemon_run(const struct daemon_options *options)
{
	struct place p = {.dir_fd = -1, .lock_fd = -1};
	int ready_fd = -1;
	int ret = find_place(options, &p);

	if (!ret)
		ret = take_lock(options, &p);
	if (!ret && !options->foreground) {
		ret = go_background(&p, &ready_fd);
		if (ret)
			complain("the daemon cannot start", "", ret);
		else
			close_others(p.dir_fd, p.lock_fd, ready_fd);
	}
	if (!ret)
		ret = log_open(getenv("SKYSHIM_LOG"));
	if (ret == -EINVAL)
		ret = 0; /* a wrong SKYSHIM_LOG must not keep programs from running */
	if (!ret)
		ret = live(&p, ready_fd);
	else
		ret = ret < 0;
	free(p.cache_dir);
	if (p.dir_fd >= 0)
		close(p.dir_fd);
	if (p.lock_fd >= 0)
		close(p.lock_fd);
	return ret;
}
