/* SPDX-License-Identifier: Apache-2.0 */
/* Names to facts: the metadata cache first, then a listing that is fresh, then the store. */
#include "fs/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "core/entries.h"
#include "fs/backends.h"
#include "fs/untold.h"
#include "fs/ahead.h"
#include "fs/asked.h"
#include "fs/dirattr.h"
#include "fs/fetch.h"
#include "fs/gone.h"
#include "fs/headpage.h"
#include "fs/show.h"
#include "fs/told.h"

#define TOLD_TRIES   4			  /* each time another's listing may come in between */
#define LIST_WAIT_NS (2 * CLOCK_NS_PER_S) /* or half the TTL: a listing that may spare a HEAD */

static void dir_attr(const struct lookup *q, int64_t mtime_ns, struct wire_attr *out)
{
	char prefix[NAME_OBJECT_MAX];

	name_prefix(&q->name, prefix);
	lookup_dir_attr(q->name.kind == NAME_KEY ? context_id(q->ctx) : NULL, prefix, mtime_ns,
			out);
}

/* What its mark tells of an opened directory. */
static int learn(struct lookup *q, const char *prefix, const struct dirattr_seen *seen, bool ask)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct wire_attr before, now;
	char name[META_NAME_MAX];
	int ret;

	if (q->name.kind != NAME_KEY || q->name.is_pieces)
		return 0;
	lookup_dir_attr(ctx, prefix, 0, &before);
	ret = dirattr_learn(q, prefix, seen, ask);
	if (!ret)
		listing_show(ctx, prefix);
	lookup_dir_attr(ctx, prefix, 0, &now);
	if (!memcmp(&before, &now, sizeof(now)))
		return ret;
	meta_dir_name(prefix, name); /* what was shown of it is old */
	meta_hide(ctx, name);
	snprintf(name, sizeof(name), "%.*s", (int)strlen(prefix) - 1, prefix);
	meta_hide(ctx, name);
	return ret;
}

/* Nothing was listed in it. Is it there by itself all the same, in a store of which nothing has
 * told yet that it has such directories? A look at it finds that out, once for all of them. What
 * has just been looked at by its name is not there: the answer would have told of a directory. */
static int look_at_empty(struct lookup *q)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
	};
	char prefix[NAME_OBJECT_MAX], scheme[8], bucket[256];
	int ret;

	if (q->name.kind != NAME_KEY || q->name.is_pieces || q->is_missing ||
	    store_names(q->ctx, q->name.scheme, q->name.bucket) != STORE_NAMES_UNKNOWN)
		return -ENOENT;
	name_prefix(&q->name, prefix);
	call.key = name_split(prefix, scheme, bucket);
	ret = store_run(&call);
	if (call.names == STORE_NAMES_FLAT)
		ret = -ENOENT;
	else if (ret && ret != -ENOENT)
		memcpy(q->message, call.message, sizeof(q->message));
	store_call_reset(&call);
	return ret;
}

/* The directory, existing or not, and what is learnt by it; with_attr: its mode and owner, too;
 * quiet: for no reader (listing_look()). */
static int open_dir_as(struct lookup *q, bool with_attr, bool quiet, struct listing **out)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];
	const uint8_t *ctx = context_id(q->ctx);
	struct meta_fact fact = {.kind = META_DIR};
	struct dirattr_seen seen;
	int (*list)(struct context *, const struct name *, const char *, struct listing **,
		    char[STORE_MESSAGE_BYTES]) = quiet ? listing_look : listing_open;
	int64_t asked_ns = clock_ns();
	int ret;

	*out = NULL;
	ret = list(q->ctx, &q->name, q->path, out, q->message);

	if (ret == -ENOENT)
		ret = look_at_empty(q);
	if (!ret && !*out)
		ret = list(q->ctx, &q->name, q->path, out, q->message);
	name_prefix(&q->name, prefix);
	meta_dir_name(prefix, name);
	if (!ret) {
		listing_seen(*out, &seen);
		ret = learn(q, prefix, &seen, with_attr);
		if (ret) {
			listing_put(*out);
			*out = NULL;
			return ret;
		}
		fact.object.mtime_ns = seen.newest_ns;
		meta_put_asked(ctx, name, &fact, seen.asked_ns);
	} else if (ret == -ENOENT) {
		fact.kind = META_NONE;
		meta_put_asked(ctx, name, &fact, asked_ns);
	}
	return ret;
}

