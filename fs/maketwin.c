/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a descriptor to a twin. Who asks for a file that is being made waits for the one who makes
 * it. The name of a twin is what fstat(2) says of the original, so all hinges on that telling
 * whether the original changed: see wait_for_tick().
 */
#include "fs/maketwin.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "cache/twins.h"
#include "core/base/vnode.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/rewriter.h"

#define AGAIN_MAX  3	     /* made anew because more trapped meanwhile */
#define TICKS_MAX  5	     /* waited for; then the file system's clock is not this machine's */
#define FULL_BYTES (1 << 20) /* a disk with less is full */

/* One original being made; lives on its maker's stack. */
struct flight {
	struct twin_key key;
	unsigned waiters;
	bool is_done;
	int result;
	struct flight *next;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* a flight is done, or a place is free, or its waiters have left */
	struct flight *flights;
	unsigned jobs;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* With the lock. */
static struct flight *find(const struct twin_key *key)
{
	struct flight *f = state.flights;

	while (f && memcmp(&f->key, key, sizeof(*key)) != 0)
		f = f->next;
	return f;
}

static unsigned jobs_max(void)
{
	static unsigned max; /* with the lock */
	long cpus;

	if (!max) {
		cpus = sysconf(_SC_NPROCESSORS_ONLN);
		max = cpus < 2 ? 2 : cpus < MAKETWIN_JOBS_MAX ? (unsigned)cpus : MAKETWIN_JOBS_MAX;
	}
	return max;
}

/* Is it a file that is met again, and may be read? */
static int look(int fd, struct stat *st)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY || fstat(fd, st))
		return -ENOEXEC;
	return S_ISREG(st->st_mode) && st->st_nlink ? 0 : -ENOEXEC;
}

/* Can it have a twin? The cheap part of the question. */
static int look_inside(int fd, const struct twin_key *key)
{
	Elf64_Ehdr head;
	ssize_t n = pread(fd, &head, sizeof(head), 0);

	if (n < 0)
		return -EIO;
	if (n != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64 ||
	    (head.e_type != ET_EXEC && head.e_type != ET_DYN))
		return -ENOEXEC;
	return key->size > REWRITER_ORIGINAL_MAX ? -E2BIG : 0;
}

/* A cloud file has to be here in full: what is missing reads as zeroes. */
static int fill(const struct stat *st)
{
	struct cache_file *file = NULL;
	int ret = 0;

	if ((st->st_mode & 07777) == VNODE_DATA_MODE)
		file = cache_find_inode(st->st_dev, st->st_ino);
	if (!file)
		return 0;
	if (!cache_complete(file))
		ret = cache_ensure(file, 0, (uint64_t)st->st_size, WIRE_ENSURE_PIN, NULL);
	if (!ret && !cache_complete(file))
		ret = -ESTALE;
	cache_put(file);
	return ret;
}

static int64_t time_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

/* File times advance by ticks of the kernel. A file changed in this very tick could change again
 * without looking different, so reading it begins in the next one: whoever changes it then changes
 * its ctime. */
static int wait_for_tick(const struct twin_key *key)
{
	struct timespec tick;
	int64_t now = time_ns(CLOCK_REALTIME_COARSE);

	/* a file system that counts whole seconds */
	if (key->ctime_ns % CLOCK_NS_PER_S == 0 && now - key->ctime_ns < CLOCK_NS_PER_S)
		return -ESTALE;
	clock_getres(CLOCK_REALTIME_COARSE, &tick);
	for (int i = 0; now <= key->ctime_ns && i < TICKS_MAX; i++) {
		nanosleep(&tick, NULL);
		now = time_ns(CLOCK_REALTIME_COARSE);
	}
	return 0;
}

/* Has somebody the file open for writing? The kernel does not grant a read lease then; whether it
 * would is only told to the file's owner. */
static bool is_being_written(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK))
		return errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

static bool is_unchanged(int fd, const struct twin_key *key)
{
	struct twin_key now;
	struct stat st;

	if (fstat(fd, &st))
		return false;
	twinfile_key(&st, &now);
	return !memcmp(&now, key, sizeof(now));
}

