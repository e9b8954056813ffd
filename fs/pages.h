/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page of a listing becomes: records in the directory's data file, and facts in the metadata
 * cache. Only fs/listing*.c call these, as the one thread that is loading the listing.
 */
#ifndef FS_PAGES_H
#define FS_PAGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/pair.h"
#include "fs/dirpage.h"
#include "fs/listdrafts.h"
#include "fs/names.h"

struct listing {
	/* constant */
	struct context *ctx;
	enum name_kind kind;
	char *object;	 /* owned: the object name of the prefix */
	const char *key; /* in object: the prefix of its keys */
	char scheme[8], bucket[256];
	char *path;		    /* owned: virtual */
	char name[PAIR_NAME_BYTES]; /* of the pair */
	int dirs_fd;
	uint64_t hash; /* of object */
	/* of one that is fetched ahead: told when the first page is there */
	void (*landed)(struct context *ctx, const char *prefix, int error);
	int64_t asked_ns; /* when the first page was asked for */
	bool is_quiet;	  /* listing_look(): for no reader */

	/* atomic */
	bool is_wanted; /* somebody waits for the first page, which is fetched ahead */
	bool has_files; /* set by the loading thread, once; before, dev and ino are its own; no
			   longer when there was no room for the first page */

	/* the loading thread's; readable with the lock while nobody is loading */
	struct dirpage *dir;	  /* owned */
	struct listdrafts drafts; /* pages_begin()'s, up to the last page */
	struct pair pair;	  /* open while a page comes, and no longer: many are half read */
	char *token;		  /* owned: of the next page */
	struct wire_attr attr;
	uint64_t dev, ino;   /* constant once it has files */
	int no_files;	     /* the disk's error for which it will have none, or 0 */
	uint64_t bytes;	     /* of records */
	uint64_t page_start; /* where the last page's records start */
	uint64_t evictions;  /* of its context, at the start */
	bool is_complete, has_names;
	bool is_tree;	       /* STORE_NAMES_TREE */
	bool is_real;	       /* of such a one, in which there is nothing: it is there */
	bool is_late;	       /* the page has waited for long: it tells of names only */
	int64_t page_asked_ns; /* when the page under way was asked for */
	int64_t waited_ns;     /* how long ago that was, of one that had to wait for its turn */

	/* listings_lock */
	struct widening *wide;		   /* owned: listings_widen()'s. NULL: page by page */
	uint64_t shown_bytes, shown_start; /* bytes and page_start as of the last whole page */
	int64_t shown_mtime_ns;
	bool shown_complete;
	struct listing *same_slot, *same_inode;
	int64_t counted; /* bytes of memory */
	unsigned refs, pages;
	bool is_loading, is_replaced;
	bool is_outdated; /* names came or went here since: for no new reader */
	bool is_indexed;  /* found by its inode */
	bool is_shed;	  /* what was listed in parts was forgotten: again with the next page */
	int error;
	char *message; /* owned: of error; NULL: none */
};

/* Makes the pair with "." and "..", and takes down which drafts there are: before the store is
 * asked. On a full disk there is no pair: the first page tells of names all the same, to those who
 * wait for it, and to open such a listing is the disk's error. */
int pages_begin(struct listing *l);

/* Fills in a call for the next page; or, of any thread, for another, which has its own token. */
void pages_call(struct listing *l, struct store_call *call);
void pages_ask(const struct listing *l, struct store_call *call);

/* Also -EIO: its files are gone. */
int pages_add(struct listing *l, const struct store_list *page);

/* The root's names, which need no request. */
int pages_local(struct listing *l, char message[STORE_MESSAGE_BYTES]);

/* Are the names known without a request: those of the root, and accounts? */
bool pages_are_local(const struct listing *l);

/* After the first page: is there such a directory? */
bool pages_exists(const struct listing *l);

#endif