static int open_dir(struct lookup *q, bool with_attr, struct listing **out)
{
	return open_dir_as(q, with_attr, false, out);
}

/* Does the environment tell of such an account? What is in it need not be allowed to be listed. */
static bool is_account(const struct lookup *q)
{
	struct store_list accounts = {0};
	char message[STORE_MESSAGE_BYTES];
	bool is = false;

	if (q->name.kind != NAME_ACCOUNT)
		return false;
	if (!backends_accounts(q->name.scheme, q->ctx, &accounts, message)) {
		for (size_t i = 0; i < accounts.count; i++)
			is |= !strcmp(accounts.entries[i].name, q->name.bucket);
	}
	entries_free(&accounts);
	return is;
}

/* Is something below it being written here? Then it is there, whatever the store tells: a name that
 * was cut to nothing is made without asking for what it is in. */
static bool holds_drafts(const struct lookup *q)
{
	char prefix[NAME_OBJECT_MAX];

	if (q->name.kind != NAME_KEY || q->name.is_pieces)
		return false;
	name_prefix(&q->name, prefix);
	return draft_below(context_id(q->ctx), prefix);
}

/* What is said not to be there is, if it holds drafts. */
static void see_drafts(const struct lookup *q, struct meta_fact *fact)
{
	if (fact->kind == META_NONE && holds_drafts(q))
		*fact = (struct meta_fact){.kind = META_DIR};
}

/* Is the directory known to exist or not? */
static bool dir_is_known(const struct lookup *q, struct meta_fact *fact)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];

	if (q->name.kind == NAME_ROOT || q->name.kind == NAME_SCHEME || is_account(q)) {
		*fact = (struct meta_fact){.kind = META_DIR};
		return true;
	}
	name_prefix(&q->name, prefix);
	if (told_is_empty_dir(context_id(q->ctx), prefix)) {
		*fact = (struct meta_fact){.kind = META_DIR};
		return true;
	}
	meta_dir_name(prefix, name);
	if (meta_get(context_id(q->ctx), name, fact))
		return true;
	fact->kind = META_NONE;
	/* nobody lists all buckets that may be read: a public one is in no list */
	return q->name.kind == NAME_KEY && !q->name.is_pieces &&
	       !meta_was_there(context_id(q->ctx), name) &&
	       listing_denies(context_id(q->ctx), prefix, true, false);
}

static bool dir_known(const struct lookup *q, struct meta_fact *fact)
{
	bool is_known = dir_is_known(q, fact);

	if (is_known)
		see_drafts(q, fact);
	return is_known;
}

int lookup_dir_instead(struct lookup *q, struct meta_fact *fact)
{
	struct dirattr_seen seen;
	struct listing *l;
	int ret;

	if (dir_known(q, fact) && !(q->told && fact->kind == META_DIR && q->name.kind == NAME_KEY))
		return 0;
	*fact = (struct meta_fact){.kind = META_NONE};
	ret = open_dir(q, !q->want_dir, &l);
	q->is_missing = false;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	listing_seen(l, &seen);
	fact->kind = META_DIR;
	fact->object.mtime_ns = seen.newest_ns;
	if (q->want_dir && !q->dir)
		q->dir = l;
	else
		listing_put(l);
	return 0;
}

bool lookup_is_listed(const struct lookup *q, const char *object, struct meta_fact *fact)
{
	const uint8_t *ctx = context_id(q->ctx);
	char prefix[NAME_OBJECT_MAX];

	if (q->name.kind != NAME_KEY || q->name.is_dir)
		return false;
	name_prefix(&q->name, prefix);
	return listing_shows(ctx, prefix) && meta_take_listed(ctx, object, fact);
}

