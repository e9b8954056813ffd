/* SPDX-License-Identifier: Apache-2.0 */
/* What an entry knows: as a fact, and whether that may be believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/metaentry.h"

static int64_t ttl_ns = META_TTL_MS * CLOCK_NS_PER_MS;

int64_t meta_ttl_ns(void)
{
	return ttl_ns;
}

void meta_start(void)
{
	const char *text = getenv("SKYSHIM_META_TTL_MS");
	char *end;
	double ms = text && *text ? strtod(text, &end) : META_TTL_MS;

	if (text && *text && (*end || !(ms >= 0) || ms > 1e12))
		ms = META_TTL_MS;
	ttl_ns = (int64_t)(ms * (double)CLOCK_NS_PER_MS);
}

bool metaentry_is_same_version(const struct metaentry *e, const struct meta_fact *fact)
{
	return e->kind == META_FILE && fact->kind == META_FILE && e->size == fact->object.size &&
	       *e->etag && !strcmp(e->etag, fact->object.etag);
}

bool metaentry_is_same(const struct metaentry *e, const struct meta_fact *fact)
{
	return fact->kind == META_FILE ? metaentry_is_same_version(e, fact) : e->kind == fact->kind;
}

bool metaentry_is_fresh(const struct metaentry *e)
{
	return e->kind != META_UNKNOWN && clock_ns() < e->until_ns;
}

static void withdraw(const struct metaentry *e)
{
	if (e->ref)
		shown_reset(metaentry_shown(e->ref));
}

void metaentry_set_fact(struct metaentry *e, const struct meta_fact *fact, bool listed)
{
	int64_t now = clock_ns() - (listed ? fact->waited_ns : 0);

	withdraw(e);
	if (!listed || !e->is_told || !metaentry_is_same_version(e, fact)) {
		e->mtime_ns = fact->object.mtime_ns;
		e->is_told = fact->is_told;
		e->is_link = fact->is_link;
		e->has_xattr = fact->has_xattr;
		e->has_foreign = fact->has_foreign;
		e->has_mode = fact->has_mode;
		e->mode = (uint16_t)fact->mode;
		e->has_mtime = fact->has_mtime;
		e->has_uid = fact->has_uid;
		e->uid = fact->uid;
		e->has_gid = fact->has_gid;
		e->gid = fact->gid;
	}
	e->kind = (uint8_t)fact->kind;
	e->is_ahead = e->was_kept = false;
	e->is_listed = listed;
	e->size = fact->object.size;
	snprintf(e->etag, sizeof(e->etag), "%s", fact->kind == META_FILE ? fact->object.etag : "");
	e->until_ns = now + ttl_ns;
	e->spare_until_ns = listed ? now + META_SPARE_MS * CLOCK_NS_PER_MS : 0;
	e->is_used = e->ref;
}

void metaentry_expire(struct metaentry *e)
{
	withdraw(e);
	e->until_ns = e->spare_until_ns = 0;
}

void metaentry_read_fact(const struct metaentry *e, struct meta_fact *out)
{
	out->kind = e->kind;
	out->object.size = e->size;
	out->object.mtime_ns = e->mtime_ns;
	out->is_told = e->is_told;
	out->is_link = e->is_link;
	out->has_xattr = e->has_xattr;
	out->has_foreign = e->has_foreign;
	out->has_mode = e->has_mode;
	out->mode = e->mode;
	out->has_mtime = e->has_mtime;
	out->has_uid = e->has_uid;
	out->uid = e->uid;
	out->has_gid = e->has_gid;
	out->gid = e->gid;
	out->hidden = metaentry_hidden(&e->key, e->was_hidden);
	out->is_ahead = e->is_ahead;
	snprintf(out->object.etag, sizeof(out->object.etag), "%s", e->etag);
}

void metaentry_look_at_marks(struct metaentry *e)
{
	if (e->spare_until_ns && e->ref && shown_is_taken(metaentry_shown(e->ref)))
		e->spare_until_ns = 0;
}

/* Does it lie in a directory that somebody is reading, or has read not long ago? Most listings are
 * not made for readers: who only asks about a directory is told of what is in it, too, but does not
 * come to that one after the other. */
static bool is_read(const struct metaentry *e, int64_t now_ns)
{
	struct metaentry dir;

	return metaentry_load_parent(e, &dir) && now_ns < dir.read_until_ns;
}

bool metaentry_believe(struct metaentry *e, bool to_open)
{
	int64_t now = clock_ns(), spare_until_ns = e->spare_until_ns;
	bool fresh;

	if (to_open && e->kind == META_FILE && now >= e->until_ns)
		return false;
	metaentry_look_at_marks(e);
	fresh = e->kind != META_UNKNOWN &&
		(now < e->until_ns || (now < e->spare_until_ns && is_read(e, now)));

	e->spare_until_ns = 0;
	if (spare_until_ns)
		metaentry_save(e);
	return fresh;
}
