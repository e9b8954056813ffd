/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes as a runtime asks for them: by path and by descriptor, while a file is
 * written to and after, and every error. */
#include "tests/unit/writing_rig.h"

#include <sys/xattr.h>

#include "core/pairs.h"
#include "fs/untold.h"

static int set(const char *path, const char *name, const char *value, unsigned flags)
{
	static char text[WIRE_MSG_MAX];
	size_t len = (size_t)sprintf(text, "%s%c%s", path, 0, name);

	if (value)
		len += (size_t)sprintf(text + len, "%c%s", 0, value);
	request = (struct wire_request){.op = WIRE_SETXATTR, .flags = flags};
	return ask(text, len);
}

static int get(const char *path, const char *name)
{
	static char text[WIRE_MSG_MAX];

	request = (struct wire_request){.op = WIRE_GETXATTR};
	return ask(text, (size_t)sprintf(text, "%s%c%s", path, 0, name));
}

/* By descriptor: value NULL: asks. */
static int of_fd(int fd, const char *name, const char *value)
{
	static char text[WIRE_MSG_MAX];
	size_t len = (size_t)sprintf(text, "%c%s", 0, name);
	struct stat st;

	if (value)
		len += (size_t)sprintf(text + len, "%c%s", 0, value);
	cr_assert_eq(fstat(fd, &st), 0);
	request = (struct wire_request){.op = value ? WIRE_SETXATTR : WIRE_GETXATTR,
					.data_dev = st.st_dev,
					.data_ino = st.st_ino};
	return ask(text, len);
}

static void answered(const char *bytes, size_t len)
{
	cr_assert_eq(reply.head.text_len, len);
	cr_assert_eq(memcmp(reply.text, bytes, len), 0);
}

static const char *stored(const char *key)
{
	return pairs_get(&fake_find("b", key)->user, XATTRS_KEY);
}

static void begin(void)
{
	start("60000");
	untold_start(-1);
}

static void end(void)
{
	untold_stop();
	stop();
}

Test(fs_setxattr, of_a_file_that_nobody_writes)
{
	begin();
	cr_assert_eq(get("s3/b/old", "user.a"), -ENODATA);
	fake_requests();
	cr_assert_eq(set("s3/b/old", "user.a", "one", XATTR_CREATE), 0);
	cr_assert_eq(fake.counters.requests[STORE_COPY], 1);
	cr_assert_str_eq(fake_requests(), "1 0 0 0");
	cr_assert_str_eq(stored("old"), "%7B%22user.a%22%3A%22b25l%22%7D");
	cr_assert_eq(set("s3/b/old", "user.a", "one", XATTR_CREATE), -EEXIST);
	cr_assert_eq(set("s3/b/old", "user.b", "one", XATTR_REPLACE), -ENODATA);
	cr_assert_eq(set("s3/b/old", "user.b", NULL, WIRE_XATTR_REMOVE), -ENODATA);
	cr_assert_eq(get("s3/b/old", "user.a"), 0);
	answered("one", 3);
	cr_assert_eq(get("s3/b/old", ""), 0);
	answered("user.a", 7);
	cr_assert_str_eq(fake_requests(), "0 0 0 0");
	cr_assert_eq(set("s3/b/old", "user.a", NULL, WIRE_XATTR_REMOVE), 0);
	cr_assert_null(stored("old"));
	cr_assert_eq(get("s3/b/old", ""), 0);
	cr_assert_eq(reply.head.text_len, 0);
	end();
}

