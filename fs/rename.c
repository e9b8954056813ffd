/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename: a copy by the service, then the old name is deleted. What happens in between is never
 * the loss of anything: at worst both names are there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/fs.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/listing.h"
#include "fs/movedir.h"
#include "fs/stream.h"
#include "fs/publish.h"
#include "fs/told.h"

/* How often something that has to do with a directory may be on its way itself. */
#define TRIES_MAX 16

/* Of who holds drafts: two that hold what the other replaces would wait for ever. */
static pthread_mutex_t holding = PTHREAD_MUTEX_INITIALIZER;

struct rename {
	struct lookup *from, *to;
	const uint8_t *ctx;
	bool must_be_new;
	bool is_same; /* both are names of one file: rename(2) does nothing then */
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
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

static uint64_t new_ino(const struct rename *r)
{
	return name_ino(r->new, strlen(r->new), false);
}

/* The cached file of the old name goes on as that of the new one. */
static void take_file_along(const struct rename *r, const struct store_object *old,
			    const struct store_object *new)
{
	struct cache_file *file = cache_find(r->ctx, r->old, old->etag);

	if (!file)
		return;
	if (draft_open(file, false, NULL) || draft_rename(file, r->old, r->new, new_ino(r), new))
		draft_forget_name(file, r->old);
	cache_put(file);
}

/* What is still to be sent to the new name, or on its way there, would get there after what
 * replaces it: it is held from the start, and has the name no more in the end. */
static struct cache_file *hold_target(const struct rename *r, const struct cache_file *except)
{
	return draft_hold_dirty(r->ctx, r->new, except);
}

static void release_target(const struct rename *r, struct cache_file *target, bool is_replaced)
{
	if (!target)
		return;
	if (!is_replaced) {
		draft_release(target);
		return;
	}
	cache_ref(target);
	draft_release_without(target, r->new);
	stream_clean(target, r->to->ctx);
	cache_put(target);
}

/* Nothing of it is in the bucket: only its name is another. */
static int rename_new_draft(const struct rename *r, struct cache_file *file)
{
	struct cache_file *target;
	int ret;

	pthread_mutex_lock(&holding);
	target = hold_target(r, file);
	ret = draft_rename(file, r->old, r->new, new_ino(r), NULL);
	release_target(r, target, !ret);
	pthread_mutex_unlock(&holding);
	if (!ret) {
		replace_draft(r, file);
		told_no_file(r->ctx, r->old);
		meta_hide(r->ctx, r->new);
		listing_changed(r->new);
	}
	return ret;
}

/* What is being written is published first. 1: it needs no more. */
static int settle_draft(const struct rename *r)
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

/* held: the old name's draft, which is not being published meanwhile; or NULL. target: the same of
 * the new name's, whose hold ends. */
static int rename_object(struct rename *r, struct cache_file *held, struct cache_file *target)
{
	struct meta_fact fact;
	struct store_object old;
	int ret = lookup_fact(r->from, &fact);

	if (!ret && fact.kind != META_FILE)
		ret = -ENOENT;
	if (!ret) {
		old = fact.object;
		ret = copy_object(r->from, r->to, r->must_be_new, NULL, &fact);
	}
	release_target(r, target, !ret);
	if (ret)
		return ret;
	replace_draft(r, held);
	if (!fact.is_link)
		take_file_along(r, &old, &fact.object);
	told_file(r->ctx, r->new, &fact);
	ret = change_delete(r->from, r->from->name.key);
	if (!ret)
		told_no_file(r->ctx, r->old);
	return ret;
}

/* What a program goes on writing while its file is renamed is published afterwards, under the new
 * name: or it would be part of what is deleted. */
static int rename_file(struct rename *r)
{
	struct cache_file *held, *target;
	int ret = settle_draft(r);

	if (ret)
		return ret < 0 ? ret : 0;
	if (!draft_may_change(r->ctx, r->old) && !draft_may_change(r->ctx, r->new))
		return rename_object(r, NULL, NULL);
	pthread_mutex_lock(&holding);
	held = draft_hold(r->ctx, r->old);
	target = hold_target(r, held);
	if (!held && !target)
		pthread_mutex_unlock(&holding);
	ret = rename_object(r, held, target);
	if (held)
		draft_release(held);
	if (held || target)
		pthread_mutex_unlock(&holding);
	return ret;
}

/* May the one take the place of the other? attr: of what has the new name. */
static int check_target(const struct rename *r, const struct wire_attr *old,
			const struct wire_attr *attr)
{
	if (r->must_be_new)
		return -EEXIST;
	if (S_ISDIR(attr->mode))
		return S_ISDIR(old->mode) ? 0 : -EISDIR;
	return S_ISDIR(old->mode) ? -ENOTDIR : 0;
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
	if (S_ISDIR(attr.mode))
		return movedir(r->from, r->to);
	name_object(&r->from->name, r->old);
	name_object(&r->to->name, r->new);
	if (!strcmp(r->old, r->new) || r->is_same)
		return 0;
	return rename_file(r);
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
	for (int i = 0; i < TRIES_MAX && ret == -EAGAIN; i++)
		ret = rename_once(&r);
	/* what the service does not copy by itself, mv(1) copies when it is told so */
	if (ret == -EOPNOTSUPP)
		return -EXDEV;
	return ret == -EAGAIN ? -EBUSY : ret;
}
