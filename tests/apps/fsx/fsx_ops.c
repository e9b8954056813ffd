/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, mapping, a second process, and which operation comes next. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/fsx/fsx.h"

static void check_size(struct fsx *x)
{
	struct stat st;

	if (fstat(x->fd, &st) || (size_t)st.st_size != x->size)
		fail(x, "fstat says %lld, not %zu", (long long)st.st_size, x->size);
	if (stat(x->path, &st) || (size_t)st.st_size != x->size)
		fail(x, "stat says %lld, not %zu", (long long)st.st_size, x->size);
}

void check_all(struct fsx *x)
{
	size_t at = 0;
	ssize_t n;

	check_size(x);
	while (at < x->size) {
		n = pread(x->fd, x->buffer, x->size - at, (off_t)at);
		if (n <= 0)
			fail(x, "pread returned %zd at %zu of %zu", n, at, x->size);
		model_compare(x, x->buffer, at, (size_t)n, "read of all");
		at += (size_t)n;
	}
}

void do_open(struct fsx *x, int flags)
{
	note(x, flags & O_APPEND ? "open-append" : flags & O_TRUNC ? "open-trunc" : "open", 0, 0);
	x->fd = open(x->path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
	if (x->fd < 0)
		fail(x, "open");
	x->appends = flags & O_APPEND;
	if (flags & O_TRUNC)
		model_size(x, 0);
}

static void unmap(struct fsx *x)
{
	if (!x->map)
		return;
	note(x, "unmap", 0, x->map_bytes);
	if (munmap(x->map, x->map_bytes))
		fail(x, "munmap");
	x->map = NULL;
}

void do_close(struct fsx *x)
{
	bool first = draw_below(x, 2);

	if (first)
		unmap(x);
	note(x, "close", 0, 0);
	if (close(x->fd))
		fail(x, "close");
	if (!first)
		unmap(x);
}

/* A mapping for this operation alone. */
static void op_map(struct fsx *x)
{
	bool writes = draw_below(x, 2), syncs = draw_below(x, 10) == 0;
	size_t offset, length, from;
	unsigned char *at;

	if (!x->size)
		return;
	offset = draw_offset(x, x->size);
	length = draw_length(x, offset, x->size);
	from = offset / 4096 * 4096;
	note(x, writes ? syncs ? "map-msync" : "map-write" : "map-read", offset, length);
	at = mmap(NULL, offset + length - from, PROT_READ | (writes ? PROT_WRITE : 0),
		  writes || draw_below(x, 2) ? MAP_SHARED : MAP_PRIVATE, x->fd, (off_t)from);
	if (at == MAP_FAILED)
		fail(x, "mmap");
	model_compare(x, at + (offset - from), offset, length, "mapping");
	if (writes) {
		draw_bytes(x, length);
		memcpy(at + (offset - from), x->buffer, length);
		model_write(x, offset, x->buffer, length);
		if (syncs && msync(at, offset + length - from, MS_SYNC))
			fail(x, "msync");
	}
	if (munmap(at, offset + length - from))
		fail(x, "munmap");
}

/* The mapping that stays: made once in a while, then written by. */
static void op_kept_map(struct fsx *x)
{
	size_t end = x->map_bytes < x->size ? x->map_bytes : x->size, offset, length;

	if (!x->map) {
		if (!x->size)
			return;
		note(x, "keep a map", 0, x->size);
		x->map = mmap(NULL, x->size, PROT_READ | PROT_WRITE, MAP_SHARED, x->fd, 0);
		if (x->map == MAP_FAILED)
			fail(x, "mmap");
		x->map_bytes = x->size;
		return;
	}
	if (!end)
		return;
	offset = draw_offset(x, end);
	length = draw_length(x, offset, end);
	note(x, "by the map", offset, length);
	model_compare(x, x->map + offset, offset, length, "kept mapping");
	draw_bytes(x, length);
	memcpy(x->map + offset, x->buffer, length);
	model_write(x, offset, x->buffer, length);
}

/* Another process opens the file, sees all of it, and changes some. */
static void op_process(struct fsx *x)
{
	size_t offset = draw_offset(x, x->size + 1), length;
	int status, fd;
	pid_t pid;

	if (offset >= x->most)
		return;
	length = draw_length(x, offset, x->most);
	note(x, "process", offset, length);
	draw_bytes(x, length);
	pid = fork();
	if (pid < 0)
		fail(x, "fork");
	if (!pid) {
		fd = open(x->path, O_RDWR | O_CLOEXEC);
		if (fd < 0 || pwrite(fd, x->buffer, length, (off_t)offset) != (ssize_t)length)
			fail(x, "write by another process");
		model_write(x, offset, x->buffer, length);
		x->fd = fd;
		check_all(x);
		_exit(close(fd) ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail(x, "the other process ended with %x", (unsigned)status);
	model_write(x, offset, x->buffer, length);
}

static void op_sync(struct fsx *x)
{
	bool data = draw_below(x, 2);

	note(x, "fsync", 0, 0);
	if (data ? fdatasync(x->fd) : fsync(x->fd))
		fail(x, "fsync");
	if (draw_below(x, 8) == 0) {
		save_model(x);
		ask(x, "check");
	}
}

static void op_reopen(struct fsx *x)
{
	static const int flags[] = {0, 0, 0, 0, O_APPEND, O_APPEND, O_TRUNC, 0};
	size_t what = draw_below(x, 12);

	if (what == 0)
		ask(x, "drop"); /* with the file open */
	do_close(x);
	if (what < 5) {
		save_model(x);
		ask(x, "check");
	}
	if (what == 1)
		ask(x, "drop");
	if (what == 2)
		ask(x, "evict");
	do_open(x, flags[draw_below(x, sizeof(flags) / sizeof(*flags))]);
	check_size(x);
	if (draw_below(x, 3) == 0)
		check_all(x);
}

void operate(struct fsx *x)
{
	static void (*const often[])(struct fsx *) = {
		op_read,  op_read,   op_read,	  op_write,    op_write,   op_write,
		op_write, op_append, op_truncate, op_punch,    op_zero,	   op_allocate,
		op_copy,  op_map,    op_map,	  op_kept_map, op_kept_map};
	size_t rare = draw_below(x, x->flush_odds);

	if (rare == 0)
		op_reopen(x);
	else if (rare == 1)
		op_sync(x);
	else if (rare == 2 && draw_below(x, 2))
		op_process(x);
	else
		often[draw_below(x, sizeof(often) / sizeof(*often))](x);
}
