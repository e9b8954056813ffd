/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon finds at its start of files that were written to, whatever was done to the cache
 * directory in between: nothing of it is lost. halt() and start() are a daemon that ends and the
 * next one.
 */
#include "tests/unit/writing_rig.h"

#include <sys/syscall.h>

/* --- what is waited for, of the libc's functions --- */

static unsigned synced_files, synced_maps, synced_dirs;

int fdatasync(int fd)
{
	synced_files++;
	return (int)syscall(SYS_fdatasync, fd);
}

int msync(void *at, size_t bytes, int flags)
{
	synced_maps++;
	return (int)syscall(SYS_msync, at, bytes, flags);
}

int fsync(int fd)
{
	synced_dirs++;
	return (int)syscall(SYS_fsync, fd);
}

/* A file system that has none. */
static bool no_fallocate;

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	if (!no_fallocate || mode)
		return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
	errno = EOPNOTSUPP;
	return -1;
}

/* Would read and write there what it has: must not be used of what others have mapped. */
static unsigned emulated;

int posix_fallocate(int fd, off_t offset, off_t bytes)
{
	emulated += no_fallocate;
	return syscall(SYS_fallocate, fd, 0, offset, bytes) ? errno : 0;
}

static void recover(unsigned flags, uint64_t id, int wanted)
{
	request = (struct wire_request){.op = WIRE_RECOVER, .flags = flags, .offset = id};
	cr_assert_eq(ask("", 0), wanted, "%d instead of %d", reply.head.error, wanted);
}

/* Of the only one that is listed, which says this; 0: there is none. */
static uint64_t left(const char *words)
{
	const char *at;

	recover(0, 0, 0);
	at = strstr(reply.text, "\"id\":");
	cr_assert(!at || strstr(reply.text, words), "%s", reply.text);
	cr_assert(!at || !strstr(at + 1, "\"id\":"), "%s", reply.text);
	return at ? strtoull(at + strlen("\"id\":"), NULL, 10) : 0;
}

/* In the cache directory. */
static void shell(const char *what)
{
	char command[256];

	snprintf(command, sizeof(command), "cd %s && %s", dir, what);
	cr_assert_eq(system(command), 0, "%s", command);
}

/* As a daemon leaves it that is killed before it has sent it: of a file that is new or not. */
static void leave(const char *path, const char *text)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file(path, O_RDWR | O_CREAT, &f), 0);
	write_at(&f, text, strlen(text), 0);
	close_file(&f);
	halt();
}

static struct draft_stats stats(void)
{
	struct draft_stats now;

	draft_stats(&now);
	return now;
}

/* Another mode than a data file has, as `chmod` or a copy without modes gives it. */
Test(cache_adopt, of_another_mode)
{
	leave("s3/b/dir/new", "precious");
	shell("chmod 600 files/*");
	start("60000");
	cr_assert_eq(stats().dirty, 1);
	sweep_until_clean();
	in_bucket("dir/new", "precious");
	stop();
}

/* The same files, with other inode numbers. */
static void move_cache(void)
{
	shell("cp -a files copy && rm -rf files && mv copy files");
}

/* It may be one of two, or older than what is in the bucket: the user says what becomes of it. */
static void is_kept(const char *path, const char *key, uint64_t size, const char *text)
{
	struct fake_object *o;
	uint64_t id;

	leave(path, text);
	move_cache();
	start("60000");
	cr_assert_eq(stats().parked, 1);
	id = left("moved or restored");
	cr_assert_neq(id, 0);
	publish_sweep();
	o = fake_find("b", key);
	cr_assert(!o || !o->content, "it was uploaded");
	halt();
	start("60000");
	cr_assert_eq(left("moved or restored"), id);
	recover(WIRE_RECOVER_RETRY, id, 0);
	cr_assert_eq(left(""), 0);
	o = fake_find("b", key);
	cr_assert_not_null(o);
	cr_assert_eq(o->size, size);
	cr_assert_not_null(o->content);
	cr_assert_eq(memcmp(o->content, text, strlen(text)), 0);
	stop();
}

Test(cache_adopt, moved_and_new)
{
	is_kept("s3/b/dir/new", "dir/new", 8, "precious");
}

