/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table that an earlier daemon left is gone on with, since programs that run have it mapped. One
 * that makes no sense, or was cut by somebody, is replaced by another file, never cut: that would
 * be a fault in whoever has it mapped.
 */
#include "fs/attrfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/cut.h"
#include "core/log.h"
#include "core/scope.h"

#define NEW_NAME "attrs.new"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static union attrs_line *table; /* NULL: none */
static bool is_cut;		/* atomic */
static int folder_fd = -1;

static union attrs_line *map(int fd)
{
	void *at = mmap(NULL, ATTRS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static union attrs_line *take_over(int dir_fd)
{
	SCOPE_FD int fd = openat(dir_fd, ATTRS_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	union attrs_line *at;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != ATTRS_BYTES ||
	    (st.st_mode & 07777) != 0600 || st.st_uid != geteuid())
		return NULL;
	at = map(fd);
	if (at && !attrs_head_valid(&at->head)) {
		munmap(at, ATTRS_BYTES);
		at = NULL;
	}
	return at;
}

static int make(int dir_fd, union attrs_line **out)
{
	SCOPE_FD int fd = -1;
	int ret;

	unlinkat(dir_fd, NEW_NAME, 0);
	fd = openat(dir_fd, NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* writing to a hole of a full disk would be a fault */
	ret = -posix_fallocate(fd, 0, ATTRS_BYTES);
	if (!ret && renameat(dir_fd, NEW_NAME, dir_fd, ATTRS_NAME))
		ret = -errno;
	if (ret) {
		unlinkat(dir_fd, NEW_NAME, 0);
		return ret;
	}
	*out = map(fd);
	return *out ? 0 : -errno;
}

/* With the lock. takes_over: the one that is there, if it makes sense. */
static int start(bool takes_over)
{
	uint64_t key[2];
	uint32_t generation;
	int ret = 0;

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -EAGAIN;
	table = takes_over ? take_over(folder_fd) : NULL;
	if (!table)
		ret = make(folder_fd, &table);
	if (ret)
		return ret;
	cut_watch(table, ATTRS_BYTES, &is_cut);
	generation = table->head.generation + 1;
	attrs_begin(table, generation ? generation : 1, key, clock_ns());
	return 0;
}

static void let_go(void)
{
	cut_unwatch(table);
	munmap(table, ATTRS_BYTES);
	table = NULL;
}

void attrfile_start(int dir_fd)
{
	int ret;

	pthread_mutex_lock(&lock);
	folder_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	ret = folder_fd < 0 ? -errno : start(true);
	pthread_mutex_unlock(&lock);
	if (ret)
		log_warn("no shared table of attributes: %s", strerror(-ret));
}

void attrfile_stop(void)
{
	pthread_mutex_lock(&lock);
	if (table) {
		attrs_alive(table, 0);
		let_go();
	}
	if (folder_fd >= 0)
		close(folder_fd);
	folder_fd = -1;
	pthread_mutex_unlock(&lock);
}

/* With the lock. What programs still have mapped answers nothing any more. */
static void replace(void)
{
	int ret;

	let_go();
	ret = start(false);
	log_warn("the shared table of attributes was cut by somebody: %s",
		 ret ? strerror(-ret) : "there is another");
}

void attrfile_alive(void)
{
	pthread_mutex_lock(&lock);
	if (table)
		attrs_alive(table, clock_ns());
	if (table && __atomic_load_n(&is_cut, __ATOMIC_ACQUIRE))
		replace();
	pthread_mutex_unlock(&lock);
}

uint32_t attrfile_put(const struct attrs_ask *ask, const struct attrs_answer *answer,
		      bool *was_marked_out)
{
	uint32_t line;

	pthread_mutex_lock(&lock);
	line = table ? attrs_put(table, ask, answer, was_marked_out) : ATTRS_NONE;
	pthread_mutex_unlock(&lock);
	return line;
}

bool attrfile_drop(uint32_t line)
{
	bool was_marked;

	if (line == ATTRS_NONE)
		return false;
	pthread_mutex_lock(&lock);
	was_marked = table && attrs_drop(table, line);
	pthread_mutex_unlock(&lock);
	return was_marked;
}

bool attrfile_is_marked(uint32_t line)
{
	bool is;

	if (line == ATTRS_NONE)
		return false;
	pthread_mutex_lock(&lock);
	is = table && attrs_is_marked(table, line);
	pthread_mutex_unlock(&lock);
	return is;
}
