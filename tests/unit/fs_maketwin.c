/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs/maketwin.c, fs/rewriter.c, fs/workshop.c: from a descriptor to a twin, by a workshop that is
 * this very program: see be_workshop().
 */
#include "fs/maketwin.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>

#include <criterion/criterion.h>

#include "cache/place.h"
#include "cache/twins.h"
#include "fs/rewriter.h"
#include "tests/unit/fake_twin.h"

/* Sanitizers need more than the workshop's children are allowed: they go without some limits. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#define MIB	   (UINT64_C(1) << 20)
#define EXECUTIONS "TEST_EXECUTIONS" /* names a file that gets a byte for each workshop executed */

static char dir[64], original[96], executed[96];
static int dir_fd;

static void leave_byte(const char *path)
{
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd >= 0 && write(fd, "x", 1) != 1)
		abort();
	close(fd);
}

/* Before Criterion sees the command line. */
__attribute__((constructor)) static void be_workshop(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "rewrite") != 0)
		return;
	leave_byte(getenv(EXECUTIONS));
	_exit(rewriter_serve(fake_rewrite) ? 3 : 0);
}

static void set_up(void)
{
	setenv("AWS_SECRET_ACCESS_KEY", "not for the workshop", 1);
	strcpy(dir, "/tmp/skyshim-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(original, sizeof(original), "%s/original", dir);
	snprintf(executed, sizeof(executed), "%s/executed", dir);
	setenv(EXECUTIONS, executed, 1);
	dir_fd = place_open(dir, NULL);
	rewriter_start(NULL);
	cr_assert_eq(twins_start(dir_fd, 512 * MIB), 0);
}

static void tear_down(void)
{
	char command[128];

	rewriter_stop();
	twins_stop();
	close(dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(fs_maketwin, .init = set_up, .fini = tear_down);

static int make(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	int ret = maketwin(fd);

	close(fd);
	return ret;
}

/* Makes the twin of a new original with that word. */
static int make_of(const char *word)
{
	fake_original(original, word);
	return make(original, O_RDONLY);
}

static struct twins_stats stats(void)
{
	struct twins_stats out;

	twins_stats(&out);
	return out;
}

static bool marked(void)
{
	char name[TWINFILE_NAME_BYTES], path[256];
	struct twin_key key = fake_key(original);

	twinfile_name(&key, TWINFILE_NO, name);
	snprintf(path, sizeof(path), "%s/twins/%s", dir, name);
	return !access(path, F_OK);
}

/* Nothing half made is left; the keeper may be at it for a moment. */
static bool no_leftover(void)
{
	struct timespec pause = {0, 20000000};
	char command[128];

	snprintf(command, sizeof(command), "! ls -A %s/twins | grep -q new", dir);
	/* the table that is kept beside them is written anew now and then, by another thread */
	for (int i = 0; i < 100; i++) {
		if (!system(command))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

Test(fs_maketwin, once)
{
	cr_assert_eq(make_of("ok"), 0);
	cr_assert_eq(make(original, O_RDONLY), 0);
	cr_assert_eq(stats().made, 1);
	cr_assert(no_leftover());
}

/* A descriptor that cannot be read, or is no file that is met again. */
Test(fs_maketwin, descriptors)
{
	int fds[2];

	fake_original(original, "ok");
	cr_assert_eq(make(original, O_PATH), -ENOEXEC);
	cr_assert_eq(make(original, O_WRONLY), -ENOEXEC);
	cr_assert_eq(make("/dev/null", O_RDONLY), -ENOEXEC);
	cr_assert_eq(make(dir, O_RDONLY), -ENOEXEC);
	cr_assert_eq(maketwin(-1), -ENOEXEC);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(maketwin(fds[0]), -ENOEXEC);
	fds[0] = open(original, O_RDONLY);
	unlink(original);
	cr_assert_eq(maketwin(fds[0]), -ENOEXEC);
	cr_assert_eq(stats().refused, 0);
}

Test(fs_maketwin, refused_once)
{
	cr_assert_eq(make_of("no"), -ENOEXEC);
	cr_assert(marked());
	cr_assert_eq(make(original, O_RDONLY), -ENOEXEC);
	cr_assert_eq(stats().refused, 1);
	cr_assert_eq(truncate(original, 10), 0);
	cr_assert_eq(make(original, O_RDONLY), -ENOEXEC);
	cr_assert(marked());
	cr_assert_eq(make("/etc/passwd", O_RDONLY), -ENOEXEC);
	cr_assert_eq(stats().refused, 3);
}

/* A file that kills its reader is refused; the next one is not concerned. */
Test(fs_maketwin, hostile)
{
	cr_assert_eq(make_of("crash"), -EIO);
	cr_assert(marked());
	cr_assert_eq(make_of("foreign"), -EIO);
	cr_assert_eq(make_of("huge"), -E2BIG);
#ifndef SANITIZED
	cr_assert_eq(make_of("memory"), -E2BIG);
	cr_assert_eq(make_of("escape"), 0);
	cr_assert_eq(stats().made, 1);
#endif
	cr_assert(no_leftover());
}

Test(fs_maketwin, time_limit)
{
	cr_assert_eq(make_of("hang"), -ETIMEDOUT);
	cr_assert(marked());
	cr_assert_eq(make_of("ok"), 0);
}

/* Being too large is seen without reading. */
Test(fs_maketwin, too_large)
{
	fake_original(original, "ok");
	cr_assert_eq(truncate(original, (off_t)REWRITER_ORIGINAL_MAX + 1), 0);
	cr_assert_eq(make(original, O_RDONLY), -E2BIG);
}

static void *ask(void *arg)
{
	*(int *)arg = make(original, O_RDONLY);
	return NULL;
}

Test(fs_maketwin, at_once_is_once)
{
	pthread_t thread[8];
	int result[8];

	fake_original(original, "slow");
	for (int i = 0; i < 8; i++) {
		result[i] = 1;
		cr_assert_eq(pthread_create(&thread[i], NULL, ask, &result[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(thread[i], NULL);
		cr_assert_eq(result[i], 0);
	}
	cr_assert_eq(stats().made, 1);
}

/* While somebody could write, what is read may not be what is there in the end. */
Test(fs_maketwin, being_written)
{
	int fd;

	fake_original(original, "ok");
	fd = open(original, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(make(original, O_RDONLY), -ESTALE);
	close(fd);
	cr_assert_eq(make(original, O_RDONLY), 0);
}

static void *change_soon(void *arg)
{
	struct timespec pause = {0, 30000000};

	(void)arg;
	nanosleep(&pause, NULL);
	chmod(original, 0755);
	return NULL;
}

Test(fs_maketwin, changed_while_read)
{
	pthread_t thread;

	fake_original(original, "waits");
	cr_assert_eq(pthread_create(&thread, NULL, change_soon, NULL), 0);
	cr_assert_eq(make(original, O_RDONLY), -ESTALE);
	pthread_join(thread, NULL);
	cr_assert_eq(make_of("ok"), 0);
	cr_assert_eq(stats().made, 1);
}

/* Killed, the workshop is opened again; nobody notices. */
Test(fs_maketwin, workshop_killed)
{
	char command[80];

	cr_assert_eq(make_of("ok"), 0);
	snprintf(command, sizeof(command), "kill -9 $(pgrep -P %d -fx 'skyshim rewrite')",
		 getpid());
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(system(command), 0);
		cr_assert_eq(make_of("ok"), 0);
	}
}

Test(fs_maketwin, no_workshop)
{
	rewriter_start("/none");
	cr_assert_eq(make_of("ok"), -EIO);
	cr_assert_not(marked(), "it may pass");
	rewriter_start(NULL);
	cr_assert_eq(make(original, O_RDONLY), 0);
}

/* It may not serve whoever calls it from a shell. */
Test(fs_maketwin, workshop_without_socket)
{
	cr_assert_eq(WEXITSTATUS(system("/proc/$PPID/exe rewrite </dev/null")), 3);
}

Test(fs_maketwin, trapped)
{
	struct twin_key key;
	char name[TWIN_NAME_BYTES];
	size_t n;

	cr_assert_eq(make_of("ok"), 0);
	key = fake_key(original);
	n = twin_name(&key, name);
	maketwin_trapped(name, n - 1, 100);
	maketwin_trapped("../../x", 7, 100);
	maketwin_trapped(name, 60000, 100);
	cr_assert_eq(twins_find(&key), 0);
	maketwin_trapped(name, n, 100);
	cr_assert_eq(twins_find(&key), 1);
	cr_assert_eq(make(original, O_RDONLY), 0);
	cr_assert_eq(stats().left, 1, "the rewriter was told of the offset");
}

/* A disk of two MiB: as root only. */
Test(fs_maketwin, disk_full)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/twins", dir);
	twins_stop();
	if (mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=2m,mode=700")) {
		cr_assert_eq(twins_start(dir_fd, 512 * MIB), 0);
		cr_skip("no mount: %s", strerror(errno));
	}
	cr_assert_eq(twins_start(dir_fd, 512 * MIB), 0);
	cr_expect_eq(make_of("huge"), -ENOSPC);
	cr_expect_eq(make_of("map"), -ENOSPC, "the writer died of SIGBUS");
	cr_expect_not(marked(), "it may pass");
	cr_expect(no_leftover());
	cr_expect_eq(make_of("ok"), 0);
	twins_stop();
	umount2(path, MNT_DETACH);
	cr_assert_eq(twins_start(dir_fd, 512 * MIB), 0);
}

/* How often a workshop has been executed: each leaves a byte. */
static long executions(void)
{
	struct stat st;

	return stat(getenv(EXECUTIONS), &st) ? 0 : (long)st.st_size;
}

/* What a file costs beyond its rewriting: a fork, not an exec. */
Test(fs_maketwin, cost)
{
	for (int i = 0; i < 100; i++) {
		fake_original(original, "ok");
		cr_assert_eq(truncate(original, FAKE_BYTES + i), 0); /* another, at the same time */
		cr_assert_eq(make(original, O_RDONLY), 0);
	}
	cr_assert_eq(stats().made, 100);
	cr_assert_eq(executions(), 1, "executed %ld times for 100 files", executions());
	rewriter_stop();
	cr_assert_eq(make_of("ok"), 0);
	cr_assert_eq(executions(), 2, "the count counts");
}
