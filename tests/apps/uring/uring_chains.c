/* SPDX-License-Identifier: Apache-2.0 */
/* Linked entries, registered files, registered and provided buffers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/apps/uring/uring.h"

/* A file without a name, written to behind a pipe: nobody misses it when it is closed. */
static void gone(void)
{
	struct io_uring_sqe *e;
	int fd = open_by_ring("gone", O_RDWR | O_CREAT, 0644), pipes[2];

	if (pipe(pipes))
		die("pipe", errno);
	unlink(path(1, "gone"));
	e = entry();
	io_uring_prep_read(e, pipes[0], data[3], 5, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_write(e, fd, data[3], 5, 0);
	next(e, 0);
	io_uring_submit(&ring);
	if (write(pipes[1], "later", 5) != 5)
		die("pipe", errno);
	collect("without a name");
	close(fd);
}

/* To another file system and back, and behind what may wait. */
void links(void)
{
	struct io_uring_sqe *e;
	int base = open_base(O_RDONLY), local, pipes[2], fd;

	make_ring(0);
	if (pipe(pipes))
		die("pipe", errno);
	local = open("local", O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(data[9], 'L', PART);
	if (pwrite(local, data[9], PART, 0) != PART)
		die("local", errno);

	e = entry();
	io_uring_prep_read(e, base, data[0], PART, 65536);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_write(e, local, data[0], PART, PART);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_read(e, local, data[1], PART, PART);
	next(e, 0);
	run("out of the folder");
	printf("%08x %d\n", hash(data[0], PART), !memcmp(data[0], data[1], PART));

	fd = open_by_ring("copy", O_RDWR | O_CREAT, 0644);
	e = entry();
	io_uring_prep_read(e, local, data[2], PART, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_write(e, fd, data[2], PART, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_fsync(e, fd, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_close(e, fd);
	next(e, 0);
	run("into the folder");
	tell_file("copy");

	fd = open_by_ring("piped", O_RDWR | O_CREAT, 0644);
	e = entry();
	io_uring_prep_read(e, pipes[0], data[3], 5, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_write(e, fd, data[3], 5, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_read(e, fd, data[4], 5, 0);
	next(e, 0);
	io_uring_submit(&ring);
	if (write(pipes[1], "later", 5) != 5)
		die("pipe", errno);
	{
		struct io_uring_cqe *cqe;

		for (int i = 0; i < 3; i++) {
			io_uring_wait_cqe(&ring, &cqe);
			printf("piped %d\n", cqe->res);
			io_uring_cqe_seen(&ring, cqe);
		}
		submitted = 0;
	}
	printf("%.5s\n", data[4]);
	close(fd);
	tell_file("piped");
	gone();
}

/* What breaks a chain, and what does not. */
void broken(void)
{
	struct __kernel_timespec second = {.tv_sec = 5};
	struct io_uring_sqe *e;
	int base = open_base(O_RDONLY);

	make_ring(0);
	e = entry();
	io_uring_prep_read(e, base, data[0], PART, BASE_BYTES - 5); /* short */
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_read(e, base, data[1], PART, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_nop(e);
	next(e, 0);
	run("a short read");
	e = entry();
	io_uring_prep_read(e, base, data[0], PART, BASE_BYTES - 5);
	next(e, IOSQE_IO_HARDLINK);
	e = entry();
	io_uring_prep_read(e, base, data[1], PART, 0);
	next(e, 0);
	run("linked hard");
	e = entry();
	io_uring_prep_openat(e, AT_FDCWD, path(3, "none"), O_RDONLY, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_mkdirat(e, AT_FDCWD, path(4, "not-made"), 0755);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_close(e, base);
	next(e, 0);
	run("an error");
	e = entry();
	io_uring_prep_read(e, base, data[1], PART, 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_link_timeout(e, &second, 0);
	next(e, 0);
	run("in time");
	printf("%08x %d\n", hash(data[1], PART), access(path(4, "not-made"), F_OK));
}

/* After all that was submitted before. */
void drained(void)
{
	struct io_uring_sqe *e;
	int base = open_base(O_RDWR);

	make_ring(0);
	memset(data[0], 'd', PART);
	e = entry();
	io_uring_prep_write(e, base, data[0], PART, 1000);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, base, data[1], PART, 1000);
	next(e, IOSQE_IO_DRAIN);
	e = entry();
	io_uring_prep_fsync(e, base, 0);
	next(e, IOSQE_IO_DRAIN);
	run("drained");
	printf("%08x\n", hash(data[1], PART));
	close(base);
	tell_file("base.bin");

	io_uring_register_files_sparse(&ring, 2); /* each by itself, in order all the same */
	e = entry();
	io_uring_prep_openat_direct(e, AT_FDCWD, path(0, "base.bin"), O_RDWR, 0, 0);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, 0, data[2], PART, 9000);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_DRAIN);
	e = entry();
	io_uring_prep_write(e, 0, data[2], PART, 90000);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_DRAIN);
	e = entry();
	io_uring_prep_close_direct(e, 0);
	next(e, IOSQE_IO_DRAIN);
	run("each by itself");
	printf("%08x\n", hash(data[2], PART));
	tell_file("base.bin");
}

void fixed(void)
{
	int fds[4] = {open_base(O_RDWR), open("/etc/passwd", O_RDONLY), -1, -1}, other;
	struct io_uring_sqe *e;

	make_ring(0);
	printf("register %d\n", io_uring_register_files(&ring, fds, 4));
	e = entry();
	io_uring_prep_read(e, 0, data[0], PART, 130000);
	next(e, IOSQE_FIXED_FILE);
	e = entry();
	io_uring_prep_read(e, 2, data[1], PART, 0);
	next(e, IOSQE_FIXED_FILE);
	e = entry();
	io_uring_prep_read(e, 77, data[1], PART, 0);
	next(e, IOSQE_FIXED_FILE);
	run("reads");
	printf("%08x\n", hash(data[0], PART));
	memset(data[2], 'w', PART);
	e = entry();
	io_uring_prep_write(e, 0, data[2], PART, 1000);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_fsync(e, 0, 0);
	next(e, IOSQE_FIXED_FILE);
	run("write, fsync");
	close(fds[0]); /* the ring has it still */
	e = entry();
	io_uring_prep_write(e, 0, data[2], PART, 200000);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_read(e, 0, data[3], PART, 199000);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_fsync(e, 0, 0);
	next(e, IOSQE_FIXED_FILE);
	run("closed by number");
	printf("%08x\n", hash(data[3], PART));
	tell_file("base.bin");
	other = open(path(3, "other"), O_RDWR | O_CREAT, 0644);
	printf("update %d\n", io_uring_register_files_update(&ring, 2, &other, 1));
	e = entry();
	io_uring_prep_write(e, 2, "other", 5, 0);
	next(e, IOSQE_FIXED_FILE);
	run("another");
	printf("unregister %d\n", io_uring_unregister_files(&ring));
	close(other);
	tell_file("other");
}

void direct(void)
{
	struct io_uring_sqe *e;

	make_ring(0);
	printf("register %d\n", io_uring_register_files_sparse(&ring, 8));
	e = entry();
	io_uring_prep_openat_direct(e, AT_FDCWD, path(0, "base.bin"), O_RDONLY, 0, 3);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_read(e, 3, data[0], PART, 66000);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_close_direct(e, 3);
	next(e, 0);
	run("open, read, close");
	printf("%08x\n", hash(data[0], PART));
	e = entry();
	io_uring_prep_openat_direct(e, AT_FDCWD, path(0, "made"), O_RDWR | O_CREAT, 0644, 1);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_write(e, 1, "direct", 6, 0);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_fsync(e, 1, 0);
	next(e, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_close_direct(e, 1);
	next(e, 0);
	run("open, write, close");
	tell_file("made");
	e = entry();
	io_uring_prep_openat_direct(e, AT_FDCWD, path(0, "made"), O_RDWR, 0, 2);
	next(e, 0);
	run("open");
	e = entry();
	io_uring_prep_write(e, 2, "DIR", 3, 0);
	next(e, IOSQE_FIXED_FILE);
	e = entry();
	io_uring_prep_read(e, 2, data[1], 100, 3);
	next(e, IOSQE_FIXED_FILE);
	run("one by one");
	e = entry();
	io_uring_prep_close_direct(e, 2);
	next(e, 0);
	e = entry();
	io_uring_prep_close_direct(e, 2);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, 2, data[1], 100, 3);
	next(e, IOSQE_FIXED_FILE);
	run("close");
	tell_file("made");
}

void buffers(void)
{
	struct iovec vector[2] = {{data[0], 2 * PART}, {data[4], PART}};
	int fd = open_base(O_RDWR);
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *e;

	make_ring(0);
	printf("register %d\n", io_uring_register_buffers(&ring, vector, 2));
	e = entry();
	io_uring_prep_read_fixed(e, fd, data[0], 2 * PART, 190000, 0);
	next(e, 0);
	run("read");
	memset(data[4], 'f', PART);
	e = entry();
	io_uring_prep_write_fixed(e, fd, data[4], PART, 2000, 1);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_read_fixed(e, fd, data[4], PART, 1000, 1);
	next(e, 0);
	run("write, read");
	printf("%08x %08x\n", hash(data[0], 2 * PART), hash(data[4], PART));
	e = entry();
	io_uring_prep_provide_buffers(e, data[8], PART, 4, 7, 0);
	next(e, 0);
	run("provide");
	e = entry();
	io_uring_prep_read(e, fd, NULL, PART, 250000);
	e->buf_group = 7;
	next(e, IOSQE_BUFFER_SELECT);
	io_uring_submit(&ring);
	io_uring_wait_cqe(&ring, &cqe);
	printf("%d %d %08x\n", cqe->res, cqe->flags & IORING_CQE_F_BUFFER,
	       hash(data[8 + (cqe->flags >> IORING_CQE_BUFFER_SHIFT)], PART));
	io_uring_cqe_seen(&ring, cqe);
	submitted = 0;
	close(fd);
	tell_file("base.bin");
}

/* From a file to a pipe and from there to another. */
void splices(void)
{
	struct io_uring_sqe *e;
	int base = open_base(O_RDONLY), out, pipes[2];

	make_ring(0);
	if (pipe(pipes))
		die("pipe", errno);
	out = open(path(1, "spliced"), O_RDWR | O_CREAT, 0644);
	for (int i = 0; i < 3; i++) {
		e = entry();
		io_uring_prep_splice(e, base, i * 100000, pipes[1], -1, PART, 0);
		next(e, IOSQE_IO_LINK);
		e = entry();
		io_uring_prep_splice(e, pipes[0], -1, out, i * PART, PART, 0);
		next(e, 0);
		run("splice");
	}
	close(out);
	tell_file("spliced");
}

/* Numbers that change hands by the ring's close and by others: each file has its own bytes. */
void numbers(void)
{
	struct io_uring_sqe *e;
	int fd, local = open("local", O_RDWR | O_CREAT, 0600), wrong = 0, pipes[2];
	struct stat st;
	char byte;

	make_ring(0);
	if (write(local, "local bytes", 11) != 11)
		die("local", errno);
	for (int round = 0; round < 20; round++) {
		const char *name = round % 2 ? "local" : path(0, "base.bin");

		if (pipe(pipes))
			die("pipe", errno);
		fd = open(name, O_RDONLY);
		e = entry();
		io_uring_prep_read(e, pipes[0], &byte, 1, 0); /* no file: the rest waits */
		next(e, IOSQE_IO_LINK);
		e = entry();
		io_uring_prep_read(e, fd, data[0], 8, 0);
		next(e, IOSQE_IO_LINK);
		e = entry();
		io_uring_prep_close(e, fd);
		next(e, 0);
		io_uring_submit(&ring);
		wrong += fstat(fd, &st) != 0; /* it is still what it was */
		if (write(pipes[1], "x", 1) != 1)
			die("pipe", errno);
		collect("closed behind a pipe");
		wrong += fcntl(fd, F_GETFD) >= 0;
		name = round % 3 ? "local" : path(0, "base.bin");
		fd = open(name, O_RDONLY); /* the number that was closed */
		memset(data[1], 0, 16);
		wrong += read(fd, data[1], 8) != 8;
		wrong += !memcmp(data[1], "local by", 8) != (round % 3 != 0);
		wrong += fstat(fd, &st) || st.st_size != (round % 3 ? 11 : BASE_BYTES);
		e = entry();
		io_uring_prep_close(e, fd);
		next(e, 0);
		run("closed");
		close(pipes[0]);
		close(pipes[1]);
	}
	printf("%d wrong\n", wrong);
}
