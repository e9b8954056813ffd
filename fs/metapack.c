/* SPDX-License-Identifier: Apache-2.0 */
/* See metapack.h. Behind the head of a record stand, where they are not 0 or "": time, size, mode,
 * owner, the time up to which it is read, ETag; and the name's last part. */
#include "fs/metapack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/metaetag.h"

#define TIME_SHIFT 16 /* ns */
#define SIZE_BYTES 6  /* of a size below 2^48, little-endian as all that is shorter than its type */
#define TIME_BYTES 6

/* Of metarec_entry.spare_ms: as long as it is believed, which is longer than that would be. */
#define SPARE_WITHIN UINT16_MAX

/* Of metarec_entry.flags. */
#define IS_OWN	    0x0001u
#define IS_LISTED   0x0002u
#define WAS_KEPT    0x0004u
#define IS_AHEAD    0x0008u
#define IS_TOLD	    0x0010u
#define IS_LINK	    0x0020u
#define HAS_XATTR   0x0040u
#define HAS_FOREIGN 0x0080u
#define HAS_MODE    0x0100u
#define HAS_UID	    0x0200u
#define HAS_GID	    0x0400u
#define HAS_MTIME   0x0800u
#define WAS_HIDDEN  0x1000u

/* Of metarec_entry.extra: what stands behind the head. */
#define WITH_TIME  0x01u
#define WITH_SIZE  0x02u
#define WITH_LARGE 0x04u /* all 8 bytes of the size */
#define WITH_MODE  0x08u
#define WITH_OWNER 0x10u
#define WITH_READ  0x20u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower bytes come first");

static unsigned char *add(unsigned char *at, const void *from, size_t bytes)
{
	memcpy(at, from, bytes);
	return at + bytes;
}

static const unsigned char *take(const unsigned char *at, void *to, size_t bytes)
{
	memcpy(to, at, bytes);
	return at + bytes;
}

static uint64_t to_units(int64_t ns)
{
	return ns > 0 ? (uint64_t)ns >> TIME_SHIFT : 0;
}

static int64_t to_ns(uint64_t units)
{
	return (int64_t)(units << TIME_SHIFT);
}

static uint16_t flags_of(const struct metaentry *e)
{
	return (uint16_t)((e->key.is_own ? IS_OWN : 0) | (e->is_listed ? IS_LISTED : 0) |
			  (e->was_kept ? WAS_KEPT : 0) | (e->is_ahead ? IS_AHEAD : 0) |
			  (e->is_told ? IS_TOLD : 0) | (e->is_link ? IS_LINK : 0) |
			  (e->has_xattr ? HAS_XATTR : 0) | (e->has_foreign ? HAS_FOREIGN : 0) |
			  (e->has_mode ? HAS_MODE : 0) | (e->has_uid ? HAS_UID : 0) |
			  (e->has_gid ? HAS_GID : 0) | (e->has_mtime ? HAS_MTIME : 0) |
			  (e->was_hidden ? WAS_HIDDEN : 0));
}

static void read_flags(uint16_t flags, struct metaentry *out)
{
	out->is_listed = flags & IS_LISTED;
	out->was_kept = flags & WAS_KEPT;
	out->is_ahead = flags & IS_AHEAD;
	out->is_told = flags & IS_TOLD;
	out->is_link = flags & IS_LINK;
	out->has_xattr = flags & HAS_XATTR;
	out->has_foreign = flags & HAS_FOREIGN;
	out->has_mode = flags & HAS_MODE;
	out->has_uid = flags & HAS_UID;
	out->has_gid = flags & HAS_GID;
	out->has_mtime = flags & HAS_MTIME;
	out->was_hidden = flags & WAS_HIDDEN;
}

/* What is to spare ends 30 s after it was listed, and mostly after it is believed as such. Less is
 * the safe side. */
static uint16_t spare_of(int64_t until_ns, int64_t spare_until_ns)
{
	int64_t ms = (spare_until_ns - until_ns) / CLOCK_NS_PER_MS;

	if (!spare_until_ns)
		return 0;
	if (ms <= 0)
		return SPARE_WITHIN;
	return (uint16_t)(ms < SPARE_WITHIN ? ms : SPARE_WITHIN - 1);
}

static void write_times(const struct metaentry *e, struct metarec_entry *rec)
{
	uint64_t until = to_units(e->until_ns);

	rec->until_low = (uint32_t)until;
	rec->until_high = (uint16_t)(until >> 32);
	rec->spare_ms = spare_of(to_ns(until), e->spare_until_ns);
}

static int64_t until_ns(const struct metarec_entry *rec)
{
	return to_ns(rec->until_low | (uint64_t)rec->until_high << 32);
}

int64_t metapack_spare_until_ns(const struct metarec_entry *rec)
{
	if (!rec->spare_ms)
		return 0;
	return until_ns(rec) +
	       (rec->spare_ms == SPARE_WITHIN ? 0 : rec->spare_ms * CLOCK_NS_PER_MS);
}

