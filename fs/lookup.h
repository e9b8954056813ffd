/* SPDX-License-Identifier: Apache-2.0 */
/* What a name is: file, directory or nothing, with as few requests as can be. */
#ifndef FS_LOOKUP_H
#define FS_LOOKUP_H

#include <stdbool.h>

#include "core/base/wire.h"
#include "core/store.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/names.h"

struct deed;

/* A question, and where the line that goes with an error is put. */
struct lookup {
	struct context *ctx;
	struct name name;
	char path[WIRE_PATH_MAX]; /* virtual, NUL-terminated */
	bool must_be_dir;
	bool follow;	     /* what a symbolic link of that name leads to: -WIRE_ELINK */
	bool as_is;	     /* fs/open.h: a link's object opens like a file's */
	bool any_age;	     /* a fact however old is enough, if it says the name exists */
	bool to_write;	     /* it is opened, and its content may stay */
	bool told;	     /* lookup_stat(): mode and owner as the object itself tells them */
	bool is_named;	     /* set: its answer came of a request about this name ... */
	bool is_waited;	     /* ... which was waited for */
	bool is_missing;     /* set: a request about this very name has just found nothing */
	bool want_dir;	     /* keep a listing that is met on the way, in dir */
	struct listing *dir; /* with a reference, or NULL */
	const struct deed
		*deed; /* of the request that changes it, to note how far that is; or NULL */
	char message[STORE_MESSAGE_BYTES];
};

/* The question about a file by its object name, without a path; to free, NULL without memory. Its
 * ctx is NULL when nobody has spoken with those credentials. */
struct lookup *lookup_of(const uint8_t *ctx, const char *object);

/* Can one service copy or move between them by itself, as far as one can know? (samestore.c) */
bool lookup_same_store(const struct lookup *a, const struct lookup *b);

/* Attributes. A cold file costs one HEAD; a name that is none a LIST more; what can only be a
 * directory one LIST. Returns 0, -ENOENT, -ENOTDIR, -WIRE_ELINK
 * (a symbolic link that is to be followed: fs/follow.h), or the store's error. */
int lookup_stat(struct lookup *q, struct wire_attr *out);

/* Nothing was found, and no symbolic link leads on: runtimes may find that by themselves. */
void lookup_show_missing(const struct lookup *q);

/* What the plain path of a key means. Returns 0 with any kind of fact, or the store's error. */
int lookup_fact(struct lookup *q, struct meta_fact *out);

/* The same, of the object's own metadata: asks even if something is known. */
int lookup_told(struct lookup *q, struct meta_fact *out);

/* Is the directory there that q's name lies in? Returns 0, -ENOENT, -ENOTDIR, or the store's error
 * with q->message. */
int lookup_parent(struct lookup *q);

/* The directory itself, for who reads it, with a reference, its first page there. */
int lookup_dir(struct lookup *q, struct listing **out);

/* After a file was not found, as the leader of meta_enter(): is there a directory? Sets *fact to
 * META_DIR or META_NONE and returns 0, or returns the store's error. */
int lookup_dir_instead(struct lookup *q, struct meta_fact *fact);

/* Something found is no file: a zero-byte object whose key ends in a slash marks a directory. */
bool lookup_is_mark(const struct lookup *q, uint64_t size);

/* Has the name been a directory when it was listed, and has just been listed what is in it? A walk
 * comes to its directories later than their names are believed, but fetches what is in them ahead.
 * Sets *fact if so; once for each listing of the name, or a file that takes the directory's place
 * would never be seen by who looks into it again and again. */
bool lookup_is_listed(const struct lookup *q, const char *object, struct meta_fact *fact);

/* Whether the file's name is known not to exist, without a request. */
bool lookup_denied(const struct lookup *q, const char *object);

/* The same, or found out by listing its directory, if names were missing there before. */
bool lookup_denied_around(const struct lookup *q, const char *object);

void lookup_file_attr(const char *object, const struct meta_fact *fact, struct wire_attr *out);

/* The same of a directory. ctx: NULL of one that is none in a bucket. */
void lookup_dir_attr(const uint8_t *ctx, const char *prefix, int64_t mtime_ns,
		     struct wire_attr *out);

/* What an answer says of a file: its user metadata goes before what the service itself tells. What
 * others keep there is learnt (fs/foreign.h). */
void lookup_file_fact(const char *name, const struct store_object *object,
		      const struct store_pairs *user, const struct store_pairs *fields,
		      struct meta_fact *out);

/* The text of fs/xattrs.h in that metadata, in whose memory it is, or "". */
const char *lookup_xattr(const struct store_pairs *user);

#endif
