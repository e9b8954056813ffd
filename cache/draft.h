/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drafts: cache files that are written to (core/base/draft.h). The file itself is the draft, so
 * that whoever has it open sees every write at once; publishing it makes it the new version.
 *
 * A draft is dirty while not all of its changes are in the bucket; a dirty one is what its name
 * means on this machine. A clean one is a version like any other, and becomes an ordinary cache
 * file once no process has it open. One that could not be published by then is parked: kept on
 * disk, found by no name.
 *
 * Functions as in cache/cache.h: any thread, references, negative errnos.
 */
#ifndef CACHE_DRAFT_H
#define CACHE_DRAFT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cache/cache.h"

/* Makes the file a draft with its version as base, if it is none. keeps: its content stays; on
 * return the last block of the base is there, so that appending needs nothing more. Waits for
 * fetches: not on the I/O thread. message: as of cache_ensure(). */
int draft_open(struct cache_file *file, bool keeps, char *message);

#define DRAFT_XATTR_MAX 1800 /* bytes of a text with its NUL, which is the caller's business */

/* What a draft without a base is about. */
struct draft_about {
	const uint8_t *ctx;
	const char *object;		    /* object name */
	const char *path;		    /* virtual */
	const struct wire_attr *attr;	    /* size 0 */
	bool is_plain;			    /* cache_is_plain() */
	bool must_be_new;		    /* nothing may be in the bucket when it is published */
	const struct store_object *version; /* or this must be there; NULL: whatever it is */
};

/* An empty draft, dirty from the start, with a reference. */
int draft_create(const struct draft_about *about, struct cache_file **out);

/* The dirty draft that this name means here, with a reference, or NULL. */
struct cache_file *draft_find(const uint8_t *ctx, const char *object);

/* Is a dirty one's name in that directory, or below? */
bool draft_below(const uint8_t *ctx, const char *prefix);

/* Was its name removed? */
bool draft_is_unlinked(const struct cache_file *file);

/* Nothing may be in the bucket under its name when it is published. */
void draft_must_be_new(struct cache_file *file);

/* Does a name lead to it? */
bool draft_is_named(const struct cache_file *file);

/* Is nothing of it in the bucket, for certain? */
bool draft_is_new(const struct cache_file *file);

/* Is there a draft of that name, that may become dirty without anybody being asked? */
bool draft_may_change(const uint8_t *ctx, const char *object);

bool draft_is(const struct cache_file *file);

/* Has cache_open_data() given out one descriptor of it, and nobody had it open then? What became of
 * that one is not known: a process may have shared or closed it. */
bool draft_has_one_opener(const struct cache_file *file);

bool draft_has_changes(const struct cache_file *file);

/* Size and times as they are now; the rest as cache_attr(). Of any file. */
void draft_attr(const struct cache_file *file, struct wire_attr *out);

/* Another size, as one change. Waits for fetches of what is cut off. */
int draft_truncate(struct cache_file *file, uint64_t size, char *message);

/* What it replaces is not what the version in the bucket is compared with any more: whatever is
 * there is overwritten. object: under this name of it; NULL: under all. */
void draft_unconditional(struct cache_file *file, const char *object);

/* Attributes; a change each. mode: permission bits. */
void draft_set_mode(struct cache_file *file, uint32_t mode);
int draft_set_mtime(struct cache_file *file, int64_t mtime_ns);

/* NULL: stays. */
void draft_set_owner(struct cache_file *file, const uint32_t *uid, const uint32_t *gid);

/* The text of its extended attributes, which goes with the next version. */
void draft_set_xattr(struct cache_file *file, const char *text);

/* The same, if it was set and is not in the bucket yet: otherwise they are those of its version. */
bool draft_xattr(const struct cache_file *file, char out[DRAFT_XATTR_MAX]);

/* The notes for a runtime: a fresh descriptor or an error (-EBADF: not a draft). */
int draft_open_notes(struct cache_file *file);

/* The drafts of these two names, dirty or not, once nothing of either is on its way: until they are
 * released nothing of them is published. With a reference each, which goes with the release; NULL:
 * there is none, and out[1] also if it is the same as out[0]. Both at once: of several who hold two
 * none waits for another that waits for him. Not with a draft held. */
