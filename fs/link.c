/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: a store has none, so a second name is a copy that the service makes; what is written under
 * one name later does not change the other. A file that was opened without a name (O_TMPFILE) gets
 * its first one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/listing.h"
#include "fs/publish.h"
#include "fs/told.h"

/* Nothing may have the name yet, and its directory must be there. */
static int check_new(struct lookup *to)
{
	struct wire_attr attr;
	int ret;

	if (to->name.kind != NAME_KEY || to->name.is_dir)
		return -EPERM;
	ret = lookup_stat(to, &attr);
	if (!ret)
		return -EEXIST;
	return ret == -ENOENT ? lookup_parent(to) : ret;
}

static int publish_draft(struct lookup *from, const char *object)
{
	struct cache_file *file = draft_find(context_id(from->ctx), object);
	int ret;

	if (!file)
		return 0;
	ret = publish(file, from->message);
	cache_put(file);
	return ret;
}

int change_link(struct lookup *from, struct lookup *to)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	struct meta_fact fact;
	struct wire_attr attr;
	int ret = lookup_stat(from, &attr);

	if (!ret && S_ISDIR(attr.mode))
		ret = -EPERM;
	if (!ret)
		ret = check_new(to);
	if (ret)
		return ret;
	if (!lookup_same_store(from, to))
		return -EXDEV;
	name_object(&from->name, old);
	name_object(&to->name, new);
	ret = publish_draft(from, old);
	if (!ret)
		ret = lookup_fact(from, &fact);
	if (!ret && fact.kind != META_FILE)
		ret = -ENOENT;
	if (!ret)
		ret = copy_object(from, to, true, NULL, &fact);
	if (!ret)
		told_file(context_id(to->ctx), new, &fact);
	return ret;
}

int change_link_of(struct cache_file *file, struct lookup *to)
{
	const uint8_t *ctx = context_id(to->ctx);
	char object[NAME_OBJECT_MAX];
	int ret;

	if (!draft_is(file) || !draft_is_unlinked(file) || !draft_is_new(file))
		return -ENOENT; /* it had a name, and that is gone: as link(2) says it */
	ret = check_new(to);
	if (ret)
		return ret;
	name_object(&to->name, object);
	ret = draft_rename(file, object, name_ino(object, strlen(object), false), NULL);
	if (ret)
		return ret;
	draft_must_be_new(file);
	draft_relink(file);
	meta_hide(ctx, object);
	listing_changed(object);
	return 0;
}

int change_open_unnamed(struct lookup *q, uint32_t mode, bool for_ever, struct cache_file **out)
{
	char prefix[NAME_OBJECT_MAX], object[NAME_OBJECT_MAX];
	struct wire_attr attr;
	struct draft_about about = {
		.ctx = context_id(q->ctx),
		.object = object,
		.path = q->path,
		.attr = &attr,
		.is_plain = true,
		.must_be_new = !for_ever, /* change_link_of() asks for that */
	};
	const struct meta_fact fact = {.kind = META_FILE, .has_mode = true, .mode = mode & 07777};
	struct timespec now;
	uint64_t number;
	int ret;

	q->must_be_dir = true;
	ret = lookup_stat(q, &attr);
	if (ret)
		return ret;
	if (q->name.kind != NAME_KEY && q->name.kind != NAME_BUCKET)
		return -EROFS;
	name_prefix(&q->name, prefix);
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EAGAIN;
	if (snprintf(object, sizeof(object), "%s.unnamed-%016" PRIx64, prefix, number) >=
	    (int)sizeof(object))
		return -ENAMETOOLONG;
	lookup_file_attr(object, &fact, &attr);
	clock_gettime(CLOCK_REALTIME, &now);
	attr.mtime_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	ret = draft_create(&about, out);
	if (!ret)
		draft_unlink(*out);
	return ret;
}
