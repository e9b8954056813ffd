/* SPDX-License-Identifier: Apache-2.0 */
/* How far uploads are, as a runtime that waits for them asks. */
#include "tests/unit/writing_rig.h"

#include "fs/sent.h"

static void left(uint32_t files, uint64_t bytes, uint64_t there)
{
	cr_assert_eq(reply.head.attr.nlink, files);
	cr_assert_eq(reply.head.attr.size, bytes);
	cr_assert_eq(reply.head.attr.ino, there);
}

Test(fs_sent, counts_while_an_upload_is_under_way)
{
	const struct cache_file *one = (void *)&one, *other = (void *)&other;
	struct sent a, b;

	sent_add(one, 5);
	cr_assert_eq(sent_bytes(one), 0, "no upload is under way");
	sent_begin(&a, one);
	sent_begin(&b, other);
	sent_add(one, 5);
	sent_add(one, 6);
	sent_add(other, 7);
	cr_assert_eq(sent_bytes(one), 11);
	cr_assert_eq(sent_bytes(other), 7);
	sent_end(&a);
	cr_assert_eq(sent_bytes(one), 0);
	cr_assert_eq(sent_bytes(other), 7);
	sent_end(&b);
}

Test(fs_sent, of_one_file)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/new", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "text", 4, 0);
	cr_assert_eq(by_fd(WIRE_LEFT, f.fd, 0, 0), 0);
	left(1, 4, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(by_fd(WIRE_LEFT, f.fd, 0, 0), 0);
	cr_assert_eq(reply.head.attr.nlink, 0);
	close_file(&f);
	stop();
}

Test(fs_sent, of_a_process_that_settles)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(op(WIRE_LEFT, "", 0), 0);
	left(0, 0, 0);
	cr_assert_eq(open_file("s3/b/new", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "text", 4, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	write_at(&f, "more!", 5, 4);
	by_fd(WIRE_ENSURE, f.fd, 0, 0);
	request.op = WIRE_FLUSH;
	request.flags = WIRE_FLUSH_LATER;
	cr_assert_eq(ask("", 0), 0);
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(op(WIRE_LEFT, "", 0), 0);
		if (!reply.head.attr.nlink)
			break;
		left(1, 9, 0);
		usleep(10000);
	}
	left(0, 9, 9);
	cr_assert_eq(op(WIRE_SETTLE, "", 0), 0);
	cr_assert_eq(op(WIRE_LEFT, "", 0), 0);
	left(0, 0, 0);
	close_file(&f);
	stop();
}