bool lookup_denied(const struct lookup *q, const char *object)
{
	const uint8_t *ctx = context_id(q->ctx);

	bool was_read = q->to_write || !asked_misses(ctx, object, clock_ns());

	/* where names were there, one may have come since that nobody has looked for here */
	return !meta_was_there(ctx, object) && listing_denies(ctx, object, false, was_read);
}

/* What a HEAD has told of one that is there by itself, whatever is in it. */
static void learn_directory(const struct lookup *q, const struct store_call *head,
			    struct meta_fact *fact)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];

	name_prefix(&q->name, prefix);
	*fact = (struct meta_fact){.kind = META_DIR};
	fact->object.mtime_ns = head->object.mtime_ns;
	dirattr_real(context_id(q->ctx), prefix, &head->user);
	listing_show(context_id(q->ctx), prefix);
	meta_dir_name(prefix, name);
	meta_put(context_id(q->ctx), name, fact);
}

static int ask_head(struct lookup *q, const char *object, struct meta_fact *fact)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = q->name.key,
	};
	int ret = store_run(&call);
	bool is_directory;

	if (!ret && lookup_is_mark(q, call.object.size))
		ret = -ENOENT;
	if (!ret)
		lookup_file_fact(object, &call.object, &call.user, &call.fields, fact);
	else if (ret != -ENOENT)
		memcpy(q->message, call.message, sizeof(q->message));
	if (!ret)
		untold_learn(object, fact, NULL, lookup_xattr(&call.user));
	is_directory = ret == -ENOENT && call.is_directory;
	if (is_directory)
		learn_directory(q, &call, fact);
	store_call_reset(&call);
	if (ret != -ENOENT)
		return ret;
	q->is_missing = !is_directory;
	ret = is_directory ? 0 : lookup_dir_instead(q, fact);
	if (!ret)
		untold_learn(object, fact, NULL, NULL);
	return ret;
}

/* The same, as it is remembered. */
static int head(struct lookup *q, const char *object, struct meta_fact *fact)
{
	int ret = ask_head(q, object, fact);

	q->is_named = q->is_waited = true;
	if (!ret)
		asked_note(context_id(q->ctx), object, fact->kind == META_NONE, clock_ns());
	return ret;
}

/* The question about the directory that q's name lies in, to free; NULL: without memory, or there
 * is none. */
static struct lookup *parent_of(const struct lookup *q)
{
	struct lookup *parent = calloc(1, sizeof(*parent));
	size_t len = strlen(q->path);

	if (!parent)
		return NULL;
	while (len && q->path[len - 1] != '/')
		len--;
	len -= len > 0;
	parent->ctx = q->ctx;
	parent->must_be_dir = true;
	snprintf(parent->path, sizeof(parent->path), "%.*s", (int)len, q->path);
	if (name_parse(parent->path, len, &parent->name)) {
		free(parent);
		return NULL;
	}
	return parent;
}

/* Has the directory listed in the background, and waits so long for it at most: nobody's answer may
 * depend on a listing that nobody has asked for. landed: as of listing_ahead(), and of one that is
 * there already. */
static void list_soon(struct lookup *dir, bool quiet, listing_landed *landed, int64_t most_ns)
{
	const uint8_t *ctx = context_id(dir->ctx);
	char prefix[NAME_OBJECT_MAX];
	struct listing *l;
	bool was_there;
	int ret = listing_ahead(dir->ctx, &dir->name, dir->path, quiet, landed);

	name_prefix(&dir->name, prefix);
	was_there = ret == -EALREADY;
	if (ret && !was_there)
		return;
	ret = listing_wait(ctx, prefix, most_ns);
	if (ret == -ETIMEDOUT && most_ns)
		asked_useless(ctx, prefix, clock_ns());
	if (ret)
		return;
	if (was_there)
		landed(dir->ctx, prefix, 0);
	if (!open_dir_as(dir, false, quiet, &l)) /* which asks nobody: it has just come */
		listing_put(l);
}

