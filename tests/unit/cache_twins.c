/* SPDX-License-Identifier: Apache-2.0 */
/* cache/twins.c, twinkeep.c and twinfile.c: the store of twins across daemons and boots. */
#include "cache/twins.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>

#include <criterion/criterion.h>

#include "cache/place.h"
#include "tests/unit/fake_twin.h"

#define MIB (UINT64_C(1) << 20)

static char dir[64], original[96], original_b[96];
static int dir_fd, files_fd;

static void start(void)
{
	cr_assert_eq(twins_start(dir_fd, 512 * MIB), 0);
	files_fd = place_files(dir_fd); /* as cache_start() does: writes down the boot */
}

static void stop(void)
{
	twins_stop();
	close(files_fd);
}

static void set_up(void)
{
	strcpy(dir, "/tmp/skyshim-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(original, sizeof(original), "%s/original", dir);
	snprintf(original_b, sizeof(original_b), "%s/original-b", dir);
	fake_original(original, "ok");
	fake_original(original_b, "ok");
	dir_fd = place_open(dir, NULL);
	start();
}

static void tear_down(void)
{
	char command[128];

	stop();
	close(dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(cache_twins, .init = set_up, .fini = tear_down);

static int put(const char *path, uint64_t extra)
{
	struct twin_key key = fake_key(path);
	struct twins_draft draft;

	cr_assert_eq(twins_draft(&draft), 0);
	if (extra)
		cr_assert_eq(fake_fill(draft.fd, extra), 0);
	cr_assert_eq(fake_twin(draft.fd, &key, 0), 0);
	return twins_install(&draft, &key, path, 0, 1000);
}

static int find(const char *path)
{
	struct twin_key key = fake_key(path);

	return twins_find(&key);
}

static const char *file(const char *path, enum twinfile_kind kind)
{
	static char text[256];
	char name[TWINFILE_NAME_BYTES];
	struct twin_key key = fake_key(path);

	twinfile_name(&key, kind, name);
	snprintf(text, sizeof(text), "%s/twins/%s", dir, name);
	return text;
}

static bool there(const char *path, enum twinfile_kind kind)
{
	return !access(file(path, kind), F_OK);
}

/* The keeper has its time. */
static void wait_for(const char *path, enum twinfile_kind kind, bool want)
{
	for (int ms = 0; ms < 60000 && there(path, kind) != want; ms += 10)
		poll(NULL, 0, 10);
	cr_assert_eq(there(path, kind), want);
}

static void change_byte(const char *path, enum twinfile_kind kind, off_t offset)
{
	int fd;
	char byte = '!';

	cr_assert_eq(chmod(file(path, kind), 0600), 0);
	fd = open(file(path, kind), O_WRONLY);
	cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static unsigned count_files(void)
{
	char path[96];
	DIR *d;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/twins", dir);
	d = opendir(path);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

Test(cache_twins, names)
{
	struct twin_key key = {0x10, 2, 3, 4, -5}, back;
	char name[TWINFILE_NAME_BYTES];

	for (int kind = TWINFILE_TWIN; kind < TWINFILE_OTHER; kind++) {
		twinfile_name(&key, kind, name);
		memset(&back, 0, sizeof(back));
		cr_assert_eq(twinfile_parse(name, &back), kind);
		cr_assert_arr_eq(&back, &key, sizeof(key));
	}
	cr_assert_eq(twinfile_parse("10-2-3-4", &back), TWINFILE_OTHER);
	cr_assert_eq(twinfile_parse("10-2-3-4-5.", &back), TWINFILE_OTHER);
	cr_assert_eq(twinfile_parse("10-2-3-4-05", &back), TWINFILE_OTHER);
	cr_assert_eq(twinfile_parse("10-2-3-4- 5", &back), TWINFILE_OTHER);
	cr_assert_eq(twinfile_parse("0x10-2-3-4-5", &back), TWINFILE_OTHER);
	cr_assert_eq(twinfile_parse(".new-1", &back), TWINFILE_OTHER);
	cr_assert_eq(twinfile_parse("", &back), TWINFILE_OTHER);
}

Test(cache_twins, is_there_across_daemons)
{
	struct twins_stats stats;

	cr_assert_eq(find(original), 1);
	cr_assert_eq(put(original, 0), 0);
	cr_assert_eq(find(original), 0);
	wait_for(original, TWINFILE_SUM, true);
	twins_stats(&stats);
	cr_assert(stats.present == 1 && stats.made == 1 && stats.bytes > 0);
	cr_assert(stats.sites[TWIN_BEFORE] == 5 && stats.sites[TWIN_HOP] == 1);
	cr_assert_eq(stats.unproven, 3);
	stop();
	start();
	cr_assert_eq(find(original), 0);
	twins_stats(&stats);
	cr_assert(stats.present == 1 && stats.made == 0 && stats.unproven == 3);
}

Test(cache_twins, leftovers_go_at_the_start)
{
	struct twins_draft draft;
	struct twin_key key = fake_key(original);

	cr_assert_eq(twins_draft(&draft), 0);
	close(draft.fd);
	twins_refuse(&key, -ENOEXEC);
	cr_assert(there(original, TWINFILE_NO));
	cr_assert_eq(find(original), -ENOEXEC);
	cr_assert_eq(put(original_b, 0), 0);
	wait_for(original_b, TWINFILE_SUM, true);
	unlink(file(original_b, TWINFILE_TWIN));
	stop();
	start();
	cr_assert_eq(count_files(), 0);
	cr_assert_eq(find(original), 1);
}

/* A header that is not whole, or of another original, or of another version. */
Test(cache_twins, header_refused)
{
	struct twin_key key = fake_key(original), other = key;
	struct twins_draft draft;
	uint64_t tail = TWIN_TAIL(key.size);

	other.mtime_ns++;
	cr_assert_eq(twins_draft(&draft), 0);
	cr_assert_eq(fake_twin(draft.fd, &other, 0), 0);
	cr_assert_eq(twins_install(&draft, &key, "", 0, 0), -EBADF);
	cr_assert_eq(count_files(), 0);

	cr_assert_eq(put(original, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	change_byte(original, TWINFILE_TWIN, (off_t)tail + 8);
	cr_assert_eq(find(original), 1);
	cr_assert_not(there(original, TWINFILE_TWIN));

	cr_assert_eq(put(original, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	stop();
	cr_assert_eq(truncate(file(original, TWINFILE_TWIN), (off_t)tail + TWIN_PAGE), 0);
	start();
	cr_assert_not(there(original, TWINFILE_TWIN));
	cr_assert_eq(count_files(), 0);
}

/* Code that differs from what was written: the header cannot tell. */
Test(cache_twins, digest_refused)
{
	struct twin_key key = fake_key(original);
	struct twins_stats stats;

	cr_assert_eq(put(original, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	stop();
	change_byte(original, TWINFILE_TWIN, (off_t)TWIN_TAIL(key.size) + TWIN_PAGE + 100);
	start();
	/* by the keeper, or by who asks: whoever comes first */
	cr_assert_eq(find(original), 1);
	cr_assert_not(there(original, TWINFILE_TWIN));
	cr_assert_not(there(original, TWINFILE_SUM));
	twins_stats(&stats);
	cr_assert(stats.discarded == 1 && stats.present == 0 && stats.bytes == 0);
}

Test(cache_twins, keeper_discards_without_being_asked)
{
	struct twin_key key = fake_key(original);

	cr_assert_eq(put(original, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	stop();
	change_byte(original, TWINFILE_TWIN, (off_t)TWIN_TAIL(key.size) + TWIN_PAGE + 100);
	start();
	wait_for(original, TWINFILE_TWIN, false);
}

/* A damaged digest says nothing about the twin. */
Test(cache_twins, digest_taken_anew)
{
	cr_assert_eq(put(original, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	stop();
	change_byte(original, TWINFILE_SUM, 20);
	start();
	wait_for(original, TWINFILE_SUM, true);
	cr_assert_eq(find(original), 0);
}

/* After the machine went down, only what is known to have reached the disk is believed. */
Test(cache_twins, boot)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/boot", dir);
	cr_assert_eq(put(original, 0), 0);
	cr_assert_eq(put(original_b, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	wait_for(original_b, TWINFILE_SUM, true);
	stop();
	cr_assert_eq(unlink(file(original_b, TWINFILE_SUM)), 0);
	cr_assert_eq(unlink(path), 0);
	start();
	cr_assert_eq(find(original), 0);
	cr_assert_eq(find(original_b), 1);
	cr_assert_not(there(original_b, TWINFILE_TWIN));
}

Test(cache_twins, trapped)
{
	struct twin_key key = fake_key(original), none = key;
	struct twins_draft draft;
	struct twins_stats stats;
	uint64_t *seen;

	none.ino++;
	cr_assert_eq(twins_trapped(&none, 5), -ENOENT);
	cr_assert_eq(put(original, 0), 0);
	cr_assert_eq(twins_trapped(&key, FAKE_BYTES - 1), -EINVAL);
	cr_assert_eq(twins_trapped(&key, UINT64_MAX), -EINVAL);
	cr_assert_eq(find(original), 0);
	cr_assert_eq(twins_trapped(&key, 500), 0);
	cr_assert_eq(find(original), 1);
	cr_assert_not(there(original, TWINFILE_TWIN));
	cr_assert_eq(twins_trapped(&key, 100), 0);
	cr_assert_eq(twins_seen(&key, &seen), 2);
	cr_assert(seen[0] == 100 && seen[1] == 500);
	free(seen);

	/* one made without knowing of both is no good */
	cr_assert_eq(twins_draft(&draft), 0);
	cr_assert_eq(fake_twin(draft.fd, &key, 1), 0);
	cr_assert_eq(twins_install(&draft, &key, original, 1, 0), -EAGAIN);
	cr_assert_eq(twins_draft(&draft), 0);
	cr_assert_eq(fake_twin(draft.fd, &key, 2), 0);
	cr_assert_eq(twins_install(&draft, &key, original, 2, 0), 0);

	/* what this one knew and could not help does not make it go */
	cr_assert_eq(twins_trapped(&key, 500), 0);
	cr_assert_eq(find(original), 0);
	twins_stats(&stats);
	cr_assert_eq(stats.trapped, 2);
	stop();
	start();
	cr_assert_eq(twins_seen(&key, &seen), 2);
	free(seen);
}

Test(cache_twins, trapped_is_bounded)
{
	struct twin_key key = fake_key(original);
	uint64_t *seen;

	cr_assert_eq(put(original, 0), 0);
	for (uint64_t i = 0; i < TWINFILE_SEEN_MAX; i++)
		cr_assert_eq(twins_trapped(&key, 2 * i), 0);
	cr_assert_eq(twins_trapped(&key, 1), -ENOSPC);
	cr_assert_eq(twins_seen(&key, &seen), TWINFILE_SEEN_MAX);
	free(seen);
	change_byte(original, TWINFILE_SEEN, 30);
	cr_assert_eq(twins_seen(&key, &seen), 0);
	free(seen);
}

Test(cache_twins, refusals)
{
	struct twin_key key = fake_key(original);

	twins_refuse(&key, -ESTALE);
	cr_assert_eq(find(original), 1);
	twins_refuse(&key, -ENOSPC);
	cr_assert_eq(find(original), -ENOSPC);
	cr_assert_not(there(original, TWINFILE_NO));
	twins_refuse(&key, -ETIMEDOUT);
	cr_assert_eq(find(original), -ETIMEDOUT);
	cr_assert(there(original, TWINFILE_NO));
	/* a twin after all */
	cr_assert_eq(put(original, 0), 0);
	cr_assert_eq(find(original), 0);
	cr_assert_not(there(original, TWINFILE_NO));
}

/* Of what the file was before nothing stays. */
Test(cache_twins, superseded)
{
	struct twin_key old = fake_key(original);
	char name[TWINFILE_NAME_BYTES];
	int twins_fd = openat(dir_fd, "twins", O_RDONLY);

	cr_assert_eq(put(original, 0), 0);
	cr_assert_eq(twins_trapped(&old, 8), 0);
	poll(NULL, 0, 20);
	cr_assert_eq(chmod(original, 0755), 0); /* changes ctime */
	cr_assert_eq(find(original), 1);
	cr_assert_eq(put(original, 0), 0);
	twinfile_name(&old, TWINFILE_SEEN, name);
	cr_assert_neq(faccessat(twins_fd, name, F_OK, 0), 0);
	wait_for(original, TWINFILE_SUM, true);
	cr_assert_eq(count_files(), 2);
	close(twins_fd);
}

/* The least recently used go when there is too much. The cap is 64 MiB, the least there can be. */
Test(cache_twins, eviction)
{
	struct timespec old[2] = {{1000, 0}, {1000, 0}};
	struct twins_stats stats;

	cr_assert_eq(truncate(original, 40 * MIB), 0);
	cr_assert_eq(truncate(original_b, 30 * MIB), 0);
	cr_assert_eq(put(original, 40 * MIB), 0);
	cr_assert_eq(utimensat(AT_FDCWD, file(original, TWINFILE_TWIN), old, 0), 0);
	cr_assert_eq(put(original_b, 30 * MIB), 0);
	cr_assert_not(there(original, TWINFILE_TWIN)); /* at once: by who installed the other */
	cr_assert_eq(find(original_b), 0);
	cr_assert_eq(find(original), 1);
	twins_stats(&stats);
	cr_assert(stats.evicted == 1 && stats.present == 1 && stats.bytes < 35 * MIB);
}
