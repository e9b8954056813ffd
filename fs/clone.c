/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FICLONE within the clouds, which is how cp copies: the service makes the copy. The destination
 * was just opened, by nobody else, and is empty; its draft gives way to the file of the copy, of
 * which nothing need have been fetched. Both names are held meanwhile (fs/turn.h): what is above
 * them is renamed before or after; and nothing of the draft is published.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/deeds.h"
#include "fs/fetch.h"
#include "fs/publish.h"
#include "fs/told.h"

/* What somebody else writes to a draft that he has open would be lost with it. Who opens it for
 * writing comes before or after (fs/turn.h). */
static int check(struct cache_file *from, struct cache_file *to)
{
	struct wire_attr attr;

	draft_attr(to, &attr);
	if (!draft_is(to) || attr.size || !draft_has_one_opener(to) || draft_is_unlinked(to) ||
	    draft_names(to) > 1)
		return -EOPNOTSUPP;
	draft_attr(from, &attr);
	if (!attr.size || (draft_is(from) && draft_is_unlinked(from)) ||
	    memcmp(cache_ctx(from), cache_ctx(to), WIRE_CTX_BYTES) != 0)
		return -EOPNOTSUPP;
	return 0;
}

/* The copy, made like a file that cp has written: with the destination's mode, and of now. Of
 * what is held. */
static int copy(struct lookup *from, struct lookup *to, struct cache_file *source,
		struct cache_file *draft, const struct change_cloned *cloned,
		struct meta_fact *fact)
{
	char xattr[DRAFT_XATTR_MAX];
	struct change_attr attr = {
		.what = WIRE_SET_MODE | WIRE_SET_UID | WIRE_SET_GID | WIRE_SET_MTIME | CHANGE_XATTR,
		.xattr = draft_xattr(draft, xattr) ? xattr : "",
		.mode = cache_attr(draft)->mode,
		.uid = WIRE_CALLER,
		.gid = WIRE_CALLER,
		.mtime_ns = cloned->mtime_ns,
	};
	int ret = check(source, draft);

	if (ret)
		return ret;
	*fact = (struct meta_fact){.kind = META_FILE};
	cache_version(source, &fact->object);
	deed_note(cloned->deed, DEED_TRIED, attr.mtime_ns);
	return copy_object(from, to, draft_is_new(draft), &attr, fact);
}

/* The file of the copy, as a draft, with a reference. The other has the name still. */
static int make(struct cache_file *draft, const char *object, const struct meta_fact *fact,
		struct cache_file **out, char *message)
{
	const uint8_t *ctx = cache_ctx(draft);
	char version[STORE_ETAG_BYTES];
	struct wire_attr attr;
	int ret;

	lookup_file_attr(object, fact, &attr);
	fetch_version(&fact->object, version);
	ret = cache_create(ctx, object, version, &attr, cache_path(draft), out);
	if (ret)
		return ret;
	cache_set_plain(*out, !fact->has_foreign);
	ret = draft_open(*out, true, message);
	if (ret) {
		draft_forget_name(*out, object);
		cache_put(*out);
	}
	return ret;
}

/* Whatever can fail does so before the draft gives way: otherwise it goes on as what its name is,
 * and as written over the copy that is in the bucket now. Of what is held, which it releases. */
static int take_place(struct cache_file *draft, const char *object, const struct meta_fact *fact,
		      const struct change_cloned *cloned, char *message)
{
	struct cache_file *made;
	int ret;

	draft_replaced(cache_ctx(draft), object, draft);
	ret = make(draft, object, fact, &made, message);
	if (!ret) {
		ret = cloned->hand(cloned->arg, made);
		if (ret)
			draft_forget_name(made, object);
		cache_put(made);
	}
	told_file(cache_ctx(draft), object, fact);
	if (ret)
		draft_release_over(draft, &fact->object);
	else
		draft_release_without(draft, object);
	return ret;
}

/* Copies once the source is in the bucket; then the draft has the name no more. Neither is
 * published meanwhile: what is copied would not be there any more. */