void draft_hold_two(const uint8_t *ctx, const char *const object[2], struct cache_file *out[2]);
void draft_release(struct cache_file *file);

/* Waits until nothing of the draft of that name is being published, if there is one. */
void draft_wait(const uint8_t *ctx, const char *object);

/* As draft_release(), and the name is no longer one of it: nothing of it gets there any more. */
void draft_release_without(struct cache_file *file, const char *object);

/* As draft_release(), of a file of one name: the bucket has this version there, which has nothing
 * of it. All of it is a change, to be published in place of that. */
void draft_release_over(struct cache_file *file, const struct store_object *version);

/* Its name old is another now, and so is its inode number, which goes by the name (the first, of
 * several); version: what is in the bucket. NULL: nothing of it is, and the caller holds it;
 * -EAGAIN: it has got there meanwhile, under the old name. */
int draft_rename(struct cache_file *file, const char *old, const char *object, uint64_t ino,
		 const struct store_object *version);

/* The bucket holds a copy of its version with other attributes, mode, owner and time of attr, under
 * this name of it; if it has got others meanwhile, they are to have them, too. False: it was
 * changed meanwhile, and has its own attributes still. */
bool draft_become(struct cache_file *file, const char *object, const struct wire_attr *attr,
		  const char *etag);

/* All its names are gone: it is not published any more; when it returns, it is not being published
 * either. The other takes that back. */
void draft_unlink(struct cache_file *file);
void draft_relink(struct cache_file *file);

/* Another file takes the name: what is or was written to under it goes on without it. keep: but
 * this, or NULL. */
void draft_replaced(const uint8_t *ctx, const char *object, const struct cache_file *keep);

/* --- publishing --- */

/* What an upload of a draft can be told by, once it is in the bucket. */
struct draft_sent {
	int64_t mtime_ns;
	uint64_t mark; /* which it alone has (fs/metadata.h); 0: it has none */
	bool is_size;  /* mark is its size: an earlier version sent it, without a mark */
	/* mark is the file's size: what it has behind the version that is known was sent, to be
	 * appended to that (fs/inplace.h) */
	bool is_append;
};

/* One publication under way. */
struct draft_flush {
	uint64_t begun;	  /* what it contains at least */
	bool is_quiet;	  /* no change was under way when it began */
	bool is_followed; /* and all that came before is told by late parts */
	bool sets_mtime;  /* by the caller: the file's time becomes that of the version */
	uint64_t *dirty;  /* which blocks of the base differ; to test with draft_flush_dirty() */
	uint64_t words;
	uint64_t base; /* bytes of the base */
	bool is_known, must_be_new;
	bool is_blind; /* neither, and an earlier daemon said so: the cache may be set back since */
	int64_t blind_s;	     /* ... so many seconds ago; INT64_MAX: not known */
	struct store_object version; /* is_known: what is in the bucket */
	bool was_sent;		     /* an earlier one may be in the bucket, nobody knows */
	struct draft_sent sent;	     /* was_sent: what it can be told by */
	bool has_xattr;		     /* draft_set_xattr() */
	char xattr[DRAFT_XATTR_MAX];
	uint32_t whole; /* parts (core/base/parts.h) that were written to their end by then */
};

/* Begins one: one at a time for a file, waiting for another that is under way. begun: what must be
 * contained (of the notes, when the caller was asked). Returns 1: it is in the bucket by now, there
 * is nothing to do; 0: go on, and end it; or an error. */
int draft_flush_begin(struct cache_file *file, uint64_t begun, struct draft_flush *flush);

/* It is about to be sent as this: until it has ended nobody knows whether it is in the bucket, and
 * a daemon that dies meanwhile tells the next one (was_sent). */
void draft_flush_sends(struct cache_file *file, const struct draft_sent *sent);

/* What was sent has ended: found is in the bucket, and what this one goes on from; NULL: it is not
 * there. The draft stays dirty. */