static unsigned extra_of(const struct metaentry *e)
{
	unsigned extra = 0;

	if (e->mtime_ns)
		extra |= WITH_TIME;
	if (e->size >> (8 * SIZE_BYTES))
		extra |= WITH_LARGE;
	else if (e->size)
		extra |= WITH_SIZE;
	if (e->mode)
		extra |= WITH_MODE;
	if (e->uid || e->gid)
		extra |= WITH_OWNER;
	if (e->read_until_ns)
		extra |= WITH_READ;
	return extra;
}

void metapack_write(const struct metaentry *e, struct metapack *out)
{
	struct metarec_entry *rec = (void *)out;
	unsigned extra = extra_of(e), form;
	uint64_t read_until = to_units(e->read_until_ns);
	unsigned char *at = rec->rest;

	memset(rec, 0, sizeof(*rec));
	rec->head.type = METAREC_ENTRY;
	rec->head.leaf = (uint32_t)e->key.leaf_len & 0x1fff;
	rec->head.kind = e->kind & 3u;
	rec->head.is_used = e->is_used;
	rec->ctx = (uint16_t)e->key.number;
	rec->flags = flags_of(e);
	rec->extra = extra & 0xff;
	write_times(e, rec);
	if (extra & WITH_TIME)
		at = add(at, &e->mtime_ns, sizeof(e->mtime_ns));
	if (extra & (WITH_SIZE | WITH_LARGE))
		at = add(at, &e->size, extra & WITH_LARGE ? sizeof(e->size) : SIZE_BYTES);
	if (extra & WITH_MODE)
		at = add(at, &e->mode, sizeof(e->mode));
	if (extra & WITH_OWNER) {
		at = add(at, &e->uid, sizeof(e->uid));
		at = add(at, &e->gid, sizeof(e->gid));
	}
	if (extra & WITH_READ)
		at = add(at, &read_until, TIME_BYTES);
	at += metaetag_write(e->etag, at, &form);
	rec->head.etag = form & 7;
	at = add(at, e->key.leaf, e->key.leaf_len);
	rec->head.units =
		(uint32_t)((size_t)(at - (unsigned char *)rec + METAREC_UNIT - 1) / METAREC_UNIT) &
		0x7ff;
}

/* Up to the ETag. */
static const unsigned char *read_rest(const struct metarec_entry *rec, struct metaentry *out)
{
	const unsigned char *at = rec->rest;
	uint64_t read_until = 0;

	if (rec->extra & WITH_TIME)
		at = take(at, &out->mtime_ns, sizeof(out->mtime_ns));
	if (rec->extra & (WITH_SIZE | WITH_LARGE))
		at = take(at, &out->size, rec->extra & WITH_LARGE ? sizeof(out->size) : SIZE_BYTES);
	if (rec->extra & WITH_MODE)
		at = take(at, &out->mode, sizeof(out->mode));
	if (rec->extra & WITH_OWNER) {
		at = take(at, &out->uid, sizeof(out->uid));
		at = take(at, &out->gid, sizeof(out->gid));
	}
	if (rec->extra & WITH_READ)
		at = take(at, &read_until, TIME_BYTES);
	out->read_until_ns = to_ns(read_until);
	return at;
}

void metapack_read(const struct metarec_entry *rec, struct metaentry *out)
{
	const unsigned char *at;

	out->size = 0;
	out->mtime_ns = 0;
	out->mode = 0;
	out->uid = out->gid = 0;
	at = read_rest(rec, out);
	metaetag_read(at, rec->head.etag, out->etag);
	out->kind = rec->head.kind;
	out->is_used = rec->head.is_used;
	read_flags(rec->flags, out);
	out->until_ns = until_ns(rec);
	out->spare_until_ns = metapack_spare_until_ns(rec);
}

/* Where the ETag begins. */
static const unsigned char *behind_fields(const struct metarec_entry *rec)
{
	size_t bytes = 0;

	bytes += rec->extra & WITH_TIME ? sizeof(int64_t) : 0;
	bytes += rec->extra & WITH_LARGE  ? sizeof(uint64_t)
		 : rec->extra & WITH_SIZE ? SIZE_BYTES
					  : 0;
	bytes += rec->extra & WITH_MODE ? sizeof(uint16_t) : 0;
	bytes += rec->extra & WITH_OWNER ? 2 * sizeof(uint32_t) : 0;
	bytes += rec->extra & WITH_READ ? TIME_BYTES : 0;
	return rec->rest + bytes;
}

const char *metapack_leaf(const struct metarec_entry *rec)
{
	const unsigned char *at = behind_fields(rec);

	return (const char *)at + metaetag_bytes(at, rec->head.etag);
}

bool metapack_is_own(const struct metarec_entry *rec)
{
	return rec->flags & IS_OWN;
}

int64_t metapack_read_until_ns(const struct metarec_entry *rec)
{
	uint64_t units = 0;

	if (rec->extra & WITH_READ)
		memcpy(&units, behind_fields(rec) - TIME_BYTES, TIME_BYTES);
	return to_ns(units);
}

bool metapack_was_kept(const struct metarec_entry *rec)
{
	return rec->flags & WAS_KEPT;
}

void metapack_set_kept(struct metarec_entry *rec)
{
	rec->flags |= WAS_KEPT;
}
