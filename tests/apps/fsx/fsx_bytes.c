/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on bytes: each does the same to the file and to the model. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/apps/fsx/fsx.h"

static void want(struct fsx *x, ssize_t got, size_t wanted, const char *what)
{
	if (got != (ssize_t)wanted)
		fail(x, "%s returned %zd, not %zu", what, got, wanted);
}

static void seek(struct fsx *x, size_t offset)
{
	want(x, lseek(x->fd, (off_t)offset, SEEK_SET), offset, "lseek");
}

void op_read(struct fsx *x)
{
	size_t offset, length;
	ssize_t n;

	if (!x->size)
		return;
	offset = draw_offset(x, x->size);
	length = draw_length(x, offset, x->most);
	note(x, "read", offset, length);
	if (draw_below(x, 2)) {
		n = pread(x->fd, x->buffer, length, (off_t)offset);
	} else {
		seek(x, offset);
		n = read(x->fd, x->buffer, length);
	}
	want(x, n, length < x->size - offset ? length : x->size - offset, "read");
	model_compare(x, x->buffer, offset, (size_t)n, "read");
}

/* As one of the calls that write. */
static ssize_t write_some(struct fsx *x, size_t offset, size_t length)
{
	struct iovec v[2] = {{x->buffer, length / 3},
			     {x->buffer + length / 3, length - length / 3}};

	switch (draw_below(x, 4)) {
	case 0:
		seek(x, offset);
		return write(x->fd, x->buffer, length);
	case 1:
		seek(x, offset);
		return writev(x->fd, v, 2);
	case 2:
		return pwritev(x->fd, v, 2, (off_t)offset);
	default:
		return pwrite(x->fd, x->buffer, length, (off_t)offset);
	}
}

void op_write(struct fsx *x)
{
	size_t offset = draw_offset(x, draw_below(x, 8) ? x->size + 1 : x->most);
	size_t length;

	if (x->appends || offset >= x->most)
		return;
	length = draw_length(x, offset, x->most);
	note(x, "write", offset, length);
	draw_bytes(x, length);
	want(x, write_some(x, offset, length), length, "write");
	model_write(x, offset, x->buffer, length);
}

void op_append(struct fsx *x)
{
	size_t length;
	int fd;

	if (x->size >= x->most || (!x->appends && draw_below(x, 8)))
		return; /* each of the others is an upload */
	length = draw_length(x, x->size, x->most);
	note(x, x->appends ? "append" : "append-other", x->size, length);
	draw_bytes(x, length);
	fd = x->appends ? x->fd : open(x->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		fail(x, "open to append");
	want(x, write(fd, x->buffer, length), length, "append");
	if (fd != x->fd && close(fd))
		fail(x, "close after append");
	model_write(x, x->size, x->buffer, length);
}

void op_truncate(struct fsx *x)
{
	size_t size = draw_offset(x, x->most);
	bool by_path = draw_below(x, 40) == 0;

	if (draw_below(x, 3) && x->size)
		size = x->size - draw_below(x, x->size < BLOCK ? x->size : BLOCK);
	note(x, by_path ? "truncate" : "ftruncate", size, 0);
	if (by_path ? truncate(x->path, (off_t)size) : ftruncate(x->fd, (off_t)size))
		fail(x, "truncate");
	model_size(x, size);
}

static void allocate(struct fsx *x, int mode, size_t offset, size_t length, const char *what)
{
	note(x, what, offset, length);
	if (fallocate(x->fd, mode, (off_t)offset, (off_t)length))
		fail(x, "%s", what);
}

void op_punch(struct fsx *x)
{
	size_t offset = draw_offset(x, x->most), length = draw_length(x, offset, x->most);

	allocate(x, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length, "punch");
	model_zero(x, offset, length, false);
}

void op_zero(struct fsx *x)
{
	size_t offset = draw_offset(x, x->most), length = draw_length(x, offset, x->most);
	bool grows = draw_below(x, 2);

	allocate(x, FALLOC_FL_ZERO_RANGE | (grows ? 0 : FALLOC_FL_KEEP_SIZE), offset, length,
		 grows ? "zero" : "zero-keep");
	model_zero(x, offset, length, grows);
}

void op_allocate(struct fsx *x)
{
	size_t offset = draw_offset(x, x->most), length = draw_length(x, offset, x->most);
	bool grows = draw_below(x, 2);

	allocate(x, grows ? 0 : FALLOC_FL_KEEP_SIZE, offset, length,
		 grows ? "allocate" : "allocate-keep");
	if (grows && offset + length > x->size)
		model_size(x, offset + length);
}

void op_copy(struct fsx *x)
{
	size_t from, to, length, done = 0;
	off_t in, out;

	if (!x->size || x->appends)
		return;
	from = draw_offset(x, x->size);
	to = draw_offset(x, x->most);
	length = draw_length(x, from, x->size);
	if (length > x->most - to)
		length = x->most - to;
	if (from < to + length && to < from + length)
		return; /* overlapping: EINVAL */
	note(x, "copy from", from, length);
	note(x, "copy to", to, length);
	in = (off_t)from;
	out = (off_t)to;
	while (done < length) {
		ssize_t n = copy_file_range(x->fd, &in, x->fd, &out, length - done, 0);

		if (n <= 0)
			fail(x, "copy_file_range returned %zd after %zu", n, done);
		done += (size_t)n;
	}
	model_write(x, to, x->model + from, length);
}
