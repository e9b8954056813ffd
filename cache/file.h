/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the cache: its files and the one lock over them. Only cache/ includes this.
 *
 * Lock: cache_lock covers every field below that is not marked constant. It is held for memory
 * operations and the making and mapping of files, never across a wait, a fetch or the writing of
 * data. Bits in the bitmap are set without it (they are atomic), then it is taken to wake readers.
 * Order with other locks: locks of fs/ come before it; the store driver's come after none of ours,
 * because fetches start without it.
 *
 * A file known by name only costs a struct cache_file. While it is in use, and until
 * CACHE_ACTIVE_IDLE others were used since, it also has a struct cache_active with descriptor, map
 * and read-ahead state.
 */
#ifndef CACHE_FILE_H
#define CACHE_FILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/linkfile.h"
#include "cache/notes.h"
#include "cache/opentable.h"
#include "cache/pair.h"
#include "cache/readahead.h"

#define CACHE_ACTIVE_IDLE 256  /* files mapped without being in use */
#define CACHE_VNODE_COST  4096 /* bytes a vnode file takes at least */
#define CACHE_ID_BYTES	  16   /* half a SHA-256 of context and object name */

/* Somebody who waits for a range; lives on the waiter's stack. */
struct cache_waiter {
	uint64_t offset, end;
	uint64_t goal; /* a GET for it may go on up to here */
	uint64_t part; /* bytes of one GET for it */
	int error;
	char *message; /* or NULL */
	struct cache_waiter *next;
};

struct cache_active {
	struct pair pair;	       /* constant while there are references */
	pthread_cond_t wake;	       /* something arrived or failed */
	struct cache_waiter *waiters;  /* oldest first */
	struct cache_part *parts;      /* in flight */
	unsigned parts_ahead;	       /* of these, those that nobody waited for */
	uint64_t missing;	       /* blocks */
	uint64_t punch_from, punch_to; /* being evicted: nothing may be fetched here */
	struct readahead readahead;
	struct cache_waiter willneed; /* what a program has said that it will want */
	unsigned turn;		      /* the stream that goes first */
	bool is_blocked; /* a waiter wants parts that the limits or the space did not allow */
	struct cache_file *idle_prev, *idle_next; /* only without references */
};

/* Parts that a version has as they are in the draft, but for those marked late since. */
struct draft_same {
	char etag[STORE_ETAG_BYTES];	  /* the version's */
	uint64_t parts[DRAFT_LATE_WORDS]; /* atomic: bit i = part i */
};

/* What a file that is written to has besides. */
struct cache_draft {
	struct notes notes; /* constant while the file is a draft */
	bool is_flushing;
	bool is_left;		  /* by an earlier daemon */
	int64_t said_mtime_ns;	  /* the last that a program has set */
	struct draft_same *same;  /* owned; made once, and freed with it; NULL: there are none */
	uint32_t tried;		  /* atomic: parts that were looked at, or published */
	struct cache_link *links; /* names beside the first, with the lock; see links.h */
	struct linkfile linkfile; /* what holds them */
	int64_t put_off_ns;	  /* draft_put_off(): up to here */
	int64_t linger_until_ns;  /* with several names it stays what it is up to here */
	unsigned openers;	  /* descriptors given out since nobody had it open */
	struct cache_file *next;
};

/* A name that leads to a file, and its version there. Constant but for a draft's. */
struct cache_name {
	uint8_t id[CACHE_ID_BYTES];
	uint64_t etag_hash;
	struct cache_file *file;
	struct cache_name *next; /* in the table */
};

struct cache_file {
	struct cache_name name;		 /* the first */
	uint8_t name_id[CACHE_ID_BYTES]; /* constant: the two that its files are named after */
	uint64_t name_hash;
	struct cache_draft *draft; /* owned; NULL: it is none */
	uint64_t dev, ino;	   /* constant: of the data file */
	struct cache_file *inode_next;
	struct cache_file *lru_prev, *lru_next; /* oldest first */
	uint64_t serial;     /* grows with each file made: the newest version has the largest */
	uint64_t disk_bytes; /* what it is charged with */
	unsigned refs;
	bool is_dropped;	   /* not in the tables any more; its name on disk is gone */
	bool is_lost;		   /* somebody has removed its files: no name leads to it */
	struct opens_ticket shown; /* under this programs may open it by themselves */
	struct cache_active *active;
};

struct cache_state {
	pthread_mutex_t lock;
	int files_fd;		    /* constant */
	uint64_t size_max;	    /* constant */
	uint64_t window_max;	    /* constant */
	struct cache_source source; /* constant */
	uint64_t used;		    /* bytes of all files */
	uint64_t reserved;	    /* bytes of parts in flight, not yet used */
	uint64_t parts, files, evicted;
	uint64_t parts_ahead; /* of these, those that nobody waited for */
	uint64_t ahead_bytes; /* that such parts were to bring, since the start */
	struct readahead_ledger ledger;
	struct cache_file *drafts;
	struct cache_file *lru_first, *lru_last;
	struct cache_file *idle_first, *idle_last; /* oldest first */
	unsigned idle_count;
	bool makes_room;  /* constant: this file system is the faster for it, see arrive.c */
	bool is_low;	  /* the disk's free space is under the floor */
	bool want_space;  /* some part could not start for want of space */
	unsigned blocked; /* files with is_blocked */
	bool stop;
	pthread_cond_t evict;
};
extern struct cache_state cache;

/* Files that may be known at a time: CACHE_FILES_MAX, or fewer with little memory. */
uint64_t file_max(void);

