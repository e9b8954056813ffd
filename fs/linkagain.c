/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link that is asked for once more, because the daemon that was asked first has died: the copy
 * may be there already. Then the two are made one file here, if the new name's object is for
 * certain a copy of what the old one's is now; otherwise the name is somebody else's.
 */
#include "fs/linkagain.h"

#include <errno.h>
#include <string.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "fs/metadata.h"
#include "fs/publish.h"
#include "fs/told.h"
#include "fs/untold.h"

/* What the bucket has. */
struct seen {
	struct meta_fact fact;
	bool has_mtime; /* of its own, which is kept with it */
	int64_t mtime_ns;
	uint64_t mark;
};

static int look(const struct lookup *q, char *message, struct seen *out)
{
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = q->name.key,
	};
	char object[NAME_OBJECT_MAX];
	struct metadata m;
	int ret = store_run(&head);

	if (!ret) {
		name_object(&q->name, object);
		metadata_read(&head.user, &m);
		out->has_mtime = m.has_mtime;
		out->mtime_ns = m.has_mtime ? m.mtime_ns : head.object.mtime_ns;
		out->mark = m.mark;
		lookup_file_fact(object, &head.object, &head.user, &head.fields, &out->fact);
		untold_learn(object, &out->fact, NULL, lookup_xattr(&head.user));
	} else if (ret != -ENOENT) {
		memcpy(message, head.message, STORE_MESSAGE_BYTES);
	}
	store_call_reset(&head);
	return ret;
}

/* Every copy has the time of what it was copied from, and the mark of its upload (fs/copy.c): what
 * was written to either since has another, and so has what cp makes. */
static bool is_copy(const struct seen *copy, const struct seen *of)
{
	return copy->has_mtime && copy->mtime_ns == of->mtime_ns && copy->mark == of->mark &&
	       copy->fact.object.size == of->fact.object.size &&
	       copy->fact.is_link == of->fact.is_link;
}

bool linkagain_is_copy(struct lookup *from, struct lookup *to)
{
	struct seen seen[2] = {0};

	return !look(from, from->message, &seen[0]) && !look(to, from->message, &seen[1]) &&
	       is_copy(&seen[1], &seen[0]);
}

/* With the file stopped. */
static int add_name(struct cache_file *file, const char *old, const char *new,
		    const struct seen *from, const struct seen *to)
{
	struct draft_name name = {.is_known = true, .version = to->fact.object};
	struct store_object now;

	draft_version(file, old, &now);
	/* changed: that goes to both, whatever it began with */
	if (!draft_has_changes(file) && strcmp(now.etag, from->fact.object.etag) != 0)
		return -EEXIST;
	strcpy(name.object, new);
	name.ino = name_ino(new, strlen(new), false);
	return draft_link(file, &name);
}

static int join(struct lookup *from, struct cache_file *file, const char *old, const char *new,
		const struct seen seen[2])
{
	const uint8_t *ctx = context_id(from->ctx);
	int ret = draft_open(file, false, from->message);

	if (ret)
		return ret;
	draft_stop(file);
	/* who has opened the new name meanwhile has a file of its own */
	ret = draft_may_change(ctx, new) ? -EEXIST : add_name(file, old, new, &seen[0], &seen[1]);
	if (!ret) {
		meta_hide(ctx, old);
		told_file(ctx, new, &seen[1].fact);
	}
	draft_release(file);
	if (!ret && draft_has_changes(file))
		ret = publish(file, from->message);
	return ret;
}

/* Has the daemon that died come to the end, and told this one by what it keeps? */
static bool is_joined(const uint8_t *ctx, const char *old, const char *new)
{
	struct cache_file *a = draft_find_linked(ctx, old, NULL);
	struct cache_file *b = draft_find_linked(ctx, new, NULL);
	bool is = a && a == b;

	if (a)
		cache_put(a);
	if (b)
		cache_put(b);
	return is;
}

int link_again(struct lookup *from, struct lookup *to, struct cache_file *file)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	const uint8_t *ctx = context_id(from->ctx);
	struct seen seen[2];
	int ret;

	name_object(&from->name, old);
	name_object(&to->name, new);
	if (!strcmp(old, new))
		return -EEXIST;
	if (is_joined(ctx, old, new))
		return 0;
	if (from->name.kind != NAME_KEY || to->name.kind != NAME_KEY || draft_may_change(ctx, new))
		return -EEXIST;
	ret = look(from, from->message, &seen[0]);
	if (!ret)
		ret = look(to, from->message, &seen[1]);
	if (ret)
		return ret == -ENOENT ? -EEXIST : ret;
	if (!is_copy(&seen[1], &seen[0]))
		return -EEXIST;
	if (file)
		cache_ref(file);
	else
		file = draft_find(ctx, old);
	if (!file)
		file = link_file_of(from, old, &seen[0].fact);
	if (file) {
		ret = join(from, file, old, new, seen);
		cache_put(file);
	} else { /* of such a one it was only a copy in the first place */
		told_file(ctx, new, &seen[1].fact);
	}
	return ret;
}
