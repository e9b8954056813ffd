/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename: a copy by the service, then the old name is deleted. What happens in between is never
 * the loss of anything: at worst both names are there, and what is open goes on with the old one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/fs.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/backends.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/deeds.h"
#include "fs/linkagain.h"
#include "fs/listing.h"
#include "fs/movedir.h"
#include "fs/stream.h"
#include "fs/publish.h"
#include "fs/told.h"
#include "fs/untold.h"

struct rename {
	struct lookup *from, *to;
	const uint8_t *ctx;
	bool must_be_new;
	bool is_same; /* both are names of one file: rename(2) does nothing then */
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	/* The drafts of the old name and the new one, or NULL, which are not being published
	 * meanwhile: what a program goes on writing to the first gets into the bucket afterwards,
	 * under the new name, or it would be part of what is deleted; what is still to be sent to
	 * the second would get there after what replaces it. */
	struct cache_file *held, *target;
	/* The cached file of the old name, with a reference, or NULL: what reads or writes it goes
	 * on with the new one. */
	struct cache_file *along;
	bool is_left;	  /* it could not be taken along */
	bool is_replaced; /* something had the new name */
};

/* What was written under the new name is replaced as well, published or not; keep: but this. */
static void replace_draft(const struct rename *r, const struct cache_file *keep)
{
	struct cache_file *file = draft_find(r->ctx, r->new);

	draft_replaced(r->ctx, r->new, keep);
	if (!file)
		return;
	if (file != keep)
		stream_clean(file, r->to->ctx);
	cache_put(file);
}

static uint64_t ino_of(const char *object)
{
	return name_ino(object, strlen(object), false);
}

/* The cached file of the old name goes on as that of the new one. */
static void take_file_along(struct rename *r, const struct store_object *old,
			    const struct store_object *new)
{
	struct cache_file *file = cache_find(r->ctx, r->old, old->etag);

	if (!file)
		return;
	r->along = file;
	r->is_left = draft_open(file, false, NULL) ||
		     draft_rename(file, r->old, r->new, ino_of(r->new), new);
}

/* If it could not, it has no name any more; what is held loses it at its release. */
static void leave_along(struct rename *r)
{
	if (!r->along)
		return;
	if (r->along != r->held) {
		if (r->is_left)
			draft_forget_name(r->along, r->old);
		r->is_left = false;
	}
	cache_put(r->along);
	r->along = NULL;
}

/* It goes on with the old name, whose object this is still. False: it cannot. */
static bool take_back(struct rename *r, const struct store_object *old)
{
	int ret = 0;

	if (r->along && !r->is_left)
		ret = draft_rename(r->along, r->new, r->old, ino_of(r->old), old);
	if (!ret)
		r->is_left = false;
	if (r->along)
		cache_put(r->along);
	r->along = NULL;
	return !ret;
}

static void hold(struct rename *r)
{
	const char *const object[2] = {r->old, r->new};
	struct cache_file *files[2];

	draft_hold_two(r->ctx, object, files);
	r->held = files[0];
	r->target = files[1];
	r->is_left = false;
}

/* It has the name no more, if it is replaced. */
static void release_target(const struct rename *r, bool is_replaced)
{
	if (!r->target)
		return;
	if (!is_replaced) {
		draft_release(r->target);
		return;
	}
	cache_ref(r->target);
	draft_release_without(r->target, r->new);
	stream_clean(r->target, r->to->ctx);
	cache_put(r->target);
}

/* Nothing of it is in the bucket: only its name is another. */
static int rename_new_draft(struct rename *r, struct cache_file *file)
{
	int ret = -EAGAIN;

	hold(r);
	deed_note(r->from->deed, DEED_MADE, 0);
	if (r->held == file)
		ret = draft_rename(file, r->old, r->new, ino_of(r->new), NULL);
	release_target(r, !ret);
	draft_release(r->held);
	if (!ret) {
		replace_draft(r, file);
		told_no_file(r->ctx, r->old);
		meta_hide(r->ctx, r->new);
		listing_changed(r->new);
	}
	return ret;
}

/* What is being written is published first. 1: it needs no more. */
static int settle_draft(struct rename *r)
{
	struct cache_file *file = draft_find(r->ctx, r->old);
	int ret = -EAGAIN;

	if (!file)
		return 0;
	if (draft_is_new(file) && !r->must_be_new)
		ret = rename_new_draft(r, file);
	if (ret == -EAGAIN)
		ret = publish(file, r->from->message);
	else if (!ret)
		ret = 1;
	cache_put(file);
	return ret;
}

