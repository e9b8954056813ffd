/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crasher FOLDER LOG TABLE SEED: changes files in FOLDER until it is killed, in WORKERS processes,
 * each with names of its own. What it is about to do and what was acknowledged stands in LOG, a
 * line each, written before and after:
 *	WORKER begin OPERATION NAME OTHER OFFSET SHIFT LENGTH
 *	WORKER done
 *	WORKER fail ERRNO
 * Bytes are those of TABLE, read from SHIFT on and around. A worker whose operation fails does no
 * more. Files that got another name stay open, so that they are one file as long as the worker
 * lives; what an earlier one has left is waited for until it is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS	   3
#define NAMES	   6
#define DIRS	   8
#define DIR_NAMES  3
#define TABLE	   (1u << 20)
#define LARGE	   (17u << 20) /* goes in parts */
#define LARGE_MORE (4u << 20)
#define CHUNK	   100000u

static unsigned char table[TABLE];
static const char *folder;
static int log_fd, worker;
static uint64_t state;

static uint64_t draw(uint64_t end)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * UINT64_C(0x2545f4914f6cdd1d) >> 16) % end;
}

static void say(const char *line)
{
	char text[400];
	int n = snprintf(text, sizeof(text), "%d %s\n", worker, line);

	if (write(log_fd, text, (size_t)n) != n)
		_exit(3);
}

static void begin(const char *what, const char *name, const char *other, uint64_t offset,
		  uint64_t shift, uint64_t length)
{
	char line[300];

	snprintf(line, sizeof(line), "begin %s %s %s %llu %llu %llu", what, name, other,
		 (unsigned long long)offset, (unsigned long long)shift, (unsigned long long)length);
	say(line);
}

static void end(int failed)
{
	char line[40];

	snprintf(line, sizeof(line), "fail %d", errno);
	say(failed ? line : "done");
	if (failed)
		_exit(1);
}

static void path_of(const char *name, char out[300])
{
	snprintf(out, 300, "%s/%s", folder, name);
}

/* length bytes from shift on, CHUNK at a time. */
static int write_bytes(int fd, uint64_t shift, uint64_t length)
{
	for (uint64_t at = 0; at < length;) {
		uint64_t from = (shift + at) % TABLE;
		uint64_t n = length - at < CHUNK ? length - at : CHUNK;
		ssize_t put = write(fd, table + from, n < TABLE - from ? n : TABLE - from);

		if (put <= 0)
			return -1;
		at += (uint64_t)put;
	}
	return 0;
}

/* One open, some bytes, one close; or an fsync, after which it is acknowledged as well. */
static void write_file(const char *what, const char *name, int flags, uint64_t offset,
		       uint64_t length)
{
	uint64_t shift = draw(TABLE);
	char path[300];
	int fd, failed;

	path_of(name, path);
	begin(what, name, "-", offset, shift, length);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
	if (fd < 0)
		end(1);
	failed = (!(flags & O_APPEND) && lseek(fd, (off_t)offset, SEEK_SET) < 0) ||
		 write_bytes(fd, shift, length) || (draw(3) == 0 && fsync(fd));
	if (failed)
		end(1);
	end(close(fd));
}

/* One more name. It stays open, and so one file. */
static void link_file(const char *name, const char *other)
{
	char path[300], to[300];

	path_of(name, path);
	path_of(other, to);
	begin("link", name, other, 0, 0, 0);
	end(open(path, O_RDONLY | O_CLOEXEC) < 0 || link(path, to));
}

static void link_or_unlink(const char *name)
{
	char other[20], path[300];
	struct stat st;

	snprintf(other, sizeof(other), "%dk%d", worker, (int)draw(NAMES));
	path_of(other, path);
	if (stat(path, &st)) {
		link_file(name, other);
		return;
	}
	begin("unlink", other, "-", 0, 0, 0);
	end(unlink(path));
}

static void exchange(const char *name, const char *other)
{
	char path[300], to[300];

	path_of(name, path);
	path_of(other, to);
	begin("exchange", name, other, 0, 0, 0);
	end(renameat2(AT_FDCWD, path, AT_FDCWD, to, RENAME_EXCHANGE));
}

/* A directory gets another name, or changes places, while a file in it is written to: one is
 * acknowledged with the other. */