static void path_of(int fd, char out[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
}

/* A writer that maps its file dies of a full disk instead of being told. */
static int why_died(int out_fd)
{
	struct statvfs vfs;

	return !fstatvfs(out_fd, &vfs) && (uint64_t)vfs.f_bavail * vfs.f_frsize < FULL_BYTES
		       ? -ENOSPC
		       : -EIO;
}

static int make_once(int fd, const struct twin_key *key)
{
	struct rewriter_job job = {.fd = fd, .size = key->size};
	SCOPE_FREE uint64_t *seen = NULL;
	struct twins_draft draft;
	char path[PATH_MAX];
	int64_t start_ns = clock_ns();
	int count = twins_seen(key, &seen);
	int ret = count < 0 ? count : twins_draft(&draft);

	if (ret)
		return ret;
	job.out_fd = draft.fd;
	job.seen = seen;
	job.seen_count = (size_t)count;
	path_of(fd, path);
	ret = rewriter_run(&job);
	if (ret == -EIO)
		ret = why_died(draft.fd);
	if (!is_unchanged(fd, key))
		ret = -ESTALE;
	if (ret) {
		if (ret != -ENOEXEC)
			log_info("twins: none of %s: %s", path, strerror(-ret));
		twins_drop(&draft);
		return ret;
	}
	ret = twins_install(&draft, key, path, count, clock_ns() - start_ns);
	if (ret == -EBADF) {
		log_error("twins: what was made of %s is no twin", path);
		ret = -EIO;
	}
	return ret;
}

/* With a place among the jobs. Never -EAGAIN. */
static int make(int fd, const struct twin_key *key)
{
	int ret = is_being_written(fd) ? -ESTALE : wait_for_tick(key);

	if (ret)
		return ret;
	ret = look_inside(fd, key);
	if (!ret)
		ret = -EAGAIN;
	for (int i = 0; i < AGAIN_MAX && ret == -EAGAIN; i++)
		ret = make_once(fd, key);
	switch (ret) {
	case -EAGAIN:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return -EIO; /* and not remembered: it may pass */
	case -EDQUOT:
		ret = -ENOSPC;
		break;
	case 0:
	case -ENOEXEC:
	case -ESTALE:
	case -ENOSPC:
	case -E2BIG:
	case -ETIMEDOUT:
		break;
	default:
		ret = -EIO;
	}
	if (ret && ret != -ESTALE)
		twins_refuse(key, ret);
	return ret;
}

/* Either of another's flight, or after one's own. Takes the lock and leaves it. */
static int fly(int fd, const struct twin_key *key)
{
	struct flight mine = {.key = *key}, *f;
	struct flight **at;
	int ret;

	pthread_mutex_lock(&state.lock);
	f = find(key);
	if (f) {
		f->waiters++;
		while (!f->is_done)
			pthread_cond_wait(&state.wake, &state.lock);
		ret = f->result;
		f->waiters--;
		pthread_cond_broadcast(&state.wake);
		pthread_mutex_unlock(&state.lock);
		return ret;
	}
	mine.next = state.flights;
	state.flights = &mine;
	while (state.jobs >= jobs_max())
		pthread_cond_wait(&state.wake, &state.lock);
	state.jobs++;
	pthread_mutex_unlock(&state.lock);

	/* it may have been made since it was looked for */
	ret = twins_find(key);
	if (ret > 0)
		ret = make(fd, key);

	pthread_mutex_lock(&state.lock);
	state.jobs--;
	for (at = &state.flights; *at != &mine; at = &(*at)->next)
		;
	*at = mine.next;
	mine.result = ret;
	mine.is_done = true;
	pthread_cond_broadcast(&state.wake);
	while (mine.waiters)
		pthread_cond_wait(&state.wake, &state.lock);
	pthread_mutex_unlock(&state.lock);
	return ret;
}

int maketwin(int fd)
{
	struct twin_key key;
	struct stat st;
	int ret = look(fd, &st);

	if (!ret)
		ret = fill(&st);
	if (!ret && fstat(fd, &st))
		ret = -EIO;
	if (ret)
		return ret == -ENOEXEC || ret == -ESTALE ? ret : -EIO;
	twinfile_key(&st, &key);
	ret = twins_find(&key);
	if (!ret && !twins_is_of(&key, fd))
		ret = 1;
	return ret > 0 ? fly(fd, &key) : ret;
}

void maketwin_trapped(const char *name, size_t name_len, unsigned long long offset)
{
	char text[TWINFILE_NAME_BYTES];
	struct twin_key key;
	int ret;

	if (name_len >= sizeof(text))
		return;
	memcpy(text, name, name_len);
	text[name_len] = '\0';
	if (twinfile_parse(text, &key) != TWINFILE_TWIN)
		return;
	ret = twins_trapped(&key, offset);
	if (ret)
		log_debug("twins: %s: offset %llu: %s", text, offset, strerror(-ret));
}
