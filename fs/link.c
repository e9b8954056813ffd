/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: a store has none, so a second name is a copy that the service makes, at once: of several
 * machines that make the same name one succeeds. While a program here has the file open, and some
 * seconds longer, both are names of one draft (cache/links.h). A file that was opened without a
 * name (O_TMPFILE) gets its first one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/fetch.h"
#include "fs/linkagain.h"
#include "fs/listing.h"
#include "fs/open.h"
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

/* An object that no file here can stand for. */
static int copy_only(struct lookup *from, struct lookup *to, struct meta_fact *fact)
{
	char object[NAME_OBJECT_MAX];
	int ret = copy_object(from, to, true, NULL, fact);

	name_object(&to->name, object);
	if (!ret)
		told_file(context_id(to->ctx), object, fact);
	return ret;
}

/* The copy is made, and is a name of the file. file: stopped by the caller. */
static int add_name(struct lookup *from, struct lookup *to, struct cache_file *file,
		    const struct meta_fact *seen)
{
	struct draft_name name = {.is_known = true};
	char version[STORE_ETAG_BYTES];
	struct meta_fact fact = *seen;
	struct store_object now;
	int ret;

	/* it may have been published once more since the caller looked */
	name_object(&from->name, name.object);
	draft_version(file, name.object, &now);
	fetch_version(&fact.object, version);
	if (strcmp(version, now.etag) != 0)
		fact = (struct meta_fact){.kind = META_FILE, .object = now};
	ret = copy_object(from, to, true, NULL, &fact);
	if (ret)
		return ret;
	name_object(&to->name, name.object);
	name.ino = name_ino(name.object, strlen(name.object), false);
	name.version = fact.object;
	ret = draft_link(file, &name);
	if (ret) { /* nobody has been told of it */
		change_delete(to, to->name.key);
		return ret;
	}
	told_file(context_id(to->ctx), name.object, &fact);
	return 0;
}

/* from: the name by which the file is known, in the bucket with all that was written so far. */
static int link_file(struct lookup *from, struct lookup *to, struct cache_file *file,
		     const struct meta_fact *seen)
{
	char object[NAME_OBJECT_MAX];
	int ret;

	name_object(&from->name, object);
	ret = draft_open(file, false, from->message);
	if (ret)
		return ret;
	draft_stop(file);
	meta_hide(context_id(from->ctx), object);
	ret = add_name(from, to, file, seen);
	draft_release(file);
	return ret;
}

/* The file of that version. Without one, or where it would take too much, it is only a copy. */
struct cache_file *link_file_of(struct lookup *from, const char *object,
				const struct meta_fact *fact)
{
	struct cache_file *file;

	if (fact->is_link)
		return NULL;
	file = open_version(from, object, fact);
	if (!file || (draft_links_count() < DRAFT_LINGERING_MAX &&
		      fact->object.size <= DRAFT_LINGERING_BYTES))
		return file;
	if (cache_is_open(file))
		return file;
	cache_put(file);
	return NULL;
}

static int link_name(struct lookup *from, struct lookup *to)
{
	char object[NAME_OBJECT_MAX];
	struct store_object version;
	struct cache_file *file;
	struct meta_fact fact;
	struct wire_attr attr;
	int ret = lookup_stat(from, &attr);

	if (!ret)
		ret = check_new(to);
	if (ret)
		return ret;
	if (!lookup_same_store(from, to))
		return -EXDEV;
	if (S_ISDIR(attr.mode))
		return -EPERM;
	name_object(&from->name, object);
	ret = publish_draft(from, object);
	if (!ret)
		ret = lookup_fact(from, &fact);
	if (!ret && fact.kind != META_FILE)
		ret = -ENOENT;
	if (ret)
		return ret;
	version = fact.object;
	file = link_file_of(from, object, &fact);
	if (!file)
		return copy_again(from, &version, copy_only(from, to, &fact));
	ret = link_file(from, to, file, &fact);
	cache_put(file);
	return copy_again(from, &version, ret);
}

int change_link(struct lookup *from, struct lookup *to, bool again)
{
	int ret = -EAGAIN;

	for (int i = 0; i < COPY_TRIES_MAX && ret == -EAGAIN; i++)
		ret = link_name(from, to);
	if (ret == -EAGAIN)
		return -EBUSY;
	if (ret == -EEXIST && again && lookup_same_store(from, to))
		ret = link_again(from, to, NULL);
	return ret;
}

static int link_published(struct lookup *from, struct lookup *to, struct cache_file *file)
{
	struct meta_fact fact = {.kind = META_FILE};
	int ret = draft_has_changes(file) ? publish(file, from->message) : 0;

	if (ret)
		return ret;
	cache_version(file, &fact.object);
	return link_file(from, to, file, &fact);
}

/* One more name of an open file that has one. */
static int link_named(struct cache_file *file, struct lookup *to, bool again)
{
	char object[CACHE_OBJECT_MAX];
	struct lookup *from;
	int ret = check_new(to);

	if (ret && (ret != -EEXIST || !again))
		return ret;
	cache_object(file, object);
	from = lookup_of(cache_ctx(file), object);
	if (!from)
		return -ENOMEM;
	if (!from->ctx)
		ret = -WIRE_EUNKNOWN_CTX;
	else if (memcmp(cache_ctx(file), context_id(to->ctx), WIRE_CTX_BYTES) != 0 ||
		 !lookup_same_store(from, to))
		ret = -EXDEV;
	if (!ret)
		ret = link_published(from, to, file);
	if (ret == -EEXIST && again)
		ret = link_again(from, to, file);
	if (ret && *from->message)
		memcpy(to->message, from->message, sizeof(to->message));
	free(from);
	return ret;
}

/* Of one without any. */
static int first_name(struct cache_file *file, const struct lookup *to)
{
	char object[NAME_OBJECT_MAX];
	int ret;

	name_object(&to->name, object);
	draft_stop(file);
	ret = draft_rename(file, "", object, name_ino(object, strlen(object), false), NULL);
	if (!ret) {
		draft_must_be_new(file);
		draft_relink(file);
		meta_hide(context_id(to->ctx), object);
		listing_changed(object);
	}
	draft_release(file);
	return ret;
}

/* Is that its first name, since a daemon that died gave it? */
static bool has_name(struct cache_file *file, const struct lookup *to)
{
	char first[CACHE_OBJECT_MAX], object[NAME_OBJECT_MAX];

	cache_object(file, first);
	name_object(&to->name, object);
	return draft_is(file) && draft_is_named(file) && !strcmp(first, object) &&
	       !memcmp(cache_ctx(file), context_id(to->ctx), WIRE_CTX_BYTES);
}

/* Two who name one without a name do so one after the other: what it is called inside is held by
 * each of them (fs/turn.h). */
int change_link_of(struct cache_file *file, struct lookup *to, bool again)
{
	int ret;

	if (again && has_name(file, to))
		return 0;
	if (!draft_is(file) || draft_is_named(file))
		return link_named(file, to, again);
	if (!draft_is_unlinked(file) || !draft_is_new(file))
		return -ENOENT; /* it had a name, and that is gone: as link(2) says it */
	ret = check_new(to);
	return ret ? ret : first_name(file, to);
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