/* NAME of the pair, see cache/pair.h. */
int file_make_id(const uint8_t *ctx, const char *object, uint8_t *id);
uint64_t file_hash_etag(const char *etag);

/* With the lock: into the table, and out of it; it is another object's or version's from now on. */
void name_insert(struct cache_name *name);
void name_remove(struct cache_name *name);
void name_change(struct cache_name *name, const uint8_t *id, uint64_t etag_hash);

/* With the lock: a new file with a reference. notes: NULL, or those of a draft, made with it. */
int file_create(const struct pair_about *about, const uint8_t *id, uint64_t etag_hash,
		struct notes *notes, struct cache_file **out);

/* With the lock: a draft without references becomes the ordinary file that about says, with the
 * same data file, complete. After an error it is as it was, or cannot be activated any more. */
int file_take_over(struct cache_file *file, const struct pair_about *about);

/* With the lock: the file that has a name of that id for which accept says yes, drafts before
 * others and the newest first; or NULL. */
struct cache_file *file_find(const uint8_t *id,
			     bool (*accept)(const struct cache_name *name, const void *arg),
			     const void *arg);
struct cache_file *file_find_inode(uint64_t dev, uint64_t ino);

/* A name on disk that no version's file has. */
uint64_t fresh_hash(void);

/* The data file's, of an active file. */
void file_set_mtime(const struct cache_file *file, int64_t mtime_ns);

/* With the lock, of an active file: has any process it open? */
bool file_is_open(struct cache_file *file);

/* With the lock: takes a reference; NULL when it cannot be opened any more. */
struct cache_file *file_use(struct cache_file *file);

void file_pair_name(const struct cache_file *file, char out[PAIR_NAME_BYTES]);

/* With the lock: from now on programs ask for it. Before it gets another name or none, before its
 * blocks go, and before anybody asks whether it is open: what is closed then stays so. */
void file_hide(struct cache_file *file);

/* With the lock: opens its pair. */
int file_open_pair(const struct cache_file *file, struct pair *out);

/* All with the lock held. */
int file_activate(struct cache_file *file);
void file_deactivate(struct cache_file *file); /* only without references */
void file_recharge(struct cache_file *file);   /* after its missing blocks changed */
void file_insert(struct cache_file *file);     /* into tables and lists, without references */
void file_ref_locked(struct cache_file *file);
void file_used(struct cache_file *file); /* newest in LRU order */
void file_drop(
	struct cache_file *file); /* out of the tables, off the disk; frees it without refs */
void file_put_locked(struct cache_file *file);
struct cache_file *file_next_active(struct cache_file *after); /* in LRU order; NULL starts */

/* Empties the tables at the end. */
int file_tables_init(void);
void file_tables_free(void);

/* Reads the directory: takes over pairs that hold together, removes the rest. */
int file_adopt(void);

/* What the disk is charged for a file with this many blocks present. */
uint64_t file_cost(uint64_t size, uint64_t blocks);

/* New parts, to be handed to the source once the lock is free. */
#define FILL_LIST_MAX CACHE_PARTS_MAX
struct fill_list {
	struct cache_part *parts[FILL_LIST_MAX];
	unsigned count;
};

/* With the lock: makes the parts that the file's waiters and its read-ahead want, as far as limits
 * allow; the second does so for all files that were held back. */
void fill_pump(struct cache_file *file, struct fill_list *list);
void fill_pump_blocked(struct fill_list *list);

/* With the lock: makes parts of what is missing of w's range, [offset, end), and may go on up to
 * its goal in the last of them. False: held back. */
bool fill_range(struct cache_file *file, const struct cache_waiter *w, bool is_ahead,
		struct fill_list *list);

/* cache/streams.c, all with the lock. Of a new cache_active; opened, as of readahead_init(): again,
 * if there are no streams. */
void streams_open(struct cache_active *a, bool opened);

/* All end. */
void streams_close(struct cache_active *a);

/* A reader is at [w->offset, w->end), or will be: flags of WIRE_ENSURE. Sets w's part and goal. */
void streams_see(struct cache_active *a, struct cache_waiter *w, unsigned flags);

/* Makes the parts that are wanted ahead. False: some are held back by the count, which is worth
 * coming back to without a waiter. */
bool streams_pump(struct cache_file *file, struct fill_list *list);

/* Nothing is wanted ahead any more, until a reader is seen again. */
void streams_rest(struct cache_active *a);

/* With the lock: the part of cache_create_with(). */
struct cache_part *fill_first(struct cache_file *file, uint64_t length);

/* May parts be given room on the file system of files_fd? Before any comes. */
void arrive_start(void);

/* With the lock, of a file that is not written to and for which nothing is on its way: gives back
 * the room of parts that never came, as of a daemon that was killed. */
void arrive_trim(const struct pair *pair);

/* Without the lock. */
void fill_start(const struct fill_list *list);

/* With the lock: ends the wait of those that cannot get space. */
void fill_fail_blocked(int error, const char *message);

/* May something have changed in a draft that no mark tells of (core/base/draft.h)? */
bool file_is_unsure(const struct cache_file *file);

/* With the lock: a version was made of the draft, of which so many parts were written to their end
 * when that began. The other: the version of the journal gets another ETag with the same bytes. */
void file_note_same(struct cache_file *file, uint32_t whole, const char *etag);
void file_same_becomes(struct cache_file *file, const char *etag);

/* With the lock: clean drafts that no process has open, up to DRAFT_RETIRE_MAX, become ordinary
 * files at once, or go. Returns bytes freed. */
uint64_t draft_retire_clean(void);

int evict_start(void);
void evict_stop(void);

#endif