Test(cache_adopt, moved_and_changed)
{
	fake_put("b", "there", 200000);
	is_kept("s3/b/there", "there", 200000, "precious");
}

/* What was in the bucket is fetched again. */
Test(cache_adopt, moved_and_clean)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "stored", 6, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	close_file(&f);
	halt();
	move_cache();
	start("60000");
	cr_assert_eq(left(""), 0);
	publish_sweep();
	cr_assert_eq(stats().drafts, 0);
	in_bucket("dir/new", "stored");
	stop();
}

/* Of another version of skyshim: in the notes of a new file, which stand behind a vnode. */
static void spoil_version(void)
{
	uint32_t version = DRAFT_VERSION + 1000;
	struct vnode_shm vn;
	char path[300] = "";
	char command[128];
	FILE *found;
	int fd;

	snprintf(command, sizeof(command), "ls %s/files/*.w", dir);
	found = popen(command, "r");
	cr_assert_not_null(found);
	cr_assert_eq(fscanf(found, "%299s", path), 1);
	pclose(found);
	fd = open(path, O_RDWR);
	cr_assert_eq(pread(fd, &vn, sizeof(vn), 0), (ssize_t)sizeof(vn));
	cr_assert_eq(pwrite(fd, &version, sizeof(version),
			    (off_t)(vn.notes_off + offsetof(struct draft_shm, version))),
		     (ssize_t)sizeof(version));
	close(fd);
}

/* It is listed, with what was written, until the user has had enough of it. */
Test(cache_adopt, what_makes_no_sense)
{
	char text[32] = "";
	uint64_t id;

	leave("s3/b/dir/new", "precious");
	spoil_version();
	start("60000");
	id = left("its notes cannot be read");
	cr_assert_neq(id, 0);
	recover(WIRE_RECOVER_RETRY, id, -EBADF);
	recover(WIRE_RECOVER_EXPORT, id, 0);
	cr_assert_eq(reply.head.fds, 1);
	cr_assert_eq(read(reply.fd[0], text, sizeof(text)), 8);
	cr_assert_str_eq(text, "precious");
	halt();
	start("60000");
	cr_assert_eq(left("its notes cannot be read"), id, "not the same any more");
	recover(WIRE_RECOVER_DISCARD, id, 0);
	cr_assert_eq(left(""), 0);
	recover(WIRE_RECOVER_DISCARD, id, -ENOENT);
	shell("! ls files/*.[dvwl] 2> /dev/null");
	stop();
}

/* Under a name that no daemon gives. */
Test(cache_adopt, of_another_name)
{
	uint64_t id;

	leave("s3/b/dir/new", "precious");
	shell("cd files && for f in *.d *.w; do mv $f a-copy${f#${f%.?}}; done");
	start("60000");
	id = left("a-copy.d");
	cr_assert_neq(id, 0);
	recover(WIRE_RECOVER_EXPORT, id, 0);
	stop();
}

/* As `truncate -s 0` leaves them: they look like notes that were never finished, but it was
 * written to what they are about. */
Test(cache_adopt, notes_that_were_cut)
{
	leave("s3/b/old", "precious");
	shell("truncate -s 0 files/*.w");
	start("60000");
	cr_assert_neq(left("kept"), 0);
	halt();
	shell("rm -r files");
	leave("s3/b/dir/new", "precious");
	shell("truncate -s 0 files/*.w");
	start("60000");
	cr_assert_neq(left("kept"), 0);
	stop();
}

/* `cp --sparse` leaves holes where zeros were. On a full disk the daemon would be killed for what
 * it stores there: so they are filled before it does. */
Test(cache_adopt, holes_of_a_copy)
{
	leave("s3/b/dir/new", "precious");
	shell("for f in files/*.w; do cp -p --sparse=always $f copy && mv copy $f; done");
	shell("test $(stat -c %b files/*.w) -lt $(( $(stat -c %s files/*.w) / 512 ))");
	start("60000");
	shell("test $(stat -c %b files/*.w) -ge $(( $(stat -c %s files/*.w) / 512 ))");
	sweep_until_clean();
	in_bucket("dir/new", "precious");
	stop();
}

