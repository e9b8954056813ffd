/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that go from one descriptor to another inside the kernel. */
#include "tests/apps/probe/probe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned char buffer[262144];

static int local_file(void)
{
	char name[] = "/tmp/probe.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

static int local_same(int fd, size_t offset, size_t bytes)
{
	return pread(fd, buffer, bytes, 0) == (long)bytes && probe_same(buffer, offset, bytes);
}

static void copy_sendfile(void)
{
	int in = open("big.bin", O_RDONLY), out = local_file(), pair[2];
	off_t offset = 1000000;

	say("sendfile", res(sendfile(out, in, &offset, 200000)));
	say("sendfile-offset", (long)offset);
	say("sendfile-same", local_same(out, 1000000, 200000));
	say("sendfile-keeps-position", res(lseek(in, 0, SEEK_CUR)));
	lseek(out, 0, SEEK_SET);
	say("sendfile-current", res(sendfile(out, in, NULL, 70000)));
	say("sendfile-current-same", local_same(out, 0, 70000));
	say("sendfile-moves-position", res(lseek(in, 0, SEEK_CUR)));
	offset = PROBE_BIG - 5;
	say("sendfile-end", res(sendfile(out, in, &offset, 100)));
	say("sendfile-beyond", res(sendfile(out, in, &offset, 100)));
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	offset = 2000000;
	say("sendfile-socket", res(sendfile(pair[0], in, &offset, 1000)));
	say("sendfile-socket-same",
	    read(pair[1], buffer, 1000) == 1000 && probe_same(buffer, 2000000, 1000));
	close(pair[0]);
	close(pair[1]);
	close(in);
	close(out);
}

static void copy_splice(void)
{
	int in = open("big.bin", O_RDONLY), pipes[2];
	long offset = 1500000, got;

	if (pipe(pipes))
		return;
	got = syscall(SYS_splice, in, &offset, pipes[1], NULL, 4096L, 0);
	say("splice", res(got));
	say("splice-offset", offset);
	say("splice-same",
	    read(pipes[0], buffer, 4096) == 4096 && probe_same(buffer, 1500000, 4096));
	say("splice-current", res(syscall(SYS_splice, in, NULL, pipes[1], NULL, 4096L, 0)));
	say("splice-current-same",
	    read(pipes[0], buffer, 4096) == 4096 && probe_same(buffer, 0, 4096));
	say("splice-moves-position", res(lseek(in, 0, SEEK_CUR)));
	say("splice-no-pipe", res(syscall(SYS_splice, in, NULL, in, NULL, 4096L, 0)));
	close(pipes[0]);
	close(pipes[1]);
	close(in);
}

static void copy_range(void)
{
	int in = open("big.bin", O_RDONLY), out = local_file(), dir = open("sub", O_RDONLY);
	long from = 1048576, to = 0;
	long done = 0, got;

	while (done < 200000 && (got = syscall(SYS_copy_file_range, in, &from, out, &to,
					       (size_t)(200000 - done), 0)) > 0)
		done += got;
	say("copy-range", done);
	say("copy-range-offset", from);
	say("copy-range-same", local_same(out, 1048576, 200000));
	from = PROBE_BIG;
	say("copy-range-end", res(syscall(SYS_copy_file_range, in, &from, out, &to, 100L, 0)));
	say("copy-range-flags", res(syscall(SYS_copy_file_range, in, NULL, out, NULL, 100L, 1)));
	say("copy-range-directory",
	    res(syscall(SYS_copy_file_range, dir, NULL, out, NULL, 100L, 0)));
	say("clone-file", res(ioctl(out, 0x40049409 /* FICLONE */, in)) <= 0);
	close(in);
	close(out);
	close(dir);
}

void probe_copy(void)
{
	copy_sendfile();
	copy_splice();
	copy_range();
}
