/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, and what the error cases say. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define RESOLVE_NO_SYMLINKS_ 0x04
#define RESOLVE_BENEATH_     0x08

/* struct open_how of linux/openat2.h, which musl-gcc does not find. */
struct how {
	uint64_t flags, mode, resolve;
};

/* A name below a file: a store may hold "a/b" beside "a", and to tell ENOTDIR from ENOENT costs a
 * request more than a missing name is worth. Either is right. */
static long below_file(long result)
{
	return result == -ENOTDIR || result == -ENOENT;
}

static void try_open(const char *name, const char *path, int flags)
{
	long fd = res(open(path, flags));

	say(name, fd < 0 ? fd : 0);
	if (fd >= 0)
		close((int)fd);
}

static void open_flags(void)
{
	try_open("rdonly", "small.txt", O_RDONLY);
	try_open("cloexec", "small.txt", O_RDONLY | O_CLOEXEC);
	try_open("nofollow", "small.txt", O_RDONLY | O_NOFOLLOW);
	try_open("nonblock", "small.txt", O_RDONLY | O_NONBLOCK);
	try_open("noatime", "small.txt", O_RDONLY | O_NOATIME);
	try_open("path", "small.txt", O_PATH);
	try_open("path-dir", "sub", O_PATH | O_DIRECTORY);
	try_open("directory", "sub", O_RDONLY | O_DIRECTORY);
	try_open("directory-on-file", "small.txt", O_RDONLY | O_DIRECTORY);
	try_open("dir-plain", "sub", O_RDONLY);
	try_open("dir-slash", "sub/", O_RDONLY);
	try_open("file-slash", "small.txt/", O_RDONLY);
	try_open("file-slash-dot", "small.txt/.", O_RDONLY);
	say("below-file", below_file(res(open("small.txt/x", O_RDONLY))));
	try_open("below-missing", "none/x", O_RDONLY);
	try_open("missing", "none", O_RDONLY);
	try_open("missing-dir", "none/", O_RDONLY);
	try_open("dotdot", "sub/../small.txt", O_RDONLY);
	try_open("dotdot-deep", "./sub//deeper/./../../small.txt", O_RDONLY);
	try_open("dir-for-writing", "sub", O_WRONLY);
	try_open("exclusive", "small.txt", O_RDONLY | O_CREAT | O_EXCL);
	try_open("empty-name", "", O_RDONLY);
	try_open("dot", ".", O_RDONLY);
}

static void open_at(void)
{
	int dir = open("sub", O_RDONLY | O_DIRECTORY), pathdir = open("sub", O_PATH), file;
	struct how how = {.flags = O_RDONLY};

	file = openat(dir, "deeper/x", O_RDONLY);
	say("openat", file >= 0);
	say("openat-below-file", res(openat(file, "x", O_RDONLY)));
	close(file);
	file = openat(pathdir, "deeper/x", O_RDONLY);
	say("openat-path-descriptor", file >= 0);
	say("read-path-descriptor", res(read(pathdir, &file, 1)));
	close(file);
	say("openat-missing", res(openat(dir, "none", O_RDONLY)));
	say("openat-empty", res(openat(dir, "", O_RDONLY)));
	say("openat-bad-descriptor", res(openat(999, "x", O_RDONLY)));
	file = openat(dir, "../small.txt", O_RDONLY);
	say("openat-dotdot", file >= 0);
	close(file);

	file = (int)syscall(SYS_openat2, dir, "deeper/x", &how, sizeof(how));
	say("openat2", file >= 0);
	close(file);
	how.resolve = RESOLVE_BENEATH_;
	file = (int)syscall(SYS_openat2, dir, "deeper/x", &how, sizeof(how));
	say("openat2-beneath", file >= 0);
	close(file);
	file = (int)syscall(SYS_openat2, dir, "../small.txt", &how, sizeof(how));
	say("openat2-beneath-out", file < 0 ? -errno : 0);
	close(file);
	how.resolve = RESOLVE_NO_SYMLINKS_;
	file = (int)syscall(SYS_openat2, dir, "deeper/x", &how, sizeof(how));
	say("openat2-no-symlinks", file >= 0);
	close(file);
	how.resolve = 1u << 30;
	file = (int)syscall(SYS_openat2, dir, "deeper/x", &how, sizeof(how));
	say("openat2-unknown-resolve", file < 0 ? -errno : 0);
	close(file);
	how.resolve = 0;
	say("openat2-short-how", res(syscall(SYS_openat2, dir, "deeper/x", &how, 8)));
	close(dir);
	close(pathdir);
}

