/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Originals and a rewriter for the tests of the twins' store. An original is an ELF header, then a
 * word that tells the rewriter what to do, then filling. Its twin is a right one without sites.
 */
#ifndef TESTS_UNIT_FAKE_TWIN_H
#define TESTS_UNIT_FAKE_TWIN_H

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/twinfile.h"

#define FAKE_BYTES 10000

/* A new original at path. */
static inline void fake_original(const char *path, const char *word)
{
	char data[FAKE_BYTES] = {0};
	Elf64_Ehdr head = {.e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64};
	int fd;

	head.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(data, &head, sizeof(head));
	strcpy(data + sizeof(head), word);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, data, sizeof(data)) != sizeof(data))
		abort();
	close(fd);
}

static inline struct twin_key fake_key(const char *path)
{
	struct twin_key key = {0};
	struct stat st;

	if (stat(path, &st))
		abort();
	twinfile_key(&st, &key);
	return key;
}

/* Writes the twin of an original of that key. Returns 0 or the error. */
static inline int fake_twin(int out_fd, const struct twin_key *key, uint32_t seen)
{
	uint64_t tail = TWIN_TAIL(key->size);
	struct twin_header head = {
		.magic = TWIN_MAGIC,
		.version = TWIN_VERSION,
		.key = *key,
		.twin_bytes = tail + 2ul * TWIN_PAGE,
		.high = TWIN_PAGE,
		.code_offset = tail + TWIN_PAGE,
		.code_vaddr = TWIN_PAGE,
		.code_bytes = TWIN_PAGE,
		.sites_offset = tail + TWIN_PAGE,
		.unproven = 3,
		.left = seen,
		.methods = {0, 5, 4, 2, 1},
	};

	head.checksum = twin_checksum(&head, sizeof(head));
	if (ftruncate(out_fd, (off_t)head.twin_bytes) ||
	    pwrite(out_fd, &head, sizeof(head), (off_t)tail) != sizeof(head) ||
	    pwrite(out_fd, "code", 4, (off_t)head.code_offset) != 4)
		return -errno;
	return 0;
}

/* Every block, so that a disk gets full. */
static inline int fake_fill(int out_fd, uint64_t bytes)
{
	static char block[65536];

	memset(block, 1, sizeof(block));
	for (uint64_t at = 0; at < bytes;) {
		ssize_t n = pwrite(out_fd, block, sizeof(block), (off_t)at);

		if (n < 0)
			return -errno;
		at += (uint64_t)n;
	}
	return 0;
}

/* By mapping: a full disk kills by SIGBUS. */
static inline int fake_map_fill(int out_fd, uint64_t bytes)
{
	char *map;

	if (ftruncate(out_fd, (off_t)bytes))
		return -errno;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, out_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	memset(map, 1, bytes);
	return 0;
}

/* What a hostile file might try. Returns 0 when all is refused. */
static inline int fake_escape(void)
{
	if (open("/etc/passwd", O_RDONLY) >= 0 || fork() >= 0 || !kill(getppid(), 0))
		return -EIO;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED)
		return -EIO;
	return getenv("AWS_SECRET_ACCESS_KEY") ? -EIO : 0;
}

static inline int fake_rewrite(int fd, int out_fd, const uint64_t *seen, size_t seen_count)
{
	char word[32] = "";
	struct twin_key key;
	struct stat st;
	int ret = 0;

	(void)seen;
	if (fstat(fd, &st) || pread(fd, word, sizeof(word) - 1, sizeof(Elf64_Ehdr)) <= 0)
		return -EIO;
	twinfile_key(&st, &key);
	if (!strcmp(word, "no"))
		return -ENOEXEC;
	if (!strcmp(word, "crash"))
		raise(SIGSEGV); /* which the filter refuses: */
	if (!strcmp(word, "crash"))
		__builtin_trap();
	while (!strcmp(word, "hang"))
		;
	if (!strcmp(word, "memory") && !malloc((size_t)4 << 30))
		return -ENOMEM;
	if (!strcmp(word, "slow"))
		for (volatile unsigned i = 0; i < 100000000; i++)
			;
	if (!strcmp(word, "waits")) { /* until the original changes */
		struct timespec then = st.st_ctim;

		while (!fstat(fd, &st) && st.st_ctim.tv_sec == then.tv_sec &&
		       st.st_ctim.tv_nsec == then.tv_nsec)
			;
	}
	if (!strcmp(word, "foreign"))
		key.ino++;
	if (!strcmp(word, "huge"))
		return fake_fill(out_fd, (uint64_t)64 << 20);
	if (!strcmp(word, "map"))
		return fake_map_fill(out_fd, (uint64_t)16 << 20);
	if (!strcmp(word, "escape"))
		ret = fake_escape();
	return ret ? ret : fake_twin(out_fd, &key, (uint32_t)seen_count);
}

#endif
