/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring GROUP FOLDER: the folder has base.bin. Everything said is the same on any file system;
 * completions are told in the order of their submission.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/apps/uring/uring.h"

struct io_uring ring;
const char *folder;
unsigned submitted;
char data[ENTRIES][PART];
static char name[NAMES][4096];

void die(const char *what, int error)
{
	fprintf(stderr, "uring: %s: %s\n", what, strerror(error));
	exit(2);
}

void make_ring(unsigned flags)
{
	int ret = io_uring_queue_init(ENTRIES, &ring, flags);

	if (ret)
		die("io_uring_queue_init", -ret);
}

const char *path(int i, const char *file)
{
	snprintf(name[i], sizeof(name[i]), "%s/%s", folder, file);
	return name[i];
}

struct io_uring_sqe *entry(void)
{
	struct io_uring_sqe *e = io_uring_get_sqe(&ring);

	if (!e)
		die("no entry is free", EBUSY);
	return e;
}

void next(struct io_uring_sqe *e, unsigned flags)
{
	io_uring_sqe_set_flags(e, flags | (e->flags & IOSQE_FIXED_FILE));
	io_uring_sqe_set_data64(e, submitted++);
}

unsigned hash(const void *from, size_t n)
{
	const unsigned char *at = from;
	unsigned h = 5381;

	while (n--)
		h = h * 33 + *at++;
	return h;
}

static const char *said(int res, char *out)
{
	if (res < 0)
		strcpy(out, strerrorname_np(-res) ? strerrorname_np(-res) : "?");
	else
		sprintf(out, "%d", res);
	return out;
}

void collect(const char *what)
{
	int res[ENTRIES], n = (int)submitted, ret, got = 0;
	struct io_uring_cqe *cqe;
	char text[64];

	memset(res, 0x55, sizeof(res));
	while (got < n) {
		ret = io_uring_wait_cqe(&ring, &cqe);
		if (ret == -EINTR)
			continue;
		if (ret)
			die("io_uring_wait_cqe", -ret);
		if (cqe->user_data >= (unsigned)n)
			die("a completion of nobody's", EINVAL);
		res[cqe->user_data] = cqe->res;
		got++;
		io_uring_cqe_seen(&ring, cqe);
	}
	printf("%s:", what);
	for (int i = 0; i < n; i++)
		printf(" %s", said(res[i], text));
	printf("\n");
	submitted = 0;
}

void run(const char *what)
{
	for (unsigned taken = 0;
	     taken < submitted;) { /* an entry that is wrong ends a submission */
		int ret = io_uring_submit_and_wait(&ring, 1);

		if (ret < 0)
			die("io_uring_submit_and_wait", -ret);
		taken += (unsigned)ret;
	}
	collect(what);
}

int open_base(int flags)
{
	int fd = open(path(0, "base.bin"), flags);

	if (fd < 0)
		die(name[0], errno);
	return fd;
}

int open_by_ring(const char *file, int flags, int mode)
{
	struct io_uring_sqe *e = entry();
	int fd;

	io_uring_prep_openat(e, AT_FDCWD, path(1, file), flags, mode);
	next(e, 0);
	{
		struct io_uring_cqe *cqe;
		int ret = io_uring_submit_and_wait(&ring, 1);

		if (ret != 1 || io_uring_wait_cqe(&ring, &cqe))
			die("an open", -ret);
		fd = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	submitted = 0;
	if (fd < 0)
		printf("open %s: %s\n", file, strerrorname_np(-fd));
	return fd;
}

void tell_file(const char *file)
{
	static char all[1 << 20];
	int fd = open(path(2, file), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, all, sizeof(all));

	printf("%s: %zd bytes %08x\n", file, n, n > 0 ? hash(all, (size_t)n) : 0);
	if (fd >= 0)
		close(fd);
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"reads", reads},     {"writes", writes},   {"names", names}, {"links", links},
	{"broken", broken},   {"drained", drained}, {"fixed", fixed}, {"direct", direct},
	{"buffers", buffers}, {"kinds", kinds},	    {"again", again}, {"splices", splices},
	{"numbers", numbers}, {"raw", raw},	    {"waits", waits}, {"threads", threads},
	{"signals", signals}, {"forks", forks},
};

int main(int argc, char **argv)
{
	if (argc != 3)
		die("usage: uring GROUP FOLDER", EINVAL);
	folder = argv[2];
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (!strcmp(groups[i].name, argv[1])) {
			groups[i].run();
			return 0;
		}
	die(argv[1], EINVAL);
}