/* The old name, if it is still what was copied. What another machine has stored there meanwhile
 * stays, as if it had come a moment later. */
static int delete_old(struct rename *r, const struct store_object *old)
{
	int ret = change_delete_version(r->from, r->from->name.key, *old->etag ? old->etag : NULL);

	if (!ret || ret == -ENOENT) {
		told_no_file(r->ctx, r->old);
		return 0;
	}
	if (ret != -ESTALE)
		return ret;
	log_warn("%s: was stored or removed by somebody while it was renamed, and stays as it is",
		 r->old);
	r->from->message[0] = '\0';
	meta_forget(r->ctx, r->old);
	listing_changed(r->old);
	return 0;
}

static bool is_there(struct lookup *q, const struct store_object *version)
{
	struct meta_fact now;

	return *version->etag && !lookup_told(q, &now) && now.kind == META_FILE &&
	       !strcmp(now.object.etag, version->etag);
}

/* The old name could not be deleted: what has it open goes on with it. The copy goes again where
 * that takes nothing from anybody: the old object is there for certain, the deletion was refused
 * (of another error it may be under way still), and the copy has replaced nothing. Otherwise both
 * names stay. */
static void give_up(struct rename *r, const struct store_object *old,
		    const struct store_object *copy, int error)
{
	char message[STORE_MESSAGE_BYTES];

	memcpy(message, r->from->message, sizeof(message));
	if (take_back(r, old) && error == -EACCES && !r->is_replaced && *copy->etag &&
	    is_there(r->from, old) && !change_delete_version(r->to, r->to->name.key, copy->etag))
		told_no_file(r->ctx, r->new);
	memcpy(r->from->message, message, sizeof(message));
}

/* By one request, where the store has such a one. A reader who has not got all of it yet would miss
 * the old name: then it is copied. */
static int rename_at_once(struct rename *r, struct meta_fact *fact)
{
	const struct lookup *to = r->to;
	struct cache_file *file = cache_find(r->ctx, r->old, NULL);
	bool is_read = file && cache_is_open(file) && !cache_complete(file);
	char etag[STORE_ETAG_BYTES];
	struct store_call call = {
		.verb = STORE_RENAME,
		.ctx = r->to->ctx,
		.scheme = r->to->name.scheme,
		.bucket = r->to->name.bucket,
		.key = r->to->name.key,
		.from_bucket = r->from->name.bucket,
		.from_key = r->from->name.key,
		.from_etag = fact->object.etag[0] ? etag : NULL,
		.if_none_match = r->must_be_new ? "*" : NULL,
	};
	int ret = -EOPNOTSUPP;

	memcpy(etag, fact->object.etag, sizeof(etag));
	if (file)
		cache_put(file);
	if (!is_read && backends_renames(to->name.scheme)) {
		/* if the old name goes, so it was this */
		if (store_names(to->ctx, to->name.scheme, to->name.bucket) == STORE_NAMES_TREE)
			deed_note(r->from->deed, DEED_MADE, 0);
		ret = store_run(&call);
	}
	if (!ret && call.object.etag[0])
		memcpy(fact->object.etag, call.object.etag, sizeof(etag));
	if (!ret)
		untold_copied(r->old, r->new, &fact->object);
	if (ret && ret != -ENOENT && ret != -EOPNOTSUPP)
		memcpy(r->from->message, call.message, sizeof(call.message));
	store_call_reset(&call);
	/* as of a copy: copy_again() finds out which of the two conditions it was */
	return ret == -ESTALE && r->must_be_new ? -EEXIST : ret;
}

/* Of what is held. */
static int copy_and_delete(struct rename *r)
{
	struct meta_fact fact;
	struct store_object old;
	bool at_once = false;
	int ret = lookup_fact(r->from, &fact);

	if (!ret && fact.kind != META_FILE)
		ret = -ENOENT;
	if (!ret) {
		old = fact.object;
		ret = rename_at_once(r, &fact);
		at_once = !ret;
		if (ret == -EOPNOTSUPP) {
			deed_note(r->from->deed, DEED_TRIED, 0);
			ret = copy_object(r->from, r->to, r->must_be_new, NULL, &fact);
		}
	}
	release_target(r, !ret);
	if (ret)
		return copy_again(r->from, &old, ret);
	deed_note(r->from->deed, DEED_MADE, 0);
	replace_draft(r, r->held);
	if (!fact.is_link)
		take_file_along(r, &old, &fact.object);
	told_file(r->ctx, r->new, &fact);
	if (at_once)
		told_no_file(r->ctx, r->old);
	else
		ret = delete_old(r, &old);
	if (ret)
		give_up(r, &old, &fact.object, ret);
	else
		leave_along(r);
	return ret;
}

