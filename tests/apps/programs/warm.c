/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks and reads again and again what was asked and read before, and checks every answer.
 *
 *	warm stat N PATH...	each N times: prints what it is; "changed" if it was not always that
 *	warm pause FILE PATH	stat, makes FILE, waits until it is gone, and asks again
 *	warm ids PATH		the owner before and after this process changed its ids
 *	warm pread N PATH	N reads of 4 KiB; each 8-byte word of PATH is its own number
 *	warm behind PATH	reads in order, and of what lies a way behind: it may have gone
 *	warm edges PATH		what pread(2) refuses, and the end
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

static long look(const char *path, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	return stat(path, st) ? -errno : (long)st->st_size;
}

static int ask(long times, char **paths)
{
	for (; *paths; paths++) {
		struct stat first, st;
		long answer = look(*paths, &first);

		for (long i = 1; i < times; i++)
			if (look(*paths, &st) != answer || st.st_ino != first.st_ino ||
			    st.st_mode != first.st_mode || st.st_mtime != first.st_mtime)
				return puts("changed"), 1;
		printf("%s %ld %o %u\n", strrchr(*paths, '/') + 1, answer, first.st_mode,
		       first.st_uid);
	}
	return 0;
}

static int ask_after_pause(const char *file, const char *path)
{
	struct stat st;
	long before = look(path, &st), after;

	before = look(path, &st);
	close(creat(file, 0600));
	while (!access(file, F_OK))
		usleep(10000);
	after = look(path, &st);
	printf("%ld %ld\n", before, after);
	return 0;
}

static int owner_is_mine(const char *path, int fd)
{
	struct stat by_name, by_fd;

	if (stat(path, &by_name) || fstat(fd, &by_fd))
		return 0;
	return by_name.st_uid == geteuid() && by_name.st_gid == getegid() &&
	       by_fd.st_uid == geteuid() && by_fd.st_gid == getegid();
}

static int change_ids(const char *path)
{
	int fd = open(path, O_RDONLY);

	for (int i = 0; i < 3; i++)
		if (!owner_is_mine(path, fd))
			return puts("wrong owner at first"), 1;
	if (!geteuid() && (setegid(1234) || seteuid(4321) || geteuid() != 4321))
		return perror("seteuid"), 1;
	if (!owner_is_mine(path, fd))
		return puts("wrong owner afterwards"), 1;
	return puts("ok"), 0;
}

static int check_read(int fd, uint64_t offset, uint64_t size)
{
	uint64_t word[BLOCK / 8];
	ssize_t want = (ssize_t)(size - offset < BLOCK ? size - offset : BLOCK);
	ssize_t n = pread(fd, word, BLOCK, (off_t)offset);

	if (n != want)
		return printf("pread at %llu: %zd, %s\n", (unsigned long long)offset, n,
			      strerror(errno)),
		       1;
	for (ssize_t i = 0; i < n / 8; i++)
		if (word[i] != offset / 8 + (uint64_t)i)
			return printf("wrong bytes at %llu\n", (unsigned long long)offset), 1;
	return 0;
}

/* Dwells somewhere, goes on in order, jumps about. */
static int read_words(long times, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint64_t at = 0, random = 1;

	if (fd < 0 || fstat(fd, &st))
		return perror(path), 1;
	for (long i = 0; i < times; i++) {
		uint64_t size = (uint64_t)st.st_size;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		if (i % 512 == 0 || i / 512 % 4 == 3)
			at = (random >> 20) % size;
		at = (at + (i / 512 % 4 == 1 ? 0 : BLOCK)) % size & ~UINT64_C(7);
		if (check_read(fd, at, size))
			return 1;
	}
	return puts("ok"), 0;
}

static int read_behind(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return perror(path), 1;
	for (uint64_t at = 0; at < (uint64_t)st.st_size; at += BLOCK) {
		uint64_t back = (at / BLOCK % 13 + 1) << 17;

		if (check_read(fd, at, (uint64_t)st.st_size))
			return 1;
		if (at > back && check_read(fd, at - back, (uint64_t)st.st_size))
			return 1;
	}
	return puts("ok"), 0;
}

static int refuse(const char *what, ssize_t n, int want)
{
	if (n == -1 && errno == want)
		return 0;
	printf("%s: %zd, %s\n", what, n, strerror(errno));
	return 1;
}

static int read_edges(const char *path)
{
	int fd = open(path, O_RDONLY), bare = -1, bad = 0;
	char *none = mmap(NULL, 2 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char bytes[BLOCK];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || mprotect(none, BLOCK, PROT_READ | PROT_WRITE))
		return perror(path), 1;
	for (int i = 0; i < 20; i++)
		bad |= pread(fd, bytes, BLOCK, 0) != BLOCK;
	bad |= pread(fd, bytes, BLOCK, st.st_size - 10) != 10;
	bad |= pread(fd, bytes, BLOCK, st.st_size) != 0;
	bad |= pread(fd, bytes, BLOCK, st.st_size + 100) != 0;
	bad |= pread(fd, bytes, 0, 0) != 0;
	bad |= refuse("a bad address", pread(fd, none + BLOCK, 100, 0), EFAULT);
	bad |= refuse("no address", pread(fd, NULL, 100, 0), EFAULT);
	bad |= pread(fd, none + BLOCK - 100, 200, 0) > 100; /* a part, or EFAULT */
	bad |= pread(fd, bytes, BLOCK, 0) != BLOCK;
	bare = open(path, O_PATH);
	bad |= refuse("O_PATH", pread(bare, bytes, 100, 0), EBADF);
	bad |= pread(fd, bytes, BLOCK, 8) != BLOCK || *(uint64_t *)bytes != 1;
	return puts(bad ? "wrong" : "ok"), bad;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "stat"))
		return ask(atol(argv[2]), argv + 3);
	if (argc == 4 && !strcmp(argv[1], "pause"))
		return ask_after_pause(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "ids"))
		return change_ids(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "pread"))
		return read_words(atol(argv[2]), argv[3]);
	if (argc == 3 && !strcmp(argv[1], "behind"))
		return read_behind(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "edges"))
		return read_edges(argv[2]);
	fputs("see the head of warm.c\n", stderr);
	return 2;
}
