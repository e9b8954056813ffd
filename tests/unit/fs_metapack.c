/* SPDX-License-Identifier: Apache-2.0 */
/* What is written into a record is what is read from it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/metaetag.h"
#include "fs/metapack.h"

#define DAY_NS (24 * 3600 * CLOCK_NS_PER_S)

static size_t etag_takes(const char *etag)
{
	unsigned char bytes[METAETAG_BYTES_MAX];
	char again[STORE_ETAG_BYTES];
	unsigned form;
	size_t n = metaetag_write(etag, bytes, &form);

	cr_assert_leq(n, METAETAG_BYTES_MAX);
	cr_assert_lt(form, 8);
	cr_assert_eq(metaetag_bytes(bytes, form), n);
	metaetag_read(bytes, form, again);
	cr_assert_str_eq(again, etag);
	return n;
}

#define MD5 "d41d8cd98f00b204e9800998ecf8427e"

Test(fs_metapack, etags)
{
	char longest[STORE_ETAG_BYTES];

	cr_assert_eq(etag_takes(""), 0);
	cr_assert_eq(etag_takes("\"" MD5 "\""), 16);
	cr_assert_eq(etag_takes("\"" MD5 "-1\""), 18);
	cr_assert_eq(etag_takes("\"" MD5 "-10000\""), 18);
	cr_assert_eq(etag_takes("\"" MD5 "-65535\""), 18);
	cr_assert_eq(etag_takes("\"" MD5 MD5 "\""), 32);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	cr_assert_eq(etag_takes(longest), STORE_ETAG_BYTES);
}

/* Nearly such: each has to come back as it was. */
Test(fs_metapack, etags_that_are_text)
{
	static const char *const texts[] = {
		MD5,
		"\"" MD5,
		MD5 "\"",
		"W/\"" MD5 "\"",
		"\"D41D8CD98F00B204E9800998ECF8427E\"",
		"\"d41d8cd98f00b204e9800998ecf8427\"",
		"\"d41d8cd98f00b204e9800998ecf8427ee\"",
		"\"" MD5 "\" ",
		"\"" MD5 "-\"",
		"\"" MD5 "-0\"",
		"\"" MD5 "-01\"",
		"\"" MD5 "-65536\"",
		"\"" MD5 "-1",
		"\"" MD5 "--1\"",
		"\"" MD5 "-+1\"",
		"\"" MD5 "- 1\"",
		"\"" MD5 "-1x\"",
		"\"" MD5 "-99999999999999999999\"",
		"\"" MD5 MD5 "-1\"",
		"\"0x8DB7F2A1B2C3D4E\"",
		"\"CJizoMSr5f8CEAE=\"",
		"\"\"",
		"\"",
		"-",
		"\"" MD5 "g\"",
		"\"" MD5 "\x80\"",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_eq(etag_takes(texts[i]), strlen(texts[i]) + 1, "%s", texts[i]);
}

static struct metaentry entry(const char *leaf)
{
	return (struct metaentry){.key = {.leaf = leaf, .leaf_len = strlen(leaf)},
				  .kind = META_FILE,
				  .mtime_ns = 1700000000 * CLOCK_NS_PER_S,
				  .size = 12345678,
				  .etag = "\"" MD5 "\""};
}

static const struct metarec_entry *pack(const struct metaentry *e, struct metapack *to)
{
	metapack_write(e, to);
	return (const struct metarec_entry *)to->bytes;
}

Test(fs_metapack, what_a_listing_tells_takes_88_bytes)
{
	struct metaentry e = entry("record-000000001.bin");
	struct metapack to;

	cr_assert_eq(pack(&e, &to)->head.units * METAREC_UNIT, 88);
}

static void check_times(int64_t until_ns, int64_t spare_until_ns, int64_t read_until_ns)
{
	struct metaentry e = entry("x"), out;
	struct metapack to;
	const struct metarec_entry *rec;

	e.until_ns = until_ns;
	e.spare_until_ns = spare_until_ns;
	e.read_until_ns = read_until_ns;
	rec = pack(&e, &to);
	metapack_read(rec, &out);
	cr_assert(out.until_ns <= until_ns && until_ns - out.until_ns < 65536);
	cr_assert(out.read_until_ns <= read_until_ns && read_until_ns - out.read_until_ns < 65536);
	cr_assert_eq(metapack_read_until_ns(rec), out.read_until_ns);
	cr_assert_eq(metapack_spare_until_ns(rec), out.spare_until_ns);
	cr_assert_eq(!out.spare_until_ns, !spare_until_ns);
	if (spare_until_ns > until_ns)
		cr_assert(out.spare_until_ns <= spare_until_ns &&
			  spare_until_ns - out.spare_until_ns <= 2 * CLOCK_NS_PER_MS);
	else
		cr_assert_leq(out.spare_until_ns, until_ns, "no longer than it is believed");
	cr_assert_str_eq(out.etag, e.etag);
	cr_assert_eq(memcmp(metapack_leaf(rec), "x", 1), 0);
}

Test(fs_metapack, times)
{
	const int64_t now = 5000 * DAY_NS + 123456789, most = INT64_C(1000000000000) * 1000000;

	check_times(0, 0, 0);
	check_times(now, 0, 0);
	check_times(now, now + 29 * CLOCK_NS_PER_S, 0);
	check_times(now, now + 100, now);
	check_times(now + 60 * CLOCK_NS_PER_S, now + 30 * CLOCK_NS_PER_S, now);
	check_times(now + most, 0, now + most);
}

Test(fs_metapack, fields_that_few_have)
{
	struct metaentry e = entry("a name"), out;
	struct metapack to;
	const struct metarec_entry *rec;

	for (unsigned bits = 0; bits < 1u << 12; bits++) {
		e.size = bits & 1 ? UINT64_MAX : bits & 2 ? (UINT64_C(1) << 48) - 1 : 0;
		e.mtime_ns = bits & 4 ? -1 : 0;
		e.mode = bits & 8 ? 07777 : 0;
		e.uid = bits & 16 ? UINT32_MAX : 0;
		e.gid = bits & 32 ? 1000 : 0;
		e.read_until_ns = bits & 64 ? DAY_NS : 0;
		e.key.is_own = e.has_gid = e.is_told = bits & 128;
		e.is_listed = e.is_link = e.has_mode = bits & 256;
		e.was_kept = e.has_xattr = e.has_uid = bits & 512;
		e.is_used = e.has_foreign = e.has_mtime = bits & 1024;
		e.is_ahead = e.was_hidden = bits & 2048;
		e.kind = bits & 3;
		rec = pack(&e, &to);
		memset(&out, 0x55, sizeof(out));
		metapack_read(rec, &out);
		cr_assert_eq(memcmp(metapack_leaf(rec), "a name", 6), 0);
		cr_assert_eq(rec->head.leaf, 6);
		cr_assert_eq(metapack_is_own(rec), e.key.is_own);
		cr_assert(out.size == e.size && out.mtime_ns == e.mtime_ns && out.mode == e.mode &&
			  out.uid == e.uid && out.gid == e.gid && out.kind == e.kind);
		cr_assert(out.is_told == e.is_told && out.is_link == e.is_link &&
			  out.has_xattr == e.has_xattr && out.has_foreign == e.has_foreign &&
			  out.has_mode == e.has_mode && out.has_uid == e.has_uid &&
			  out.has_gid == e.has_gid && out.has_mtime == e.has_mtime);
		cr_assert(out.is_listed == e.is_listed && out.was_kept == e.was_kept &&
			  out.is_used == e.is_used && out.is_ahead == e.is_ahead &&
			  out.was_hidden == e.was_hidden);
		cr_assert_eq(out.read_until_ns, metapack_read_until_ns(rec));
		cr_assert_str_eq(out.etag, e.etag);
	}
}

Test(fs_metapack, the_longest)
{
	static char leaf[META_NAME_MAX];
	struct metaentry e, out;
	struct metapack to;

	memset(leaf, 'l', sizeof(leaf) - 1);
	e = entry(leaf);
	memset(e.etag, 'e', STORE_ETAG_BYTES - 1);
	e.size = e.mode = e.uid = UINT16_MAX;
	e.read_until_ns = DAY_NS;
	metapack_read(pack(&e, &to), &out);
	cr_assert_eq(pack(&e, &to)->head.leaf, sizeof(leaf) - 1);
	cr_assert_leq(pack(&e, &to)->head.units * METAREC_UNIT, sizeof(to.bytes));
	cr_assert_str_eq(out.etag, e.etag);
}