/* Nobody else opens one of the names for writing meanwhile (fs/turn.h), and what had it open before
 * is held. */
static int rename_file(struct rename *r)
{
	int ret = settle_draft(r);

	if (ret)
		return ret < 0 ? ret : 0;
	hold(r);
	ret = copy_and_delete(r);
	if (r->is_left)
		draft_release_without(r->held, r->old);
	else
		draft_release(r->held);
	return ret;
}

/* May the one take the place of the other? attr: of what has the new name. */
static int check_target(const struct rename *r, const struct wire_attr *old,
			const struct wire_attr *attr)
{
	char from[NAME_OBJECT_MAX], to[NAME_OBJECT_MAX];

	if (r->must_be_new)
		return -EEXIST;
	name_object(&r->from->name, from);
	name_object(&r->to->name, to);
	if (strcmp(from, to) != 0) { /* before the kinds, as the kernel has it */
		if (S_ISDIR(old->mode) && name_is_above(from, to))
			return -EINVAL;
		if (S_ISDIR(attr->mode) && name_is_above(to, from))
			return -ENOTEMPTY;
	}
	if (S_ISDIR(attr->mode))
		return S_ISDIR(old->mode) ? 0 : -EISDIR;
	return S_ISDIR(old->mode) ? -ENOTDIR : 0;
}

/* A daemon that died with this request had begun to copy: is it that which has the new name? */
static bool copied_before(struct rename *r, const struct wire_attr *old)
{
	const struct deed *deed = r->from->deed;

	return deed && deed->was != DEED_NONE && !S_ISDIR(old->mode) &&
	       linkagain_is_copy(r->from, r->to);
}

static int check(struct rename *r, struct wire_attr *old)
{
	struct wire_attr target;
	int ret = lookup_stat(r->from, old);

	if (ret)
		return ret;
	if (r->from->name.kind != NAME_KEY || r->to->name.kind != NAME_KEY)
		return -EBUSY;
	if (!lookup_same_store(r->from, r->to))
		return -EXDEV;
	r->to->must_be_dir = false;
	ret = lookup_stat(r->to, &target);
	if (ret == -ENOENT)
		ret = lookup_parent(r->to);
	else if (!ret) {
		r->is_replaced = true;
		r->must_be_new &= !copied_before(r, old);
		ret = check_target(r, old, &target);
		r->is_same = old->nlink > 1 && S_ISREG(old->mode) && old->ino == target.ino;
	}
	if (ret && ret != -ENOENT && !r->from->message[0])
		memcpy(r->from->message, r->to->message, sizeof(r->to->message));
	return ret;
}

static int rename_once(struct rename *r)
{
	struct wire_attr attr;
	int ret = check(r, &attr);

	if (ret)
		return ret;
	ret = name_storable(&r->to->name, S_ISDIR(attr.mode));
	if (ret)
		return ret;
	if (S_ISDIR(attr.mode)) { /* journaled: if the old name goes, so it was this */
		deed_note(r->from->deed, DEED_MADE, 0);
		return movedir(r->from, r->to);
	}
	name_object(&r->from->name, r->old);
	name_object(&r->to->name, r->new);
	if (!strcmp(r->old, r->new) || r->is_same)
		return 0;
	return rename_file(r);
}

/* Nothing has the old name: did a daemon that died carry it out, up to its last step? */
static bool renamed_before(struct lookup *from, struct lookup *to)
{
	struct wire_attr attr;

	return from->deed && from->deed->was == DEED_MADE && lookup_stat(from, &attr) == -ENOENT &&
	       !lookup_stat(to, &attr);
}

int change_rename(struct lookup *from, struct lookup *to, unsigned flags)
{
	struct rename r = {.from = from,
			   .to = to,
			   .ctx = context_id(from->ctx),
			   .must_be_new = flags & RENAME_NOREPLACE};
	int ret = -EAGAIN;

	from->message[0] = '\0';
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	for (int i = 0; i < COPY_TRIES_MAX && ret == -EAGAIN; i++)
		ret = rename_once(&r);
	if (ret == -ENOENT && renamed_before(from, to))
		return 0;
	/* what the service does not copy by itself, mv(1) copies when it is told so */
	if (ret == -EOPNOTSUPP)
		return -EXDEV;
	return ret == -EAGAIN ? -EBUSY : ret;
}
