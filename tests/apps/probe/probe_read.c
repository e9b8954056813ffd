/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, seeking and mapping. */
#include "tests/apps/probe/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

static unsigned char buffer[1048576];

static void read_plain(void)
{
	int fd = open("big.bin", O_RDONLY);
	size_t total = 0;
	long got;

	say("read", res(read(fd, buffer, 1000)));
	say("read-same", probe_same(buffer, 0, 1000));
	say("offset", res(lseek(fd, 0, SEEK_CUR)));
	say("read-zero", res(read(fd, buffer, 0)));
	say("pread", res(pread(fd, buffer, 5000, 1048570)));
	say("pread-same", probe_same(buffer, 1048570, 5000));
	say("pread-keeps-offset", res(lseek(fd, 0, SEEK_CUR)));
	say("pread-end", res(pread(fd, buffer, 5000, PROBE_BIG - 10)));
	say("pread-end-same", probe_same(buffer, PROBE_BIG - 10, 10));
	say("pread-beyond", res(pread(fd, buffer, 5000, PROBE_BIG)));
	say("pread-far-beyond", res(pread(fd, buffer, 5000, (off_t)1 << 40)));
	lseek(fd, 0, SEEK_SET);
	while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
		if (!probe_same(buffer, total, (size_t)got))
			say("different-at", (long)total);
		total += (size_t)got;
	}
	say("read-all", (long)total);
	say("read-at-end", res(got));
	close(fd);

	fd = open("empty", O_RDONLY);
	say("read-empty", res(read(fd, buffer, 10)));
	close(fd);
}

static void read_vectors(void)
{
	struct iovec vec[3] = {{buffer, 10}, {buffer + 100, 0}, {buffer + 200, 300}};
	int fd = open("big.bin", O_RDONLY);

	say("readv", res(readv(fd, vec, 3)));
	say("readv-same", probe_same(buffer, 0, 10) && probe_same(buffer + 200, 10, 300));
	say("preadv", res(preadv(fd, vec, 3, 2000000)));
	say("preadv-same",
	    probe_same(buffer, 2000000, 10) && probe_same(buffer + 200, 2000010, 300));
	say("preadv2", res(syscall(SYS_preadv2, fd, vec, 3, 3000000L, 0L, 0)));
	say("preadv2-same", probe_same(buffer, 3000000, 10));
	say("preadv2-current", res(syscall(SYS_preadv2, fd, vec, 3, -1L, -1L, 0)));
	say("preadv2-current-same", probe_same(buffer, 310, 10));
	say("preadv2-bad-flags", res(syscall(SYS_preadv2, fd, vec, 3, 0L, 0L, 0x40000000)));
	say("readv-count", res(syscall(SYS_readv, fd, vec, -1L)));
	say("readv-none", res(readv(fd, vec, 0)));
	close(fd);
}

static void read_seek(void)
{
	int fd = open("big.bin", O_RDONLY), dir = open("dir", O_RDONLY);

	say("seek-set", res(lseek(fd, 77, SEEK_SET)));
	say("seek-cur", res(lseek(fd, 23, SEEK_CUR)));
	say("seek-end", res(lseek(fd, -100, SEEK_END)));
	say("seek-end-read", res(read(fd, buffer, 1000)));
	say("seek-end-same", probe_same(buffer, PROBE_BIG - 100, 100));
	say("seek-beyond", res(lseek(fd, 1000, SEEK_END)));
	say("seek-beyond-read", res(read(fd, buffer, 10)));
	say("seek-before", res(lseek(fd, -1, SEEK_SET)));
	say("seek-data", res(lseek(fd, 5000, SEEK_DATA)));
	say("seek-hole", res(lseek(fd, 5000, SEEK_HOLE)));
	say("seek-data-end", res(lseek(fd, PROBE_BIG, SEEK_DATA)));
	say("seek-hole-end", res(lseek(fd, PROBE_BIG, SEEK_HOLE)));
	say("seek-data-offset", res(lseek(fd, 0, SEEK_CUR)));
	say("seek-dir", res(lseek(dir, 0, SEEK_SET)));
	close(dir);
	close(fd);
}

static void read_mapped(void)
{
	int fd = open("big.bin", O_RDONLY);
	unsigned char *map = mmap(NULL, PROBE_BIG, PROT_READ, MAP_PRIVATE, fd, 0);

	say("mmap-private", map != MAP_FAILED);
	say("mmap-private-same", probe_same(map, 0, PROBE_BIG));
	say("mmap-tail", map[PROBE_BIG]); /* the rest of the last page is zeros */
	munmap(map, PROBE_BIG);
	map = mmap(NULL, 100000, PROT_READ, MAP_SHARED, fd, 2 * 4096);
	close(fd); /* a mapping outlives its descriptor */
	say("mmap-shared", map != MAP_FAILED);
	say("mmap-shared-same", probe_same(map, 2 * 4096, 100000));
	munmap(map, 100000);

	fd = open("big.bin", O_RDONLY);
	map = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 1048576);
	say("mmap-writable-private", map != MAP_FAILED);
	map[5] ^= 0xff;
	say("mmap-writable-changed", !probe_same(map, 1048576, 6));
	say("mmap-file-unchanged", (pread(fd, buffer, 6, 1048576), probe_same(buffer, 1048576, 6)));
	say("msync", res(msync(map, 4096, MS_SYNC)));
	say("mprotect", res(mprotect(map, 100000, PROT_READ)));
	munmap(map, 100000);
	say("mmap-shared-writable",
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? res(-1)
										      : 0);
	say("mmap-unaligned",
	    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 5) == MAP_FAILED ? res(-1) : 0);
	say("mmap-nothing",
	    mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? res(-1) : 0);
	map = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("mmap-fixed", mmap(map, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == map);
	say("mmap-fixed-same", probe_same(map, 0, 4096));
	say("mmap-populate", (map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd,
					 65536)) != MAP_FAILED &&
				     probe_same(map, 65536, 8192));
	close(fd);
	fd = open("sub", O_RDONLY);
	say("mmap-directory",
	    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? res(-1) : 0);
	close(fd);
}

static void read_advice(void)
{
	int fd = open("big.bin", O_RDONLY);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
	char *big;

	say("fadvise-random", posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	say("fadvise-willneed", posix_fadvise(fd, 0, 1 << 20, POSIX_FADV_WILLNEED));
	say("fadvise-dontneed", posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	say("fadvise-unknown", posix_fadvise(fd, 0, 0, 99));
	say("readahead", res(syscall(SYS_readahead, fd, 0, 65536)));
	say("fsync", res(fsync(fd)));
	say("fdatasync", res(fdatasync(fd)));
	say("poll", poll(&poll_fd, 1, 0));
	say("poll-events", poll_fd.revents);
	big = malloc(PROBE_BIG);
	say("one-read", res(read(fd, big, PROBE_BIG)));
	say("one-read-same", probe_same(big, 0, PROBE_BIG));
	free(big);
	close(fd);
}

void probe_read(void)
{
	read_plain();
	read_vectors();
	read_seek();
	read_mapped();
	read_advice();
}