static int64_t wait_most_ns(void)
{
	return meta_ttl_ns() / 2 < LIST_WAIT_NS ? meta_ttl_ns() / 2 : LIST_WAIT_NS;
}

static void listed_again(struct context *ctx, const char *prefix, int error)
{
	if (error)
		asked_useless(context_id(ctx), prefix, clock_ns());
}

/* Who makes files in a directory asks for each name first. One listing that says of all names that
 * they are not there costs less than asking for one. Afterwards the caller looks again. */
static void list_parent(const struct lookup *q)
{
	struct lookup *parent = meta_ttl_ns() ? parent_of(q) : NULL;
	const uint8_t *ctx = context_id(q->ctx);
	char prefix[NAME_OBJECT_MAX];
	struct listing *l;
	bool quiet, whole;

	if (!parent)
		return;
	name_prefix(&parent->name, prefix);
	quiet = listing_is_quiet(ctx, prefix);
	/* what a listing ahead is not */
	whole = parent->name.kind < NAME_BUCKET || parent->name.is_pieces ||
		(!quiet && headpage_wanted());
	if ((listing_is_small(ctx, prefix) || told_is_made(ctx, prefix)) &&
	    !asked_is_useless(ctx, prefix, clock_ns())) {
		if (!whole)
			list_soon(parent, quiet, listed_again, wait_most_ns());
		else if (!open_dir_as(parent, false, quiet, &l))
			listing_put(l);
	}
	free(parent);
}

/* It says nothing of what is missing unless it is of one page. */
static void looked(struct context *ctx, const char *prefix, int error)
{
	if (!error)
		ahead_met(ctx, prefix);
	if (error || !listing_is_small(context_id(ctx), prefix))
		asked_useless(context_id(ctx), prefix, clock_ns());
}

/* Lists the directory that q's name lies in, though nobody reads it. */
static void look_around(const struct lookup *q, const char *object, int64_t most_ns)
{
	bool may = *q->path && !gone_active() && meta_ttl_ns();
	struct lookup *parent = may ? parent_of(q) : NULL;

	if (!parent)
		return;
	if (parent->name.kind >= NAME_BUCKET && !parent->name.is_pieces) {
		asked_listed(context_id(q->ctx), object);
		list_soon(parent, true, looked, most_ns);
	}
	free(parent);
}

bool lookup_denied_around(const struct lookup *q, const char *object)
{
	const uint8_t *ctx = context_id(q->ctx);

	if (lookup_denied(q, object))
		return true;
	/* what is taken for new while another machine has just stored it could not be uploaded */
	if (q->to_write || meta_was_there(ctx, object) || !asked_misses(ctx, object, clock_ns()))
		return false;
	look_around(q, object, wait_most_ns());
	return lookup_denied(q, object);
}

/* Is it known that there is no such name, or can that be found out by a listing? */
static bool is_denied(const struct lookup *q, const char *object)
{
	if (lookup_denied_around(q, object))
		return true;
	if (asked_row(context_id(q->ctx), object, clock_ns())) {
		look_around(q, object, 0); /* for those that come next */
		return lookup_denied(q, object);
	}
	if (meta_was_there(context_id(q->ctx), object))
		return false;
	list_parent(q);
	return lookup_denied(q, object);
}

/* What the plain path of a key means in the bucket. */
static int find_stored(struct lookup *q, const char *object, struct meta_fact *fact)
{
	const uint8_t *ctx = context_id(q->ctx);
	int ret;

	if (q->any_age && meta_peek(ctx, object, fact) &&
	    (fact->kind == META_FILE || fact->kind == META_DIR))
		return 0;
	if (meta_get(ctx, object, fact) || lookup_is_listed(q, object, fact)) {
		q->is_named = fact->is_ahead;
		q->is_waited = false;
		return 0;
	}
	if (is_denied(q, object)) {
		fact->kind = META_NONE;
		return 0;
	}
	ret = meta_enter(ctx, object, false, fact, q->message);
	if (ret) {
		q->is_named = q->is_waited = true;
		return ret < 0 ? ret : 0;
	}
	ret = head(q, object, fact);
	meta_leave(ctx, object, ret, fact, q->message);
	return ret;
}

