/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing and names, entry by entry. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/apps/uring/uring.h"

void reads(void)
{
	struct iovec vector[2] = {{data[4], 100}, {data[5], 3000}};
	struct statx stx = {0};
	struct io_uring_sqe *e;
	int fd, dir;

	make_ring(0);
	e = entry();
	io_uring_prep_statx(e, AT_FDCWD, path(0, "base.bin"), 0, STATX_BASIC_STATS, &stx);
	next(e, 0);
	e = entry();
	io_uring_prep_statx(e, AT_FDCWD, path(1, "none"), 0, STATX_BASIC_STATS, &stx);
	next(e, 0);
	e = entry();
	io_uring_prep_openat(e, AT_FDCWD, path(1, "none"), O_RDONLY, 0);
	next(e, 0);
	run("names");
	printf("size %llu mode %o\n", (unsigned long long)stx.stx_size, stx.stx_mode);

	fd = open_by_ring("base.bin", O_RDONLY | O_CLOEXEC, 0);
	printf("close-on-exec %d\n", fcntl(fd, F_GETFD));
	for (int i = 0; i < 4; i++) {
		e = entry();
		io_uring_prep_read(e, fd, data[i], PART, (__u64)i * 70000);
		next(e, 0);
	}
	e = entry();
	io_uring_prep_readv(e, fd, vector, 2, 200000);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, fd, data[6], PART, BASE_BYTES - 10);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, fd, data[7], PART, BASE_BYTES + 10);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, fd, (void *)8, PART, 0);
	next(e, 0);
	e = entry();
	io_uring_prep_write(e, fd, data[0], 1, 0);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, 9999, data[7], PART, 0);
	next(e, 0);
	run("reads");
	printf("%08x\n", hash(data, 8 * PART));
	for (int i = 0; i < 3; i++) {
		e = entry();
		io_uring_prep_read(e, fd, data[i], 1000, -1);
		next(e, 0);
		run("at the offset");
		printf("%08x offset %ld\n", hash(data[i], 1000), (long)lseek(fd, 0, SEEK_CUR));
	}
	dir = open_by_ring(".", O_RDONLY | O_DIRECTORY, 0);
	e = entry();
	io_uring_prep_read(e, dir, data[0], PART, 0);
	next(e, 0);
	run("a directory");
	e = entry();
	io_uring_prep_statx(e, dir, "base.bin", 0, STATX_SIZE, &stx);
	next(e, 0);
	run("in it");
	e = entry();
	io_uring_prep_fadvise(e, fd, 0, 1000, POSIX_FADV_WILLNEED);
	next(e, 0);
	run("advice");
	e = entry();
	io_uring_prep_close(e, dir);
	next(e, 0);
	e = entry();
	io_uring_prep_close(e, fd);
	next(e, 0);
	e = entry();
	io_uring_prep_close(e, 9999);
	next(e, 0);
	run("closed");
	printf("%d %d\n", fcntl(fd, F_GETFD), fcntl(dir, F_GETFD));
}

void writes(void)
{
	struct iovec vector[2] = {{data[0], 1000}, {data[1], 2000}};
	struct io_uring_sqe *e;
	struct rlimit limit;
	int fd, log;

	make_ring(0);
	memset(data[0], 'a', PART);
	memset(data[1], 'b', PART);
	fd = open_by_ring("new", O_RDWR | O_CREAT | O_EXCL, 0640);
	e = entry();
	io_uring_prep_write(e, fd, data[0], PART, 0);
	next(e, 0);
	run("write");
	e = entry();
	io_uring_prep_writev(e, fd, vector, 2, 100000);
	next(e, 0);
	run("vectors");
	e = entry();
	io_uring_prep_write(e, fd, "here", 4, -1);
	next(e, 0);
	run("at the offset");
	e = entry();
	io_uring_prep_fsync(e, fd, 0);
	next(e, 0);
	e = entry();
	io_uring_prep_fallocate(e, fd, 0, 0, 200000);
	next(e, 0);
	e = entry();
	io_uring_prep_fsync(e, fd, IORING_FSYNC_DATASYNC);
	next(e, 0);
	e = entry();
	io_uring_prep_sync_file_range(e, fd, 1000, 0, 0);
	next(e, 0);
	run("sync");
	tell_file("new");
	e = entry();
	io_uring_prep_close(e, fd);
	next(e, 0);
	run("close");
	fd = open_base(O_RDWR);
	e = entry();
	io_uring_prep_write(e, fd, data[1], PART, 70000);
	next(e, 0);
	e = entry();
	io_uring_prep_write(e, fd, data[0], PART, 300000);
	next(e, 0);
	run("in the middle");
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = BASE_BYTES;
	setrlimit(RLIMIT_FSIZE, &limit);
	e = entry();
	io_uring_prep_fallocate(e, fd, 0, 0, 2 * BASE_BYTES);
	next(e, 0);
	run("beyond the limit");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	close(fd);
	tell_file("base.bin");
	log = open_by_ring("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	for (int i = 0; i < 5; i++) {
		e = entry();
		io_uring_prep_write(e, log, "line\n", 5, i % 2 ? 0 : -1);
		next(e, IOSQE_IO_LINK);
	}
	e = entry();
	io_uring_prep_close(e, log);
	next(e, 0);
	run("appended");
	tell_file("log");
}

void names(void)
{
	struct io_uring_sqe *e;
	struct statx stx = {0};
	char links[4096];

	make_ring(0);
	e = entry();
	io_uring_prep_mkdirat(e, AT_FDCWD, path(0, "dir"), 0755);
	next(e, 0);
	run("mkdir");
	e = entry();
	io_uring_prep_mkdirat(e, AT_FDCWD, path(0, "dir"), 0755);
	next(e, 0);
	e = entry();
	io_uring_prep_renameat(e, AT_FDCWD, path(1, "base.bin"), AT_FDCWD, path(2, "dir/moved"), 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_statx(e, AT_FDCWD, path(3, "dir/moved"), 0, STATX_SIZE, &stx);
	next(e, 0);
	e = entry();
	io_uring_prep_unlinkat(e, AT_FDCWD, path(4, "none"), 0);
	next(e, 0);
	e = entry();
	io_uring_prep_unlinkat(e, AT_FDCWD, path(5, "dir"), AT_REMOVEDIR);
	next(e, 0);
	run("names");
	printf("size %llu\n", (unsigned long long)stx.stx_size);
	/* a local link into the folder */
	snprintf(links, sizeof(links), "%s/dir/moved", folder);
	if (symlink(links, "a-link"))
		die("symlink", errno);
	e = entry();
	memset(&stx, 0, sizeof(stx));
	io_uring_prep_statx(e, AT_FDCWD, "a-link", 0, STATX_SIZE, &stx);
	next(e, 0);
	run("a link");
	printf("size %llu\n", (unsigned long long)stx.stx_size);
	if (chdir(folder))
		die("chdir", errno);
	e = entry();
	io_uring_prep_unlinkat(e, AT_FDCWD, "dir/moved", 0);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_unlinkat(e, AT_FDCWD, "dir", AT_REMOVEDIR);
	next(e, IOSQE_IO_LINK);
	e = entry();
	io_uring_prep_statx(e, AT_FDCWD, "/etc/passwd", 0, STATX_SIZE, &stx);
	next(e, 0);
	run("relative");
}
