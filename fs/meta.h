/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata cache: what is known of a name, per context, and who is just finding it out.
 *
 * A name is an object name (fs/names.h); the directory as such, as opposed to whatever the plain
 * path means, has a name of its own, meta_dir_name(). Facts are believed for the TTL,
 * SKYSHIM_META_TTL_MS (1000). One from a listing of a directory that is being read is believed once
 * more, by the first who asks within META_SPARE_MS, so that a walk over many names needs no request
 * for each, and one that polls still sees changes; but of a file nobody opens what is older than
 * the TTL.
 */
#ifndef FS_META_H
#define FS_META_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/opentable.h"
#include "core/base/attrs.h"
#include "core/store.h"
#include "fs/names.h"

#define META_TTL_MS    1000
#define META_SPARE_MS  30000
#define META_BYTES_MAX (24u << 20) /* of all that the cache takes, but for lookups under way */
#define META_NAME_MAX  (NAME_OBJECT_MAX + 1)

enum meta_kind { META_UNKNOWN, META_NONE, META_FILE, META_DIR };

struct meta_fact {
	enum meta_kind kind;
	struct store_object object; /* META_FILE; of META_DIR mtime_ns only */
	/* META_FILE: */
	bool is_told; /* the object's own metadata is known, which a listing cannot tell: */
	bool has_mode, has_uid, has_gid, has_mtime;
	bool is_link;	  /* it is a symbolic link: known of what is told, or by fs/untold.h */
	bool has_xattr;	  /* the same of extended attributes */
	bool has_foreign; /* and of what other tools keep with it (fs/foreign.h) */
	uint32_t mode;	  /* permission bits */
	uint32_t uid, gid;
	int64_t waited_ns; /* meta_put_listed(): it is so much older than now */
	bool is_ahead;	   /* given by the cache: it was fetched before anybody asked */
	uint32_t hidden;   /* how often meta_hide() has met it: nothing but for meta_show() */
};

void meta_start(void);
void meta_stop(void);

int64_t meta_ttl_ns(void);

/* "/" and the prefix: no object name starts with a slash. */
void meta_dir_name(const char *prefix, char out[META_NAME_MAX]);

/* A fact that may be believed now. */
bool meta_get(const uint8_t *ctx, const char *name, struct meta_fact *out);

/* The same for who opens it: what is known as a file, only for the TTL. */
bool meta_get_open(const uint8_t *ctx, const char *name, struct meta_fact *out);

/* The last fact, however old; nothing is used up. */
bool meta_peek(const uint8_t *ctx, const char *name, struct meta_fact *out);

/* A directory of a listing of any age that nothing has changed since, for who knows that something
 * is in it still. Once for each listing: who polls asks the store. */
bool meta_take_listed(const uint8_t *ctx, const char *name, struct meta_fact *out);

/* Was it there when it was last told of? Then, unless that is believed, nothing but an answer
 * tells, not even a listing that was complete: it may be that listing which told of it
 * (meta_put_seen()), or something has failed or changed since. */
bool meta_was_there(const uint8_t *ctx, const char *name);

/* The same if it is not older than that; nanoseconds. */
bool meta_peek_within(const uint8_t *ctx, const char *name, int64_t age_ns, struct meta_fact *out);

/* A fact for somebody who is going to find out otherwise; anew: even if it is known. Returns 1:
 * *out is known, or somebody else found it out meanwhile. 0: the caller leads, with out->hidden
 * only; it must end with meta_leave(). A negative errno: what the one who led met; message gets his
 * line. */
int meta_enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
	       char message[STORE_MESSAGE_BYTES]);

/* The same for somebody who fetches ahead of those who will ask, and never waits: returns true when
 * the caller leads. Not if the name is being looked up, or is not known as a file. */
bool meta_enter_ahead(const uint8_t *ctx, const char *name);

/* Is it believed still? Nothing is used up. */
bool meta_is_fresh(const uint8_t *ctx, const char *name);

