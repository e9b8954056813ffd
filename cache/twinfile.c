/* SPDX-License-Identifier: Apache-2.0 */
/* See twinfile.h. What is read here was written by a daemon, but perhaps a machine went down since,
 * so each side file carries its own checksum. */
#include "cache/twinfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/scope.h"

#define SIDE_MAGIC   UINT64_C(0x3145444953544b53) /* "SKTSIDE1" */
#define DIGEST_CHUNK (256u << 10)

/* Before the content of a side file. */
struct side_head {
	uint64_t magic;
	uint32_t checksum; /* twin_checksum() of the content */
	uint32_t bytes;
};

static const char *const suffixes[] = {
	[TWINFILE_TWIN] = "",
	[TWINFILE_SUM] = ".sum",
	[TWINFILE_SEEN] = ".seen",
	[TWINFILE_NO] = ".no",
};

static unsigned created; /* atomic: .new-N */

static int64_t ns_of(const struct timespec *ts)
{
	return (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;
}

void twinfile_key(const struct stat *st, struct twin_key *out)
{
	*out = (struct twin_key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = ns_of(&st->st_mtim),
		.ctime_ns = ns_of(&st->st_ctim),
	};
}

void twinfile_name(const struct twin_key *key, enum twinfile_kind kind,
		   char out[TWINFILE_NAME_BYTES])
{
	size_t len = twin_name(key, out);

	strcpy(out + len, suffixes[kind]);
}

enum twinfile_kind twinfile_parse(const char *name, struct twin_key *key)
{
	struct twin_key k = {0};
	uint64_t version = 0;
	uint64_t *const part[] = {&version,
				  &k.dev,
				  &k.ino,
				  &k.size,
				  (uint64_t *)&k.mtime_ns,
				  (uint64_t *)&k.ctime_ns};
	const char *at = name;
	char canonical[TWINFILE_NAME_BYTES];
	char *end;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (i && *at++ != '-')
			return TWINFILE_OTHER;
		*part[i] = strtoull(at, &end, 16);
		at = end;
	}
	for (int kind = TWINFILE_TWIN; kind < TWINFILE_OTHER; kind++) {
		twinfile_name(&k, kind, canonical);
		if (!strcmp(canonical, name)) {
			*key = k;
			return kind;
		}
	}
	return TWINFILE_OTHER;
}

int twinfile_check(int fd, const struct twin_key *key, struct twin_header *head_out)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || key->size > INT64_MAX / 2)
		return -EBADF;
	n = pread(fd, head_out, sizeof(*head_out), (off_t)TWIN_TAIL(key->size));
	if (n < 0)
		return -errno;
	return n == sizeof(*head_out) && twin_valid(head_out, key, (uint64_t)st.st_size) ? 0
											 : -EBADF;
}

int twinfile_open(int dir_fd, const struct twin_key *key, struct twin_header *head_out,
		  struct stat *st_out)
{
	char name[TWINFILE_NAME_BYTES];
	SCOPE_FD int fd = -1;
	int ret;

	twinfile_name(key, TWINFILE_TWIN, name);
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EBADF : -errno;
	if (fstat(fd, st_out))
		return -errno;
	ret = twinfile_check(fd, key, head_out);
	return ret ? ret : take_fd(&fd);
}

