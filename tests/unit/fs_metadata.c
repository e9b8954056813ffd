/* SPDX-License-Identifier: Apache-2.0 */
/* Mode, owner and time as user metadata. */
#include <criterion/criterion.h>
#include <string.h>

#include "fs/metadata.h"

static const char *value_of(const struct metadata_pairs *p, const char *name)
{
	for (size_t i = 0; i < p->pairs.count; i++) {
		if (!strcmp(p->pair[i].name, name))
			return p->pair[i].value;
	}
	return "";
}

static struct metadata read_one(const char *name, const char *value)
{
	struct store_pair pair = {(char *)name, (char *)value};
	struct store_pairs pairs = {&pair, 1};
	struct metadata out;

	metadata_read(&pairs, &out);
	return out;
}

Test(fs_metadata, written_as_s3fs_and_rclone_do)
{
	struct metadata in = {.has_mode = true,
			      .mode = 0100644,
			      .has_mtime = true,
			      .mtime_ns = INT64_C(1700000000000000042),
			      .has_gid = true,
			      .gid = 100};
	struct metadata_pairs out;
	struct metadata back;

	metadata_write(&in, &out);
	cr_assert_eq(out.pairs.count, 3);
	cr_assert_str_eq(value_of(&out, "mode"), "33188");
	cr_assert_str_eq(value_of(&out, "mtime"), "1700000000.000000042");
	cr_assert_str_eq(value_of(&out, "gid"), "100");
	metadata_read(&out.pairs, &back);
	cr_assert(back.has_mode && back.has_mtime && back.has_gid && !back.has_uid);
	cr_assert_eq(back.mode, in.mode);
	cr_assert_eq(back.mtime_ns, in.mtime_ns);
	in.mtime_ns = -1;
	metadata_write(&in, &out);
	cr_assert_str_eq(value_of(&out, "mtime"), "-1.999999999");
	metadata_read(&out.pairs, &back);
	cr_assert_eq(back.mtime_ns, -1);
}

Test(fs_metadata, read_as_others_write)
{
	cr_assert_eq(read_one("mtime", "1700000000").mtime_ns, INT64_C(1700000000000000000));
	cr_assert_eq(read_one("mtime", "1700000000.5").mtime_ns, INT64_C(1700000000500000000));
	cr_assert_eq(read_one("mtime", "1700000000.1234567891").mtime_ns,
		     INT64_C(1700000000123456789));
	cr_assert_eq(read_one("uid", "4294967294").uid, 4294967294u);
}

Test(fs_metadata, a_mark_is_of_one_upload_and_ours)
{
	struct metadata in = {.mark = metadata_draw_mark()}, back;
	struct metadata_pairs out;

	cr_assert_neq(in.mark, 0);
	cr_assert_neq(in.mark, metadata_draw_mark());
	metadata_write(&in, &out);
	cr_assert_eq(out.pairs.count, 1);
	cr_assert(metadata_is_ours(out.pair[0].name));
	cr_assert_eq(strlen(value_of(&out, METADATA_MARK)), 16);
	metadata_read(&out.pairs, &back);
	cr_assert_eq(back.mark, in.mark);
	cr_assert_eq(read_one(METADATA_MARK, "00000000000000ff").mark, 255);
	cr_assert_eq(read_one(METADATA_MARK, "00000000000000fF").mark, 0);
	cr_assert_eq(read_one(METADATA_MARK, "0000000000000ff").mark, 0);
	cr_assert_eq(read_one(METADATA_MARK, "00000000000000ff0").mark, 0);
}

Test(fs_metadata, nonsense_is_nothing)
{
	static const char *const odd[] = {"",	 " 1",	"1 ",	"0x10", "1.2.3", "-", "99999999999",
					  "1e9", "1,5", "1.-5", "\xff"};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		cr_assert(!read_one("mtime", odd[i]).has_mtime, "%s", odd[i]);
		cr_assert(!read_one("mode", odd[i]).has_mode, "%s", odd[i]);
	}
	cr_assert(!read_one("uid", "-1").has_uid);
	cr_assert(!read_one("uid", "4294967296").has_uid);
	cr_assert(!read_one("gid", "1.5").has_gid);
}