/* Of who leads so: *is_wanted is set, atomically, as soon as somebody waits for it, or never. It
 * must live until meta_leave_ahead() has returned. */
void meta_want_ahead(const uint8_t *ctx, const char *name, bool *is_wanted);

/* What it found out, fact NULL: nothing, and nobody is told: those who wait look for themselves.
 * Attributes may still be believed as the listing allowed, but who opens it only for the TTL. */
void meta_leave_ahead(const uint8_t *ctx, const char *name, const struct meta_fact *fact);

/* fact: NULL with an error. */
void meta_leave(const uint8_t *ctx, const char *name, int error, const struct meta_fact *fact,
		const char *message);

void meta_put(const uint8_t *ctx, const char *name, const struct meta_fact *fact);

/* The same of an answer that was asked for at asked_ns: it is believed for the TTL from then on.
 * What was changed here since then stays, and so does the same if it is younger. */
void meta_put_asked(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		    int64_t asked_ns);

/* From a listing that was asked for at asked_ns. What was changed here since then stays (false); of
 * the same version as before, so do the mode and time that the object itself told. */
bool meta_put_listed(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		     int64_t asked_ns);

/* Somebody reads that directory, by its meta_dir_name(): what listings tell of what is in it is
 * believed once more, up to META_SPARE_MS from now. */
void meta_read(const uint8_t *ctx, const char *name);

/* The same from a listing that nobody has read: the name is there in that version, but nothing is
 * believed of it, nor is it denied, before it is asked about. What is believed already, and of the
 * same version, stays. */
void meta_put_seen(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		   int64_t asked_ns);

/* The object was still this when a part of it was asked for, at asked_ns: what is known of it is
 * believed for the TTL from then on, if that is longer, and if nothing has changed here since. */
void meta_confirm(const uint8_t *ctx, const char *name, const struct store_object *object,
		  int64_t asked_ns);

/* After a change by this daemon: what others find out that asked before is not believed. */
void meta_put_own(const uint8_t *ctx, const char *name, const struct meta_fact *fact);

/* Nobody goes on with what was shown of it: it may change without being asked about. */
void meta_hide(const uint8_t *ctx, const char *name);

void meta_forget(const uint8_t *ctx, const char *name);

/* The same in all contexts but this one. */
void meta_forget_elsewhere(const uint8_t *ctx, const char *name);

/* All that is below the prefix has moved away, or something moves there: nothing is known of any
 * name there any more, not even what was, in no context. prefix: up to a slash. Takes as long as
 * there are entries below. */
void meta_forget_below(const char *prefix);

/* Shows the answer that this fact gives in the shared table, for the TTL of it; it is withdrawn
 * when the entry changes or goes. Who takes it from there uses up what a listing gave to spare.
 * Nothing is shown of what the cache does not know any more, or has hidden since it gave the fact.
 */
void meta_show(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
	       const struct attrs_ask *ask, const struct wire_attr *attr);

/* The same in the table of files (cache/opentable.h), of a file that was just opened: a ticket, to
 * put the file into, or none. */
struct opens_ticket meta_show_open(const uint8_t *ctx, const char *name,
				   const struct meta_fact *fact, const char *path);

/* The same of what never changes: the root and the schemes. */
void meta_show_fixed(const struct attrs_ask *ask, const struct wire_attr *attr);

/* Grows when entries of this context had to go, for want of memory or as others have changed
 * something: what is not here may still exist. (Sometimes when those of another had to.) */
uint64_t meta_evictions(const uint8_t *ctx);

struct meta_stats {
	uint64_t entries;
	uint64_t bytes;	 /* all that they take, the index included */
	uint64_t finds;	 /* names looked for in directories of which something is known */
	uint64_t probes; /* records, those of directories included, that were looked at for that, or
			    to forget what is below */
};
void meta_stats(struct meta_stats *out);

#endif