int twinfile_digest(int fd, uint8_t out[DIGEST_SHA256_BYTES])
{
	SCOPE_FREE char *chunk = malloc(DIGEST_CHUNK);
	struct digest_run run = {0};
	off_t offset = 0;
	ssize_t n = 0;
	int ret = chunk ? digest_run_start(&run, DIGEST_SHA256) : -ENOMEM;

	while (!ret) {
		n = pread(fd, chunk, DIGEST_CHUNK, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break;
		ret = digest_run_add(&run, chunk, (size_t)n);
		offset += n;
	}
	if (!ret && digest_run_end(&run, out) < 0)
		ret = -EIO;
	digest_run_drop(&run);
	return ret;
}

static int write_all(int fd, const void *data, size_t bytes)
{
	ssize_t n = write(fd, data, bytes);

	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -ENOSPC;
}

int twinfile_create(int dir_fd, char name[TWINFILE_NAME_BYTES])
{
	int fd;

	snprintf(name, TWINFILE_NAME_BYTES, ".new-%x",
		 __atomic_add_fetch(&created, 1, __ATOMIC_RELAXED));
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	return fd < 0 ? -errno : fd;
}

static int write_side(int dir_fd, const struct twin_key *key, enum twinfile_kind kind,
		      const void *data, size_t bytes)
{
	struct side_head head = {
		.magic = SIDE_MAGIC,
		.checksum = twin_checksum(data, bytes),
		.bytes = (uint32_t)bytes,
	};
	char name[TWINFILE_NAME_BYTES], temporary[TWINFILE_NAME_BYTES];
	SCOPE_FD int fd = twinfile_create(dir_fd, temporary);
	int ret;

	if (fd < 0)
		return fd;
	ret = write_all(fd, &head, sizeof(head));
	if (!ret)
		ret = write_all(fd, data, bytes);
	twinfile_name(key, kind, name);
	if (!ret && renameat(dir_fd, temporary, dir_fd, name))
		ret = -errno;
	if (ret)
		unlinkat(dir_fd, temporary, 0);
	return ret;
}

/* Returns the bytes of the content, at most max, or an error. */
static ssize_t read_side(int dir_fd, const struct twin_key *key, enum twinfile_kind kind, void *out,
			 size_t max)
{
	char name[TWINFILE_NAME_BYTES];
	struct side_head head;
	SCOPE_FD int fd = -1;
	ssize_t n;

	twinfile_name(key, kind, name);
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, &head, sizeof(head)) != sizeof(head) || head.magic != SIDE_MAGIC ||
	    head.bytes > max)
		return -EBADF;
	n = read(fd, out, head.bytes);
	if (n != (ssize_t)head.bytes || twin_checksum(out, (size_t)n) != head.checksum)
		return -EBADF;
	return n;
}

int twinfile_read_sum(int dir_fd, const struct twin_key *key, struct twinfile_sum *out)
{
	ssize_t n = read_side(dir_fd, key, TWINFILE_SUM, out, sizeof(*out) - 1);

	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(out->digest))
		return -EBADF;
	((char *)out)[n] = '\0';
	return 0;
}

int twinfile_write_sum(int dir_fd, const struct twin_key *key, const struct twinfile_sum *sum)
{
	return write_side(dir_fd, key, TWINFILE_SUM, sum, sizeof(sum->digest) + strlen(sum->path));
}

int twinfile_read_seen(int dir_fd, const struct twin_key *key, uint64_t **out)
{
	SCOPE_FREE uint64_t *seen = calloc(TWINFILE_SEEN_MAX, sizeof(*seen));
	ssize_t n;

	if (!seen)
		return -ENOMEM;
	n = read_side(dir_fd, key, TWINFILE_SEEN, seen, TWINFILE_SEEN_MAX * sizeof(*seen));
	*out = take_ptr(&seen);
	return n < 0 ? 0 : (int)((size_t)n / sizeof(uint64_t));
}

int twinfile_write_seen(int dir_fd, const struct twin_key *key, const uint64_t *seen, size_t count)
{
	return write_side(dir_fd, key, TWINFILE_SEEN, seen, count * sizeof(*seen));
}

int twinfile_mark_no(int dir_fd, const struct twin_key *key)
{
	char name[TWINFILE_NAME_BYTES];
	int fd;

	twinfile_name(key, TWINFILE_NO, name);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

void twinfile_remove(int dir_fd, const struct twin_key *key, enum twinfile_kind kind)
{
	char name[TWINFILE_NAME_BYTES];

	twinfile_name(key, kind, name);
	unlinkat(dir_fd, name, 0);
}
