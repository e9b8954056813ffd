/* SPDX-License-Identifier: Apache-2.0 */
/* Records and facts from pages. */
#include "fs/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "cache/draft.h"
#include "core/buffer.h"
#include "core/context.h"
#include "core/entries.h"
#include "fs/backends.h"
#include "fs/untold.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/movelog.h"
#include "fs/show.h"
#include "fs/told.h"

#define PAGE_BYTES_MAX (1u << 20) /* records of one page: 1,000 names of 255 bytes are 300 KB */

#define MODE_DIR  (S_IFDIR | 0755)
#define MODE_FILE (S_IFREG | 0644)

/* What becomes of one page. */
struct batch {
	struct listing *l;
	struct buffer records;
	int64_t newest_ns;
	uint64_t names;
};

static int add_record(struct buffer *out, const char *name, uint64_t ino, uint32_t mode,
		      const struct store_object *object)
{
	size_t len = strlen(name);
	size_t reclen = (sizeof(struct vnode_dirent) + len + 1 + 7) & ~(size_t)7;
	union {
		struct vnode_dirent d;
		char bytes[sizeof(struct vnode_dirent) + ESCAPE_NAME_MAX + 1 + 8];
	} rec = {.d = {
			 .ino = ino,
			 .size = object ? object->size : 0,
			 .mtime_ns = object ? object->mtime_ns : 0,
			 .mode = mode,
			 .reclen = (uint16_t)reclen,
			 .name_len = (uint16_t)len,
		 }};

	memcpy(rec.bytes + sizeof(struct vnode_dirent), name, len);
	return buffer_add(out, rec.bytes, reclen);
}

/* Who asks about it next needs not come to the daemon. object: a file's, or a directory's without
 * its slash. */
static void show(const struct listing *l, const char *object, const struct dirpage_name *n)
{
	char path[WIRE_PATH_MAX];

	if (l->kind >= NAME_BUCKET &&
	    snprintf(path, sizeof(path), "%s/%s", l->path, n->name) < (int)sizeof(path))
		show_known(context_id(l->ctx), object, path);
}

/* What nobody reads only tells which names are there: who asks about one by name wants to know what
 * a listing does not tell. */
static void see(const struct listing *l, const char *object, const struct dirpage_name *n,
		const struct meta_fact *fact)
{
	const uint8_t *ctx = context_id(l->ctx);
	char name[META_NAME_MAX];

	if (!n->is_dir) {
		meta_put_seen(ctx, object, fact, l->page_asked_ns);
		return;
	}
	meta_dir_name(object, name);
	meta_put_seen(ctx, name, fact, l->page_asked_ns);
	if (n->has_twin)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)strlen(object) - 1, object);
	meta_put_seen(ctx, name, fact, l->page_asked_ns);
}

/* Returns the mode to show. */
static uint32_t learn(struct listing *l, const char *object, const struct dirpage_name *n)
{
	struct meta_fact fact = {
		.kind = n->is_dir ? META_DIR : META_FILE,
		.waited_ns = l->waited_ns,
	};
	const uint8_t *ctx = context_id(l->ctx);
	int64_t asked_ns = l->page_asked_ns;
	struct untold untold;
	char name[META_NAME_MAX];

	if (n->is_piece)
		return MODE_DIR;
	if (n->object)
		fact.object = *n->object;
	if (!n->is_dir && untold_find(object, n->object, &untold)) {
		fact.is_link = untold.is_link;
		fact.has_xattr = *untold.xattr;
		fact.object.mtime_ns = untold.mtime_ns;
	}
	if (l->is_late)
		return n->is_dir ? MODE_DIR : fact.is_link ? S_IFLNK | 0777 : MODE_FILE;
	if (l->is_quiet) {
		see(l, object, n, &fact);
		return n->is_dir ? MODE_DIR : fact.is_link ? S_IFLNK | 0777 : MODE_FILE;
	}
	if (!n->is_dir) {
		if (meta_put_listed(ctx, object, &fact, asked_ns))
			show(l, object, n);
		return fact.is_link ? S_IFLNK | 0777 : MODE_FILE;
	}
	meta_dir_name(object, name);
	meta_put_listed(ctx, name, &fact, asked_ns);
	if (!n->has_twin) {
		snprintf(name, sizeof(name), "%.*s", (int)strlen(object) - 1, object);
		if (meta_put_listed(ctx, name, &fact, asked_ns))
			show(l, name, n);
	}
	return MODE_DIR;
}

static int take_name(void *arg, const struct dirpage_name *n)
{
	struct batch *b = arg;
	char object[NAME_OBJECT_MAX];
	uint32_t mode;
	uint64_t ino;

	snprintf(object, sizeof(object), "%s/%s/%s", b->l->scheme, b->l->bucket, n->key);
	if (movelog_hides(object))
		return 0;
	if (!n->is_dir)
		listdrafts_listed(&b->l->drafts, object);
	mode = learn(b->l, object, n);
	if (n->object && n->object->mtime_ns > b->newest_ns)
		b->newest_ns = n->object->mtime_ns;
	b->names++;
	ino = name_ino(object, strlen(object), n->is_dir);
	return add_record(&b->records, n->name, ino, mode, n->object);
}