void probe_open(void)
{
	open_flags();
	open_at();
}

static void error_descriptors(void)
{
	struct stat st;
	char buf[16];
	int file = open("small.txt", O_RDONLY), dir = open("sub", O_RDONLY);

	say("read-closed", res(read(999, buf, 1)));
	say("fstat-closed", res(fstat(999, &st)));
	say("lseek-closed", res(lseek(999, 0, SEEK_SET)));
	say("close-twice", (close(dup(file)), res(close(999))));
	say("read-directory", res(read(dir, buf, sizeof(buf))));
	say("pread-directory", res(pread(dir, buf, sizeof(buf), 0)));
	say("write-read-only", res(write(file, "x", 1)));
	say("pwrite-read-only", res(pwrite(file, "x", 1, 0)));
	say("ftruncate-read-only", res(ftruncate(file, 0)));
	say("getdents-of-file", res(syscall(SYS_getdents64, file, buf, sizeof(buf))));
	say("fchdir-file", res(fchdir(file)));
	say("pread-negative", res(pread(file, buf, 1, -1)));
	say("lseek-negative", res(lseek(file, -1, SEEK_SET)));
	say("lseek-whence", res(lseek(file, 0, 99)));
	say("ioctl-tty", res(ioctl(file, 0x5401 /* TCGETS */, buf)));
	close(file);
	close(dir);
}

/* Addresses that no program has: through raw system calls, since a libc may look first. */
static void error_addresses(void)
{
	void *bad = (void *)8;
	int file = open("small.txt", O_RDONLY), dir = open("sub", O_RDONLY);

	say("open-bad-address", res(syscall(SYS_openat, AT_FDCWD, bad, O_RDONLY)));
	say("stat-bad-path", res(syscall(SYS_newfstatat, AT_FDCWD, bad, &bad, 0)));
	say("stat-bad-buffer", res(syscall(SYS_newfstatat, AT_FDCWD, "small.txt", bad, 0)));
	say("fstat-bad-buffer", res(syscall(SYS_fstat, file, bad)));
	say("read-bad-buffer", res(syscall(SYS_read, file, bad, 5)));
	say("pread-bad-buffer", res(syscall(SYS_pread64, file, bad, 5, 0)));
	say("readv-bad-vector", res(syscall(SYS_readv, file, bad, 2)));
	say("getdents-bad-buffer", res(syscall(SYS_getdents64, dir, bad, 4096)));
	say("getcwd-bad-buffer", res(syscall(SYS_getcwd, bad, 4096)));
	say("chdir-bad-path", res(syscall(SYS_chdir, bad)));
	say("access-bad-path", res(syscall(SYS_access, bad, 0)));
	say("readlink-bad-path", res(syscall(SYS_readlink, bad, &bad, 8)));
	say("execve-bad-path", res(syscall(SYS_execve, bad, NULL, NULL)));
	close(file);
	close(dir);
}

static void error_names(void)
{
	static char name[5000];
	struct stat st;

	memset(name, 'n', sizeof(name) - 1);
	name[256] = '\0';
	say("name-256", res(open(name, O_RDONLY)));
	say("stat-name-256", res(stat(name, &st)));
	name[256] = 'n';
	say("path-5000", res(open(name, O_RDONLY)));
	say("stat-path-5000", res(stat(name, &st)));
	say("chdir-path-5000", res(chdir(name)));
	say("chdir-missing", res(chdir("none")));
	say("chdir-file", res(chdir("small.txt")));
	say("chdir-empty", res(chdir("")));
	say("stat-empty", res(stat("", &st)));
	say("access-missing", res(access("none", F_OK)));
	say("stat-below-file", below_file(res(stat("small.txt/x", &st))));
	say("stat-file-slash", res(stat("small.txt/", &st)));
	say("access-below-file", below_file(res(access("small.txt/x", R_OK))));
	say("readlink-file", res(readlink("small.txt", name, 10)));
	say("readlink-dir", res(readlink("sub", name, 10)));
	say("readlink-missing", res(readlink("none", name, 10)));
	say("readlink-zero", res(readlink("small.txt", name, 0)));
}

void probe_error(void)
{
	error_descriptors();
	error_addresses();
	error_names();
}