/* What the plain path of a key means, if it is none of a draft's. */
static int find_fact(struct lookup *q, const char *object, struct meta_fact *fact)
{
	int ret = find_stored(q, object, fact);

	if (!ret)
		see_drafts(q, fact);
	return ret;
}

int lookup_told(struct lookup *q, struct meta_fact *out)
{
	const uint8_t *ctx = context_id(q->ctx);
	char object[NAME_OBJECT_MAX];
	int ret;

	name_object(&q->name, object);
	ret = meta_enter(ctx, object, true, out, q->message);
	if (ret > 0 && (out->kind != META_FILE || out->is_told))
		return 0;
	if (ret > 0) /* somebody's listing, not a HEAD */
		return -EAGAIN;
	if (ret)
		return ret;
	ret = head(q, object, out);
	meta_leave(ctx, object, ret, out, q->message);
	return ret;
}

int lookup_fact(struct lookup *q, struct meta_fact *out)
{
	char object[NAME_OBJECT_MAX];

	name_object(&q->name, object);
	return find_fact(q, object, out);
}

/* Is it being written here? Then no listing need tell of it yet. */
static bool is_draft(const struct lookup *q, const char *object)
{
	struct cache_file *file = draft_find(context_id(q->ctx), object);

	if (file)
		cache_put(file);
	return file;
}

/* A directory by name that does not exist: is a file in its place? */
static int no_dir(struct lookup *q)
{
	char object[NAME_OBJECT_MAX];
	struct meta_fact fact;
	int ret;

	if (q->name.kind != NAME_KEY || q->name.is_dir)
		return -ENOENT;
	name_object(&q->name, object);
	if (is_draft(q, object))
		return -ENOTDIR;
	ret = find_fact(q, object, &fact);
	if (ret)
		return ret;
	if (fact.kind == META_FILE && fact.is_link && q->follow)
		return -WIRE_ELINK;
	return fact.kind == META_FILE ? -ENOTDIR : -ENOENT;
}

/* Has an object of that name just been looked at, or is one written here, and is nothing known
 * below it? Programs that walk component by component open each as a directory first. */
static bool is_known_file(const struct lookup *q)
{
	char object[NAME_OBJECT_MAX], prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];
	const uint8_t *ctx = context_id(q->ctx);
	struct meta_fact fact;

	if (q->name.kind != NAME_KEY || q->name.is_dir)
		return false;
	name_object(&q->name, object);
	name_prefix(&q->name, prefix);
	meta_dir_name(prefix, name);
	if (meta_peek(ctx, name, &fact) && fact.kind == META_DIR)
		return false;
	return is_draft(q, object) || (meta_peek_within(ctx, object, meta_ttl_ns(), &fact) &&
				       fact.kind == META_FILE && fact.is_told && !fact.is_link);
}

static int find_dir(struct lookup *q, struct listing **out)
{
	struct meta_fact fact;
	int ret;

	if (q->name.kind != NAME_ROOT && !backends_has(q->name.scheme))
		return -ENOENT;
	if (q->dir) {
		*out = q->dir;
		q->dir = NULL;
		return 0;
	}
	if (q->name.kind == NAME_KEY && dir_known(q, &fact) && fact.kind == META_NONE)
		return no_dir(q);
	if (is_known_file(q))
		return -ENOTDIR;
	ret = open_dir(q, false, out);
	return ret == -ENOENT ? no_dir(q) : ret;
}

int lookup_dir(struct lookup *q, struct listing **out)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];
	int ret;

	q->message[0] = '\0';
	ret = find_dir(q, out);
	if (!ret) {
		name_prefix(&q->name, prefix);
		meta_dir_name(prefix, name);
		meta_read(context_id(q->ctx), name);
	}
	return ret;
}

