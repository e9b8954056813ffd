/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the cache lies and whether what it holds may be trusted.
 *
 * A daemon that was killed leaves files whose bits were set after their bytes were written: the
 * page cache keeps both in order, so another daemon may go on with them. A machine that went down
 * keeps no order, so after a boot everything goes.
 */
#include "cache/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <linux/fs.h>
#include <unistd.h>

#include "core/base/twin.h"
#include "core/log.h"
#include "core/scope.h"

#define PROBE_BYTES 4096

static bool is_set(const char *value)
{
	return value && *value;
}

int place_path(char **out)
{
	const char *own = getenv("SKYSHIM_CACHE_DIR");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	SCOPE_FREE char *text = NULL;
	int n;

	if (is_set(own) && own[0] == '/') {
		n = asprintf(&text, "%s", own);
	} else if (is_set(own)) {
		SCOPE_FREE char *cwd = getcwd(NULL, 0);

		if (!cwd)
			return -errno;
		n = asprintf(&text, "%s/%s", cwd, own);
	} else if (is_set(xdg) && xdg[0] == '/') {
		n = asprintf(&text, "%s/skyshim", xdg);
	} else if (is_set(home) && home[0] == '/') {
		n = asprintf(&text, "%s/.cache/skyshim", home);
	} else {
		return -EINVAL;
	}
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (strchr(text, '\n'))
		return -EINVAL;
	*out = take_ptr(&text);
	return 0;
}

static int make_parents(const char *dir)
{
	SCOPE_FREE char *path = strdup(dir);

	if (!path)
		return -ENOMEM;
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int place_open(const char *dir, char **real_out)
{
	SCOPE_FREE char *real = NULL;
	SCOPE_FD int fd = -1;
	struct stat st;
	int ret;

	real = realpath(dir, NULL);
	if (!real) {
		ret = make_parents(dir);
		if (ret)
			return ret;
		real = realpath(dir, NULL);
	}
	if (!real)
		return -errno;
	fd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	if ((st.st_mode & 077) && fchmod(fd, 0700))
		return -errno;

	if (real_out)
		*real_out = take_ptr(&real);
	return take_fd(&fd);
}

int place_lock(int dir_fd)
{
	SCOPE_FD int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return take_fd(&fd);
}

int place_probe(int dir_fd)
{
	SCOPE_FD int fd =
		openat(dir_fd, "probe", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	unlinkat(dir_fd, "probe", 0);
	/* nobody else has it open: whatever the error, no other file would get one either */
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		return -EOPNOTSUPP;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PROBE_BYTES))
		return errno == EOPNOTSUPP || errno == ENOSYS ? -EOPNOTSUPP : -errno;
	return 0;
}

/* Reads up to bytes - 1 bytes of a small file as text; "" when there is none. */
static void read_text(int dir_fd, const char *name, char *out, size_t bytes)
{
	SCOPE_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, bytes - 1);

	out[n > 0 ? n : 0] = '\0';
}

static int write_text(int dir_fd, const char *name, const char *text)
{
	SCOPE_FD int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, len) == (ssize_t)len ? 0 : -EIO;
}

bool place_has_notes(int files_fd, const char *name)
{
	char notes[NAME_MAX + 1];
	size_t len = strlen(name);

	if (len < 2 || len > NAME_MAX || name[len - 2] != '.')
		return false;
	memcpy(notes, name, len + 1);
	notes[len - 1] = 'w';
	return !faccessat(files_fd, notes, F_OK, AT_SYMLINK_NOFOLLOW) || errno != ENOENT;
}