static int replace(struct lookup *from, struct lookup *to, struct cache_file *source,
		   struct cache_file *draft, const struct change_cloned *cloned)
{
	char old[CACHE_OBJECT_MAX], new[CACHE_OBJECT_MAX];
	const char *const object[2] = {old, new};
	struct cache_file *held[2];
	struct meta_fact fact;
	int ret = draft_has_changes(source) ? publish(source, from->message) : 0;

	if (ret)
		return ret;
	cache_object(source, old);
	cache_object(draft, new);
	draft_hold_two(cache_ctx(draft), object, held);
	ret = held[1] == draft ? copy(from, to, source, draft, cloned, &fact) : -EOPNOTSUPP;
	draft_release(held[0]);
	if (!ret)
		return take_place(draft, new, &fact, cloned, from->message);
	draft_release(held[1]);
	return ret;
}

int change_clone(struct cache_file *source, struct cache_file *draft,
		 const struct change_cloned *cloned, char message[STORE_MESSAGE_BYTES])
{
	char old[CACHE_OBJECT_MAX], new[CACHE_OBJECT_MAX];
	struct lookup *from = NULL, *to = NULL;
	int ret = check(source, draft);

	message[0] = '\0';
	if (ret)
		return ret;
	cache_object(source, old);
	cache_object(draft, new);
	from = lookup_of(cache_ctx(source), old);
	to = lookup_of(cache_ctx(draft), new);
	if (!from || !to)
		ret = -ENOMEM;
	else if (!from->ctx || !strcmp(old, new) || !lookup_same_store(from, to))
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = replace(from, to, source, draft, cloned);
	if (ret && from)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", from->message);
	free(from);
	free(to);
	return ret;
}

/* The version of that time in the bucket. 0, -ENOENT, -ESTALE: it is another; or the store's. */
static int find_copy(struct lookup *q, const char *object, int64_t mtime_ns, struct meta_fact *fact)
{
	int ret;

	meta_forget(context_id(q->ctx), object);
	ret = lookup_told(q, fact);
	if (!ret && fact->kind != META_FILE)
		ret = -ENOENT;
	if (!ret && (!fact->has_mtime || fact->object.mtime_ns != mtime_ns))
		ret = -ESTALE;
	return ret;
}

/* Only what is still to come may fail because of another's version: then it is kept
 * (skyshim recover). So the name is given back also where nobody knows what is there. */
static int give_back(struct cache_file *draft, const char *object, const struct meta_fact *copy)
{
	const char *const name[2] = {object, object};
	struct cache_file *other = draft_find(cache_ctx(draft), object), *held[2];

	if (other)
		cache_put(other);
	if (other && other != draft)
		return -EIO;
	if (draft_is_unlinked(draft))
		draft_relink(draft);
	draft_replaced(cache_ctx(draft), object, draft);
	draft_hold_two(cache_ctx(draft), name, held);
	draft_release(held[1]);
	if (held[0] == draft && copy)
		draft_release_over(draft, &copy->object);
	else
		draft_release(held[0]);
	return held[0] == draft ? 0 : -EIO;
}

int change_clone_back(struct cache_file *draft, int64_t mtime_ns, char message[STORE_MESSAGE_BYTES])
{
	char object[CACHE_OBJECT_MAX];
	struct meta_fact fact;
	struct lookup *q;
	int ret, given;

	message[0] = '\0';
	cache_object(draft, object);
	q = lookup_of(cache_ctx(draft), object);
	if (!q || !q->ctx) {
		free(q);
		return q ? -EIO : -ENOMEM;
	}
	ret = find_copy(q, object, mtime_ns, &fact);
	snprintf(message, STORE_MESSAGE_BYTES, "%s", ret == -ENOENT ? "" : q->message);
	free(q);
	/* the copy is not there: it was not made, or was removed since, and with it the name */
	if (ret == -ENOENT)
		return -EOPNOTSUPP;
	given = give_back(draft, object, ret ? NULL : &fact);
	if (!ret || ret == -ESTALE)
		ret = -EOPNOTSUPP;
	return given ? given : ret;
}