/* Programs may be writing to the notes that a killed daemon has left. */
Test(cache_adopt, holes_without_fallocate)
{
	leave("s3/b/dir/new", "precious");
	shell("for f in files/*.w; do cp -p --sparse=always $f copy && mv copy $f; done");
	no_fallocate = true;
	start("60000");
	cr_assert_eq(stats().dirty, 1);
	cr_assert_eq(emulated, 0);
	sweep_until_clean();
	in_bucket("dir/new", "precious");
	stop();
}

/* A copy over the very files, whose inodes stay: which of the bytes are of when, nobody knows. */
Test(cache_adopt, copied_back_in_place)
{
	uint64_t id;

	leave("s3/b/dir/new", "precious");
	shell("mkdir ../$(basename $PWD).copy && cp -a . ../$(basename $PWD).copy");
	shell("cp -a ../$(basename $PWD).copy/. . && rm -r ../$(basename $PWD).copy");
	start("60000");
	cr_assert_eq(stats().parked, 1);
	id = left("moved or restored");
	cr_assert_neq(id, 0);
	halt();
	/* that is told once; what comes after is as ever */
	leave("s3/b/dir/other", "bytes");
	start("60000");
	sweep_until_clean();
	in_bucket("dir/other", "bytes");
	cr_assert_eq(left("moved or restored"), id);
	stop();
}

/* What was fetched may be one version's bytes with another's notes of what there is. */
Test(cache_adopt, clean_and_copied_back_in_place)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/x", O_RDONLY, &f), 0);
	close_file(&f);
	halt();
	shell("ls files/*.d > /dev/null && touch -d @1000000000 begun");
	start("60000");
	shell("! ls files/*.d 2> /dev/null");
	stop();
}

/* What is to overwrite whatever is there, and what it was before. */
static void leave_blind(const char *text)
{
	struct open_file f;

	fake_put("b", "there", 100);
	start("60000");
	cr_assert_eq(open_file("s3/b/there", O_WRONLY | O_CREAT | O_TRUNC, &f), 0);
	cr_assert_str_eq(fake_requests(), "0 0 0 0", "it is known what is there");
	write_at(&f, text, strlen(text), 0);
	close_file(&f);
	halt();
}

/* Its cache is that of a snapshot, and what it is about was in the bucket long since, and has
 * successors there. */
Test(cache_adopt, set_back_to_before_it_was_stored)
{
	uint64_t id;

	leave_blind("the older");
	fake_put("b", "there", 200);
	fake_find("b", "there")->made_s = time(NULL) + 1000;
	start("60000");
	sweep_until_clean();
	cr_assert_null(fake_find("b", "there")->content, "the newer one is gone");
	id = left("another version");
	cr_assert_neq(id, 0);
	/* ... and what is kept, on disk: its bytes, its notes, its name */
	cr_assert(synced_files && synced_maps && synced_dirs);
	recover(WIRE_RECOVER_RETRY, id, -ESTALE);
	cr_assert_null(fake_find("b", "there")->content, "the newer one is gone");
	/* the user knows better */
	recover(WIRE_RECOVER_OVER, id, 0);
	in_bucket("there", "the older");
	stop();
}

static void somebody_stores(void)
{
	fake.after_head = NULL;
	fake_put("b", "there", 300);
}

/* One that is older is overwritten, and no other than that. */
Test(cache_adopt, blind_no_more)
{
	leave_blind("the newer");
	start("60000");
	sweep_until_clean();
	in_bucket("there", "the newer");
	stop();
}

Test(cache_adopt, blind_until_it_is_looked)
{
	leave_blind("another");
	fake.after_head = somebody_stores;
	start("60000");
	sweep_until_clean();
	cr_assert_eq(fake_find("b", "there")->size, 300);
	cr_assert_neq(left("another version"), 0);
	stop();
}

/* Who may not look stores where nothing is. */
Test(cache_adopt, blind_and_not_allowed_to_look)
{
	uint64_t id;

	leave_blind("precious");
	fake.fail_head = -EACCES;
	start("60000");
	sweep_until_clean();
	cr_assert_null(fake_find("b", "there")->content);
	id = left("another version");
	cr_assert_neq(id, 0);
	fake_delete_key("b", "there");
	recover(WIRE_RECOVER_RETRY, id, 0);
	in_bucket("there", "precious");
	stop();
}