static void remove_all(int files_fd)
{
	int dup_fd = openat(files_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	unsigned long removed = 0;

	if (!dir) {
		if (dup_fd >= 0)
			close(dup_fd);
		return;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (d->d_name[0] != '.' && !place_has_notes(files_fd, d->d_name) &&
		    !unlinkat(files_fd, d->d_name, 0))
			removed++;
	}
	closedir(dir);
	if (removed)
		log_info("cache: dropped %lu files of an earlier daemon", removed);
}

static int open_below(int dir_fd, const char *name)
{
	int fd;

	if (mkdirat(dir_fd, name, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static pthread_once_t boot_once = PTHREAD_ONCE_INIT;
static char boot_id[PLACE_BOOT_BYTES];

static void read_boot(void)
{
	read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
}

void place_boot(char out[PLACE_BOOT_BYTES])
{
	pthread_once(&boot_once, read_boot);
	memcpy(out, boot_id, PLACE_BOOT_BYTES);
}

static bool is_new_boot(int dir_fd, char now[PLACE_BOOT_BYTES])
{
	char then[PLACE_BOOT_BYTES];

	place_boot(now);
	read_text(dir_fd, "boot", then, sizeof(then));
	return !now[0] || strcmp(now, then) != 0;
}

bool place_is_new_boot(int dir_fd)
{
	char now[PLACE_BOOT_BYTES];

	return is_new_boot(dir_fd, now);
}

/* ext4 puts a file's inode beside its directory's, and without a journal it first looks at each one
 * there that was deleted within some minutes: where many files come and go, such as in /tmp, making
 * one takes ten times as long. So the directory is put as far away as one at the top of a disk; its
 * name decides where, hence a random one. Elsewhere this does no harm. */
static int make_apart(int dir_fd, const char *name)
{
	char made[] = "new-0123456789abcdef";
	uint64_t random;
	int flags;

	if (!ioctl(dir_fd, FS_IOC_GETFLAGS, &flags)) {
		flags |= FS_TOPDIR_FL;
		if (ioctl(dir_fd, FS_IOC_SETFLAGS, &flags))
			log_debug("cache: not spread over the disk: %s", strerror(errno));
	}
	while (getrandom(&random, sizeof(random), 0) != sizeof(random))
		;
	snprintf(made, sizeof(made), "new-%016llx", (unsigned long long)random);
	if (mkdirat(dir_fd, made, 0700))
		return -errno;
	if (renameat(dir_fd, made, dir_fd, name)) {
		int error = -errno;

		unlinkat(dir_fd, made, AT_REMOVEDIR);
		return error;
	}
	return 0;
}

#define BEGUN_NAME "begun"

static bool is_restored;

/* Was it last changed otherwise than by being written? */
static bool is_copy(int dir_fd)
{
	struct stat st;

	return !fstatat(dir_fd, BEGUN_NAME, &st, AT_SYMLINK_NOFOLLOW) &&
	       (st.st_mtim.tv_sec != st.st_ctim.tv_sec || st.st_mtim.tv_nsec != st.st_ctim.tv_nsec);
}

/* Written by each daemon at its start, and by nobody else. Whoever puts a copy in its place sets
 * the time at which it was written, but nobody can set that at which its inode was changed. */
static void begin(int dir_fd)
{
	is_restored = is_copy(dir_fd);
	if (is_restored)
		log_warn("cache: it was copied, or restored from a copy");
	/* where the disk is full, or the two times differ by themselves, it tells nothing */
	if (write_text(dir_fd, BEGUN_NAME, "\n") || is_copy(dir_fd))
		unlinkat(dir_fd, BEGUN_NAME, 0);
}

bool place_is_restored(void)
{
	return is_restored;
}

int place_files(int dir_fd)
{
	SCOPE_FD int fd = -1;
	char now[PLACE_BOOT_BYTES];
	int ret;

	if (faccessat(dir_fd, "files", F_OK, AT_SYMLINK_NOFOLLOW)) {
		ret = make_apart(dir_fd, "files");
		if (ret)
			return ret;
	}
	fd = open_below(dir_fd, "files");
	if (fd < 0)
		return fd;
	begin(dir_fd);
	if (is_restored)
		remove_all(fd);
	if (is_new_boot(dir_fd, now)) {
		remove_all(fd);
		ret = write_text(dir_fd, "boot", now);
		if (ret)
			return ret;
	}
	return take_fd(&fd);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

bool place_is_of_boot(int files_fd, const struct stat *st)
{
	struct stat boot;

	if (fstatat(files_fd, "../boot", &boot, AT_SYMLINK_NOFOLLOW))
		return false;
	return !is_before(&st->st_ctim, &boot.st_mtim) && !is_before(&st->st_mtim, &boot.st_mtim);
}

int place_twins(int dir_fd)
{
	return open_below(dir_fd, TWIN_DIR);
}

int place_dirs(int dir_fd)
{
	int fd = open_below(dir_fd, "dirs");

	if (fd >= 0)
		remove_all(fd);
	return fd;
}