/* What is being written here is what the name means. */
static bool stat_draft(const struct lookup *q, const char *object, struct wire_attr *out)
{
	struct cache_file *file = draft_find(context_id(q->ctx), object);

	if (!file)
		return false;
	draft_attr(file, out);
	cache_put(file);
	return true;
}

/* One of several names of a file that is open here, or was a moment ago, is the others still. */
static void show_linked(const struct lookup *q, const char *object, const struct meta_fact *fact,
			struct wire_attr *out)
{
	char version[STORE_ETAG_BYTES];
	struct cache_file *file;
	struct wire_attr attr;

	if (!draft_links_count())
		return;
	fetch_version(&fact->object, version);
	file = draft_find_linked(context_id(q->ctx), object, version);
	if (!file)
		return;
	draft_attr(file, &attr);
	out->ino = attr.ino;
	out->nlink = attr.nlink;
	cache_put(file);
}

/* What a listing has told says nothing of mode and owner. */
static int make_told(struct lookup *q, struct meta_fact *fact)
{
	int ret = 0;

	for (int i = 0; !ret && i < TOLD_TRIES && fact->kind == META_FILE && !fact->is_told; i++) {
		ret = lookup_told(q, fact);
		if (ret == -EAGAIN)
			ret = 0;
	}
	return !ret && fact->kind == META_DIR ? lookup_dir_instead(q, fact) : ret;
}

int lookup_stat(struct lookup *q, struct wire_attr *out)
{
	char object[NAME_OBJECT_MAX] = "";
	bool by_dir = q->name.is_dir || q->must_be_dir;
	struct meta_fact fact;
	int ret;

	*out = (struct wire_attr){.uid = WIRE_CALLER, .gid = WIRE_CALLER};
	q->message[0] = '\0';
	if (q->name.kind != NAME_ROOT && !backends_has(q->name.scheme))
		return -ENOENT;
	if (q->name.kind == NAME_KEY && !q->name.is_dir) {
		name_object(&q->name, object);
		if (stat_draft(q, object, out))
			return q->must_be_dir ? -ENOTDIR : 0;
	}
	if (by_dir) {
		ret = lookup_dir_instead(q, &fact);
		if (!ret && fact.kind == META_NONE)
			ret = no_dir(q);
	} else {
		name_object(&q->name, object);
		ret = find_fact(q, object, &fact);
		if (!ret && q->told)
			ret = make_told(q, &fact);
	}
	if (ret)
		return ret;
	if (fact.kind == META_FILE) {
		lookup_file_attr(object, &fact, out);
		show_linked(q, object, &fact, out);
	} else if (fact.kind == META_DIR)
		dir_attr(q, fact.object.mtime_ns, out);
	if (fact.kind != META_NONE)
		show_answer(q, object, by_dir, &fact, out);
	if (fact.kind == META_FILE && fact.is_link && q->follow)
		return -WIRE_ELINK;
	return fact.kind == META_NONE ? -ENOENT : 0;
}

void lookup_show_missing(const struct lookup *q)
{
	const struct wire_attr none = {.uid = WIRE_CALLER, .gid = WIRE_CALLER};
	char object[NAME_OBJECT_MAX];
	struct meta_fact fact;

	if (q->name.kind != NAME_KEY || q->name.is_dir || q->must_be_dir)
		return;
	name_object(&q->name, object);
	if (meta_peek(context_id(q->ctx), object, &fact) && fact.kind == META_NONE)
		show_answer(q, object, false, &fact, &none);
}

int lookup_parent(struct lookup *q)
{
	struct lookup *parent = parent_of(q);
	struct wire_attr attr;
	int ret;

	if (!parent)
		return -ENOMEM;
	ret = lookup_stat(parent, &attr);
	memcpy(q->message, parent->message, sizeof(q->message));
	free(parent);
	return ret;
}

struct lookup *lookup_of(const uint8_t *ctx, const char *object)
{
	struct lookup *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->ctx = context_find(ctx);
	q->name.kind = NAME_KEY;
	snprintf(q->name.key, sizeof(q->name.key), "%s",
		 name_split(object, q->name.scheme, q->name.bucket));
	return q;
}
