/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/handoff.c: what is built is what is parsed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/base/handoff.h"

static const struct handoff full = {
	.ctx = {0x00, 0x0f, 0xf0, 0xff},
	.job = 0x0123cdef,
	.root = "/cloud",
	.sock = "/run/s",
	.cache = "/c",
	.bin = "/bin/skyshim",
	.rt = "/bin/skyshim-rt",
	.rtid = "1-2-3-4",
	.cwd = "s3/b",
	.mask = "0000000000000001",
	.exec = "/tmp/a\nb=c",
};

Test(handoff, round_trip)
{
	char text[HANDOFF_BYTES];
	struct handoff h;

	cr_assert_gt(handoff_build(&full, text, sizeof(text)), 0);
	cr_assert_eq(handoff_parse(text, &h), 0);
	cr_assert_arr_eq(h.ctx, full.ctx, sizeof(h.ctx));
	cr_assert_eq(h.job, full.job);
	cr_assert_str_eq(h.root, full.root);
	cr_assert_str_eq(h.sock, full.sock);
	cr_assert_str_eq(h.rt, full.rt);
	cr_assert_str_eq(h.rtid, full.rtid);
	cr_assert_str_eq(h.cwd, full.cwd);
	cr_assert_str_eq(h.mask, full.mask);
	cr_assert_null(h.fd);
	cr_assert_null(h.strict);
	cr_assert_null(h.report);
	cr_assert_null(h.uring);
	cr_assert_str_eq(h.exec, full.exec);
}

Test(handoff, coverage)
{
	char text[HANDOFF_BYTES], again[HANDOFF_BYTES];
	struct handoff in = full, h;

	in.strict = "1";
	in.report = "/tmp/coverage";
	in.fd = "7";
	in.uring = "1";
	cr_assert_gt(handoff_build(&in, text, sizeof(text)), 0);
	cr_assert_eq(handoff_parse(text, &h), 0);
	cr_assert_str_eq(h.strict, "1");
	cr_assert_str_eq(h.report, "/tmp/coverage");
	cr_assert_str_eq(h.fd, "7");
	cr_assert_str_eq(h.uring, "1");
	cr_assert_str_eq(h.exec, full.exec);

	cr_assert_null(h.home);
	cr_assert_null(h.filtered);

	/* each alone, and what was parsed is built anew: as from execve to execve */
	h.strict = NULL;
	cr_assert_gt(handoff_build(&h, again, sizeof(again)), 0);
	cr_assert_eq(handoff_parse(again, &h), 0);
	cr_assert_null(h.strict);
	cr_assert_str_eq(h.report, "/tmp/coverage");
	in.report = "/tmp/a\nb";
	cr_assert_eq(handoff_build(&in, again, sizeof(again)), -EINVAL);
}

Test(handoff, longest)
{
	char text[HANDOFF_BYTES];
	static char path[4096];
	struct handoff h = full;

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	h.root = h.cache = h.bin = h.rt = h.cwd = h.report = h.name = h.exec = path;
	cr_assert_gt(handoff_build(&h, text, sizeof(text)), 8 * 4095);
}

Test(handoff, refusals)
{
	char text[HANDOFF_BYTES];
	struct handoff h = full;

	cr_assert_eq(handoff_build(&full, text, 40), -ENAMETOOLONG);
	h.root = "/a\nb";
	cr_assert_eq(handoff_build(&h, text, sizeof(text)), -EINVAL);
	strcpy(text, HANDOFF_NAME "1\nctx=zz\n");
	cr_assert_eq(handoff_parse(text, &h), -EINVAL);
	cr_assert_gt(handoff_build(&full, text, sizeof(text)), 0);
	*strstr(text, "job=01") = 'J';
	cr_assert_eq(handoff_parse(text, &h), -EINVAL);
	cr_assert_gt(handoff_build(&full, text, sizeof(text)), 0);
	strstr(text, "job=01")[4] = 'g';
	cr_assert_eq(handoff_parse(text, &h), -EINVAL);
}

Test(handoff, home)
{
	char text[HANDOFF_BYTES];
	struct handoff in = full, h;

	in.home = "7e8012300000";
	in.filtered = "1";
	in.high = "1";
	in.name = "/tmp/script";
	in.exec = "/tmp/x\nhome=7e8045600000\n";
	cr_assert_gt(handoff_build(&in, text, sizeof(text)), 0);
	cr_assert_eq(handoff_home(handoff_find_home(text)), UINT64_C(0x7e8012300000));
	cr_assert_eq(handoff_parse(text, &h), 0);
	cr_assert_str_eq(h.home, in.home);
	cr_assert_str_eq(h.filtered, "1");
	cr_assert_str_eq(h.high, "1");
	cr_assert_str_eq(h.name, "/tmp/script");
	in.home = NULL; /* what looks like one in the path is none */
	cr_assert_gt(handoff_build(&in, text, sizeof(text)), 0);
	cr_assert_null(handoff_find_home(text));
	/* only where it may be, and whole */
	cr_assert_eq(handoff_home("7e8012300000\nexec="), UINT64_C(0x7e8012300000));
	cr_assert_eq(handoff_home("7e8012300001"), 0);
	cr_assert_eq(handoff_home("400000"), 0);
	cr_assert_eq(handoff_home("7f0000000000"), 0);
	cr_assert_eq(handoff_home("7e8012300000 "), 0);
	cr_assert_eq(handoff_home("1000000007e8012300000"), 0);
	cr_assert_eq(handoff_home(""), 0);
}
