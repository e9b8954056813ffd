/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's asynchronous reads and writes, by its own calls. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

/* As in linux/aio_abi.h, which musl's compiler does not find. */
#define AIO_PREAD   0
#define AIO_PWRITE  1
#define AIO_PWRITEV 8

struct aio_request {
	uint64_t data;
	uint32_t key, flags;
	uint16_t what;
	int16_t priority;
	uint32_t fd;
	uint64_t buf, bytes;
	int64_t offset;
	uint64_t reserved;
	uint32_t more_flags, event_fd;
};

struct aio_event {
	uint64_t data, request;
	int64_t result, result2;
};

static struct aio_request request(int fd, int what, void *buf, size_t bytes, off_t offset)
{
	return (struct aio_request){
		.fd = (uint32_t)fd,
		.what = (uint16_t)what,
		.buf = (uint64_t)(uintptr_t)buf,
		.bytes = bytes,
		.offset = offset,
	};
}

static void submit(const char *what, unsigned long ctx, struct aio_request *list, long count)
{
	struct aio_request *pointers[4];
	struct aio_event events[4];
	long done;

	for (long i = 0; i < count; i++)
		pointers[i] = &list[i];
	done = syscall(SYS_io_submit, ctx, count, pointers);
	say(what, res(done));
	if (done > 0)
		done = syscall(SYS_io_getevents, ctx, done, 4, events, NULL);
	for (long i = 0; i < done; i++)
		say("result", events[i].result);
}

void writes_aio(void)
{
	struct iovec iov[2] = {{"vector", 6}, {"ed", 2}};
	char first[16] = "", second[16] = "", written[] = "asynchronous";
	int fd = open("base.bin", O_RDWR), reader = open("base.bin", O_RDONLY);
	unsigned long ctx = 0;
	struct aio_request list[3];

	say("setup", res(syscall(SYS_io_setup, 8, &ctx)));
	list[0] = request(reader, AIO_PREAD, first, 8, 65530);
	list[1] = request(fd, AIO_PWRITE, written, 12, 131070);
	submit("both", ctx, list, 2);
	say("same", probe_same(first, 65530, 8));
	list[0] = request(fd, AIO_PWRITEV, iov, 2, 10);
	list[1] = request(reader, AIO_PREAD, second, 8, 131070);
	submit("vector", ctx, list, 2);
	say_text("read-back", second);
	list[0] = request(reader, AIO_PWRITE, written, 12, 0);
	submit("of-reader", ctx, list, 1);
	say("destroy", res(syscall(SYS_io_destroy, ctx)));
	say("close", res(close(fd) | close(reader)));
	writes_sum("sum", "base.bin");
}