static int write_records(struct listing *l, const struct buffer *records)
{
	size_t done = 0;
	int tries = 0, ret;

	while (done < records->len) {
		ssize_t n = pwrite(l->pair.data_fd, records->data + done, records->len - done,
				   (off_t)(l->bytes + done));

		if (n < 0 && errno == EINTR)
			continue;
		ret = n < 0 ? -errno : -EIO;
		if (n <= 0 && tries++ < CACHE_ROOM_TRIES &&
		    cache_make_room(ret, records->len - done))
			continue;
		if (n <= 0)
			return ret;
		done += (size_t)n;
	}
	return 0;
}

/* Without room for its files, a first page still answers who asks about names. */
static bool can_do_without(const struct listing *l, int error)
{
	return (error == -ENOSPC || error == -EDQUOT) && !l->pages;
}

/* Nobody else has come to know the files. */
static void give_up_files(struct listing *l, int error)
{
	__atomic_store_n(&l->has_files, false, __ATOMIC_RELEASE);
	pair_close(&l->pair);
	pair_remove(l->dirs_fd, l->name);
	l->no_files = error;
}

/* Shows the batch, which is written, to readers. */
static void show_records(struct listing *l, bool is_last)
{
	struct vnode_shm *vn = l->pair.vn;

	vn->attr.mtime_ns = l->attr.mtime_ns;
	__atomic_store_n(&vn->list_bytes, l->bytes, __ATOMIC_RELEASE);
	if (is_last)
		__atomic_or_fetch(&vn->flags, VNODE_COMPLETE, __ATOMIC_RELEASE);
}

/* Writes the batch and shows it to readers. */
static int finish(struct batch *b, bool is_last)
{
	struct listing *l = b->l;
	int ret = l->no_files ? 0 : write_records(l, &b->records);

	if (ret && !can_do_without(l, ret))
		return ret;
	if (ret)
		give_up_files(l, ret);
	l->page_start = l->pages ? l->bytes : 0;
	l->bytes += b->records.len;
	if (b->newest_ns > l->attr.mtime_ns || !l->pages)
		l->attr.mtime_ns = b->newest_ns ? b->newest_ns : listing_start_ns();
	l->is_complete = is_last;
	if (!l->no_files)
		show_records(l, is_last);
	return 0;
}

static uint64_t parent_ino(const struct listing *l)
{
	size_t len = strlen(l->object);

	if (len)
		len--;
	while (len && l->object[len - 1] != '/')
		len--;
	return name_ino(l->object, len, true);
}

static int make_files(struct listing *l)
{
	const struct pair_about about = {
		.kind = VNODE_DIR,
		.ctx = context_id(l->ctx),
		.attr = &l->attr,
		.path = l->path,
		.object = l->object,
		.etag = "",
	};
	int tries = 0, ret;

	do {
		ret = pair_create(l->dirs_fd, l->name, &about, &l->pair);
	} while (tries++ < CACHE_ROOM_TRIES && cache_make_room(ret, 0));
	if (ret)
		return ret;
	l->dev = l->pair.vn->data_dev;
	l->ino = l->pair.vn->data_ino;
	__atomic_store_n(&l->has_files, true, __ATOMIC_RELEASE);
	return 0;
}

int pages_begin(struct listing *l)
{
	struct batch b = {.l = l, .records = BUFFER_INIT(PAGE_BYTES_MAX)};
	int ret;

	l->evictions = meta_evictions(context_id(l->ctx));
	l->attr = (struct wire_attr){
		.uid = WIRE_CALLER,
		.gid = WIRE_CALLER,
		.ino = name_ino(l->object, strlen(l->object), true),
		.size = 4096,
		.mtime_ns = listing_start_ns(),
		.mode = S_IFDIR | 0755,
		.nlink = 2,
	};
	ret = make_files(l);
	if (ret && !can_do_without(l, ret))
		return ret;
	l->no_files = ret;
	ret = add_record(&b.records, ".", l->attr.ino, MODE_DIR, NULL);
	if (!ret)
		ret = add_record(&b.records, "..", parent_ino(l), MODE_DIR, NULL);
	if (!ret)
		ret = finish(&b, false);
	buffer_free(&b.records);
	if (!ret && l->kind >= NAME_BUCKET)
		ret = listdrafts_take(&l->drafts, context_id(l->ctx), l->object);
	return ret;
}