void draft_flush_resolve(struct cache_file *file, struct draft_flush *flush,
			 const struct store_object *found);

bool draft_flush_dirty(const struct draft_flush *flush, uint64_t block);

/* Has flush->version this part just as it is in the draft, wherever the base ends? */
bool draft_flush_same(const struct cache_file *file, const struct draft_flush *flush,
		      uint32_t index);

/* It is about to be read, to be sent: from now on it counts as not changed. */
void draft_resend_part(struct cache_file *file, uint32_t index);

/* Ends it. version: what is in the bucket now (its mtime: the file's), or NULL when it failed. */
void draft_flush_end(struct cache_file *file, struct draft_flush *flush,
		     const struct store_object *version);

/* What begun counts now. */
uint64_t draft_begun(const struct cache_file *file);

/* Notes an upload in parts that is under way, "" for none, so that whoever comes next can remove
 * it. Returns 0 or -ENAMETOOLONG. The other: the one noted, to free, and the object that it is for;
 * NULL for none. */
int draft_note_upload(struct cache_file *file, const char *object, const char *upload_id);
char *draft_noted_upload(struct cache_file *file, char object[CACHE_OBJECT_MAX]);

/* --- sending parts (core/base/parts.h) ahead, while it is written --- */

/* Its number, that no other file of this daemon has had. Is there a draft of that number which has
 * that name? */
uint64_t draft_serial(const struct cache_file *file);
bool draft_goes_by(uint64_t serial, const char *object);

/* Keeps it from being published or renamed until draft_release(). 0 with a reference, or -EBUSY: it
 * is being published, has no name, or its changes cannot be followed. */
int draft_pause(struct cache_file *file);

/* Is this part written? May it be sent now: then it counts as not changed since. Was it changed
 * since that was said: for certain only when draft_flush.is_followed. */
bool draft_part_is_done(const struct cache_file *file, uint32_t index);
bool draft_take_part(struct cache_file *file, uint32_t index);
bool draft_part_is_late(const struct cache_file *file, uint32_t index);

/* Has the version in the bucket this part as it is? It may not have when it is published. */
bool draft_part_is_sent(const struct cache_file *file, uint32_t index);

/* Up to max drafts, with a reference each, that a process has open and that have finished parts
 * which neither draft_take_part() nor a publication was asked for. Returns how many. */
size_t draft_behind(struct cache_file **out, size_t max);

/* Is this time one that a program has set, rather than that of a write? */
bool draft_said_mtime(const struct cache_file *file, int64_t mtime_ns);

/* Reads bytes of the data file. As pread(2), or a negative errno. */
ssize_t draft_read(struct cache_file *file, void *buf, size_t bytes, uint64_t offset);

/* It cannot be published: keeps it for the user. error: a negative errno. */
void draft_park(struct cache_file *file, int error, const char *message);

/* Drafts that no process has open any more: the clean become ordinary files, the unlinked go, and
 * of the dirty, and of those with an upload noted, up to max get a reference and are put into out.
 * Once a second. Returns how many.
 * more: there are clean ones beyond DRAFT_RETIRE_MAX; whoever waits for the cache goes first. */
#define DRAFT_RETIRE_MAX 64
size_t draft_sweep(struct cache_file **out, size_t max, bool *more);

/* An upload that is noted in it could not be ended now: if it has nothing else to do in the bucket,
 * draft_sweep() does not give it out again before DRAFT_AGAIN_S. */
#define DRAFT_AGAIN_S 10
void draft_put_off(struct cache_file *file);

struct draft_stats {
	uint64_t drafts, dirty, parked;
};
void draft_stats(struct draft_stats *out);

/* Calls each for every parked or dirty draft, with its reference held during the call only; a
 * result other than 0 ends. For `skyshim recover`. */
int draft_each(int (*each)(void *arg, struct cache_file *file), void *arg);

/* Why it was parked: 0 for one that is not; else message, if it is not NULL, is what was said. */
int draft_parked(const struct cache_file *file, char message[STORE_MESSAGE_BYTES]);

/* Back to its name, to be published again (retry). */
void draft_unpark(struct cache_file *file);

#endif