Test(fs_setxattr, of_a_file_that_is_written_to_goes_with_it)
{
	struct open_file f;

	begin();
	cr_assert_eq(set("s3/b/old", "user.a", "one", 0), 0);
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	write_at(&f, "x", 1, 0);
	fake_requests();
	cr_assert_eq(of_fd(f.fd, "user.b", "two"), 0);
	cr_assert_eq(set("s3/b/old", "user.c", "three", 0), 0);
	cr_assert_eq(of_fd(f.fd, "", NULL), 0);
	answered("user.a\0user.b\0user.c", 21);
	cr_assert_str_eq(fake_requests(), "0 0 0 0");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_str_eq(stored("old"),
			 "%7B%22user.a%22%3A%22b25l%22%2C%22user.b%22%3A%22dHdv%22%2C"
			 "%22user.c%22%3A%22dGhyZWU%3D%22%7D");
	/* and with the next one, without being set again */
	write_at(&f, "y", 1, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_neq(strstr(stored("old"), "user.c"), NULL);
	close_file(&f);
	end();
}

Test(fs_setxattr, the_next_daemon_sends_it)
{
	struct open_file f;

	begin();
	cr_assert_eq(open_file("s3/b/new", O_RDWR | O_CREAT, &f), 0);
	cr_assert_eq(of_fd(f.fd, "user.a", "one"), 0);
	close_file(&f);
	halt();
	untold_stop();
	begin();
	sweep_until_clean();
	cr_assert_str_eq(stored("new"), "%7B%22user.a%22%3A%22b25l%22%7D");
	end();
}

Test(fs_setxattr, errors)
{
	static char big[3000];

	begin();
	memset(big, 'x', sizeof(big) - 1);
	cr_assert_eq(set("s3/b/none", "user.a", "", 0), -ENOENT);
	cr_assert_eq(get("s3/b/none", "user.a"), -ENOENT);
	cr_assert_eq(set("s3/b", "user.a", "", 0), -EOPNOTSUPP);
	cr_assert_eq(get("s3/b", "user.a"), -ENODATA);
	cr_assert_eq(get("s3/b", ""), 0);
	cr_assert_eq(reply.head.text_len, 0);
	cr_assert_eq(set("s3/b/old", "user.a", big, 0), -ENOSPC);
	cr_assert_eq(set("s3/b/old", big, "", 0), -ERANGE);
	cr_assert_eq(set("s3/b/old", "user.a", NULL, 0), -EPROTO);
	request = (struct wire_request){.op = WIRE_GETXATTR};
	cr_assert_eq(ask("s3/b/old", 8), -EPROTO);
	request = (struct wire_request){.op = WIRE_GETXATTR, .data_ino = 99};
	cr_assert_eq(ask("\0user.a", 7), -ESTALE);
	cr_assert_null(stored("old"));
	end();
}

/* They stand in the directory's mark, which is made if there is none; what else it says stays. */
Test(fs_setxattr, of_a_directory)
{
	begin();
	cr_assert_eq(get("s3/b/dir", "user.a"), -ENODATA);
	cr_assert_eq(set("s3/b/dir", "user.a", "x", XATTR_REPLACE), -ENODATA);
	cr_assert_null(fake_find("b", "dir/"));
	cr_assert_eq(set("s3/b/dir", "user.a", "x", 0), 0);
	cr_assert_not_null(fake_find("b", "dir/"));
	cr_assert_str_eq(stored("dir/"), "%7B%22user.a%22%3A%22eA%3D%3D%22%7D");
	cr_assert_eq(set("s3/b/dir", "user.a", "y", XATTR_CREATE), -EEXIST);
	cr_assert_eq(get("s3/b/dir", "user.a"), 0);
	answered("x", 1);
	request = (struct wire_request){.op = WIRE_SETATTR, .flags = WIRE_SET_MODE, .mode = 0700};
	cr_assert_eq(ask("s3/b/dir", 8), 0);
	cr_assert_str_eq(stored("dir/"), "%7B%22user.a%22%3A%22eA%3D%3D%22%7D");
	cr_assert_eq(get("s3/b/dir", ""), 0);
	answered("user.a", 7);
	cr_assert_eq(set("s3/b/dir", "user.a", NULL, WIRE_XATTR_REMOVE), 0);
	cr_assert_null(stored("dir/"));
	cr_assert_eq(get("s3/b/dir", ""), 0);
	cr_assert_eq(reply.head.text_len, 0);
	end();
}

Test(fs_setxattr, of_others)
{
	struct open_file f;

	begin();
	pairs_add(&fake_find("b", "old")->user, XATTRS_KEY, "{\"user.s\":\"eA==\"}");
	cr_assert_eq(get("s3/b/old", "user.s"), 0);
	answered("x", 1);
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0); /* an edit keeps it */
	write_at(&f, "x", 1, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_str_eq(stored("old"), "{\"user.s\":\"eA==\"}");
	close_file(&f);
	end();
}