static void move_dir(const char *dir, const char *file, const char *other)
{
	char path[300], to[300], name[40];
	uint64_t shift = draw(TABLE), length = draw(70000);
	struct stat st;
	bool is_there;
	int fd;

	path_of(other, to);
	is_there = !stat(to, &st);
	snprintf(name, sizeof(name), "%s/%s", dir, file);
	path_of(name, path);
	if (stat(path, &st))
		return;
	begin(is_there ? "swapdir" : "movedir", name, other, (uint64_t)st.st_size, shift, length);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	path_of(dir, path);
	if (fd < 0 || write_bytes(fd, shift, length / 2) ||
	    renameat2(AT_FDCWD, path, AT_FDCWD, to, is_there ? RENAME_EXCHANGE : 0) ||
	    write_bytes(fd, shift + length / 2, length - length / 2))
		end(1);
	end(close(fd));
}

static void change_in_dir(void)
{
	char dir[20], other[20], file[20], name[60], path[300];

	snprintf(dir, sizeof(dir), "%dd%d", worker, (int)draw(DIRS));
	snprintf(other, sizeof(other), "%dd%d", worker, (int)draw(DIRS));
	snprintf(file, sizeof(file), "f%d", (int)draw(DIR_NAMES));
	if (draw(2) && strcmp(dir, other) != 0) {
		move_dir(dir, file, other);
		return;
	}
	path_of(dir, path);
	if (mkdir(path, 0755) && errno != EEXIST)
		return; /* nothing was promised */
	snprintf(name, sizeof(name), "%s/%s", dir, file);
	write_file("put", name, O_CREAT | O_TRUNC, 0, draw(20000));
}

static void change(const char *name, const char *other)
{
	char path[300], to[300];
	struct stat st, st_to;
	int what = (int)draw(14);
	bool large = name[1] == 'L';

	path_of(name, path);
	path_of(other, to);
	if (stat(path, &st) || what < 3) {
		write_file("put", name, O_CREAT | O_TRUNC, 0,
			   large     ? LARGE + draw(LARGE_MORE)
			   : draw(4) ? draw(3000)
				     : draw(300000));
	} else if (what < 6) {
		write_file("edit", name, 0, draw((uint64_t)st.st_size + 1), draw(70000));
	} else if (what < 8) {
		write_file("append", name, O_APPEND, (uint64_t)st.st_size, draw(70000));
	} else if (large) {
		return;
	} else if (what < 9) {
		begin("rename", name, other, 0, 0, 0);
		end(rename(path, to));
	} else if (what < 11 && !stat(to, &st_to)) {
		exchange(name, other);
	} else if (what < 13) {
		link_or_unlink(name);
	} else {
		begin("unlink", name, "-", 0, 0, 0);
		end(unlink(path));
	}
}

/* Until each of them is a file of its own. */
static void wait_for_links(void)
{
	static const char *const kinds[] = {"", "r", "k"};
	struct stat st;
	char path[300];

	for (int i = 0; i < 3 * NAMES; i++) {
		snprintf(path, sizeof(path), "%s/%d%s%d", folder, worker, kinds[i % 3], i / 3);
		while (!stat(path, &st) && st.st_nlink > 1)
			usleep(20000);
	}
}

static void work(void)
{
	char name[20], other[20];

	wait_for_links();
	for (;;) {
		snprintf(name, sizeof(name), "%d%d", worker, (int)draw(NAMES));
		snprintf(other, sizeof(other), "%dr%d", worker, (int)draw(NAMES));
		if (draw(12) == 0)
			snprintf(name, sizeof(name), "%dL", worker);
		if (draw(4) == 0)
			change_in_dir();
		else
			change(name, other);
	}
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 5)
		return 2;
	folder = argv[1];
	log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	fd = open(argv[3], O_RDONLY | O_CLOEXEC);
	if (log_fd < 0 || fd < 0 || read(fd, table, TABLE) != TABLE)
		return 2;
	close(fd);
	for (worker = 0; worker < WORKERS; worker++) {
		if (!fork()) {
			state = (strtoul(argv[4], NULL, 10) * WORKERS + (unsigned)worker + 1) *
				UINT64_C(0x9e3779b97f4a7c15);
			work();
		}
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