void pages_ask(const struct listing *l, struct store_call *call)
{
	*call = (struct store_call){
		.verb = l->kind >= NAME_BUCKET ? STORE_LIST : STORE_BUCKETS,
		.ctx = l->ctx,
		.scheme = l->scheme,
		.bucket = l->kind == NAME_SCHEME ? NULL : l->bucket,
		.key = l->key,
		.delimiter = '/',
	};
}

void pages_call(struct listing *l, struct store_call *call)
{
	l->page_asked_ns = clock_ns();
	pages_ask(l, call);
	call->token = l->token;
}

/* A page of buckets or accounts, or the names of the root: directories all. */
static int add_dirs(struct batch *b, const struct store_list *page)
{
	int ret = 0;

	for (size_t i = 0; i < page->count && !ret; i++) {
		const char *name = page->entries[i].name;
		struct dirpage_name n = {.name = name, .is_dir = true};
		char object[NAME_OBJECT_MAX];

		if (strlen(name) > ESCAPE_NAME_MAX || !*name || strchr(name, '/'))
			continue;
		snprintf(object, sizeof(object), "%s%s/", b->l->object, name);
		if (b->l->kind != NAME_ROOT)
			learn(b->l, object, &n);
		b->names++;
		ret = add_record(&b->records, name, name_ino(object, strlen(object), true),
				 MODE_DIR, NULL);
	}
	return ret;
}

/* A file that was made here and is in no page is in the directory all the same. */
static int add_draft(void *arg, const char *rest, uint64_t ino, const struct store_object *now)
{
	struct batch *b = arg;
	char object[NAME_OBJECT_MAX], name[ESCAPE_NAME_MAX + 1];

	snprintf(object, sizeof(object), "%s%s", b->l->object, rest);
	if (escape_component(rest, strlen(rest), name, sizeof(name)) < 0 || movelog_hides(object))
		return 0;
	b->names++;
	return add_record(&b->records, name, ino, MODE_FILE, now);
}

/* Its files, to be added to. The first page finds them open. */
static int have_files(struct listing *l)
{
	int ret = l->no_files || l->pair.data_fd >= 0 ? 0
						      : pair_open(l->dirs_fd, l->name, &l->pair);

	return ret == -ENOENT || ret == -EBADF ? -EIO : ret;
}

static int add_page(struct listing *l, const struct store_list *page)
{
	struct batch b = {.l = l, .records = BUFFER_INIT(PAGE_BYTES_MAX)};
	char *token = NULL;
	int ret;

	if (page->next_token) {
		token = strdup(page->next_token);
		if (!token)
			return -ENOMEM;
	}
	if (l->kind >= NAME_BUCKET)
		ret = dirpage_add(l->dir, page, take_name, &b);
	else
		ret = add_dirs(&b, page);
	if (!ret && !token && l->kind >= NAME_BUCKET)
		ret = listdrafts_end(&l->drafts, add_draft, &b);
	if (!ret)
		ret = finish(&b, !token);
	buffer_free(&b.records);
	if (ret) {
		free(token);
		return ret;
	}
	free(l->token);
	l->token = token;
	l->has_names |= b.names || token;
	return 0;
}

int pages_add(struct listing *l, const struct store_list *page)
{
	int ret = have_files(l);

	if (!ret)
		ret = add_page(l, page);
	pair_close(&l->pair);
	return ret;
}

bool pages_are_local(const struct listing *l)
{
	return l->kind == NAME_ROOT || (l->kind == NAME_SCHEME && backends_has_accounts(l->scheme));
}

static int add_schemes(struct batch *b)
{
	struct store_entry entry = {.is_prefix = true};
	struct store_list one = {.entries = &entry, .count = 1};
	int ret = 0;

	for (size_t i = 0; !ret && backends_scheme(i); i++) {
		entry.name = (char *)backends_scheme(i);
		ret = add_dirs(b, &one);
	}
	return ret;
}

static int add_accounts(struct batch *b, char *message)
{
	struct store_list accounts = {0};
	int ret = backends_accounts(b->l->scheme, b->l->ctx, &accounts, message);

	if (!ret)
		ret = add_dirs(b, &accounts);
	entries_free(&accounts);
	return ret;
}

int pages_local(struct listing *l, char message[STORE_MESSAGE_BYTES])
{
	struct batch b = {.l = l, .records = BUFFER_INIT(PAGE_BYTES_MAX)};
	int ret = l->kind == NAME_ROOT ? add_schemes(&b) : add_accounts(&b, message);

	if (!ret)
		ret = finish(&b, true);
	buffer_free(&b.records);
	pair_close(&l->pair);
	l->has_names = true;
	return ret;
}

bool pages_exists(const struct listing *l)
{
	const uint8_t *ctx = context_id(l->ctx);

	return l->kind != NAME_KEY || l->has_names || l->dir->has_mark || l->is_real ||
	       told_is_empty_dir(ctx, l->object) || draft_below(ctx, l->object);
}
