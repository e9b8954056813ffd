/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store contract: what may be asked of an object store, whichever it is, and how a back end
 * says it in HTTP.
 *
 * Callers fill a struct store_call and submit it; the one driver (core/driver.c) builds, signs,
 * sends, retries, parses, logs and counts. A back end is a table of pure functions: build turns a
 * call into a request, parse turns a response into a result; neither does I/O.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context; /* whose credentials and endpoints: core/context.h */

#define STORE_ETAG_BYTES    128	  /* with NUL; longer ETags are refused as a bad answer */
#define STORE_ID_BYTES	    128	  /* a service's request id, with NUL */
#define STORE_CODE_BYTES    64	  /* a service's word for an error, with NUL */
#define STORE_MESSAGE_BYTES 512	  /* a line for the user, with NUL */
#define STORE_LIST_MAX	    1000  /* entries of one page */
#define STORE_PART_MAX	    10000 /* the highest number of a part */
#define STORE_PAIRS_MAX	    128	  /* of one object */
#define STORE_AGE_UNKNOWN   INT64_MIN

enum store_verb {
	STORE_HEAD, /* attributes of bucket/key */
	STORE_GET,  /* bytes [offset, offset + length) of bucket/key, and its attributes */
	STORE_LIST, /* one page of names in bucket that start with key, up to the next delimiter */
	STORE_BUCKETS,	   /* all buckets of these credentials, or a page of those of an account */
	STORE_PUT,	   /* the source as bucket/key, whole, in place of what is there */
	STORE_DELETE,	   /* bucket/key; that there is none is a success */
	STORE_DELETE_MANY, /* keys in bucket; the same */
	STORE_COPY,	   /* from_bucket/from_key as bucket/key, by the service; 5 GiB at most,
			    * unless it copies_whole (core/backend.h) */
	/* An object that goes in parts: begun, its parts in any order and several at once, then
	 * completed or aborted. Nothing is visible before. An upload that is neither stays, and
	 * costs: also one whose STORE_MULTIPART_BEGIN lost its answer. */
	STORE_MULTIPART_BEGIN, /* for bucket/key, with its metadata: gives upload_id */
	STORE_PART,	       /* the source as one part */
	STORE_PART_COPY, /* [offset, offset + length) of from_bucket/from_key as one; 0, 0: all */
	STORE_COMPLETE,	 /* the parts, in order, become bucket/key */
	STORE_ABORT,	 /* that there is no such upload is a success */
	/* from_bucket/from_key gets the name bucket/key, at once and whole, with all that is below
	 * it where both keys end in a slash (directories, see enum store_names), in place of a file
	 * or an empty directory. -ENOENT: there is no such thing, or no place for it. -EEXIST:
	 * if_none_match is "*", and there is something. -ENOTDIR, -EISDIR: of the other kind.
	 * -EOPNOTSUPP, perhaps without a request: the service has no such thing */
	STORE_RENAME,
	STORE_UPLOADS, /* one page of the uploads of bucket whose keys start with key; with upload
			  * set, of the parts of that one of bucket/key: names are their numbers */
	STORE_VERBS
};

/* What names are to the store of a bucket. */
enum store_names {
	STORE_NAMES_UNKNOWN, /* no answer has told yet */
	STORE_NAMES_FLAT,    /* keys, in which a slash is a character */
	/* Paths: directories are there by themselves. "dir/" as a key is the directory: a PUT
	 * without bytes makes it, or with no if_none_match replaces its metadata; a HEAD tells
	 * that; a DELETE removes it if it is empty (-ENOTEMPTY); a list without delimiter tells it
	 * as "dir/", but not the one that is listed. A HEAD or a GET of "dir" that meets one gives
	 * -ENOENT and is_directory. */
	STORE_NAMES_TREE,
};

/* What is known of a bucket's store so far, or configured. Any thread. */
enum store_names store_names(struct context *ctx, const char *scheme, const char *bucket);

/* "get", "delete_many"...: as it is shown. */
const char *store_verb_name(enum store_verb verb);

struct store_object {
	uint64_t size;		     /* bytes of the whole object */
	int64_t mtime_ns;	     /* since 1970; 0 when the answer did not say */
	char etag[STORE_ETAG_BYTES]; /* as sent, quotes included; "" when the answer did not say */
};

/* name: of an object its whole key; of a common prefix the whole prefix with its delimiter; of a
 * bucket its name; of an upload its key. Decoded bytes, NUL-terminated. */
struct store_entry {
	char *name;
	char *upload; /* STORE_UPLOADS: its id, and object.mtime_ns when it was begun; else NULL */
	bool is_prefix;
	struct store_object object;
};

/* One page, in the service's order. Owned by the call; freed by store_call_reset(). */
struct store_list {
	struct store_entry *entries;
	size_t count;
	char *next_token; /* NULL after the last page */
	size_t charged;	  /* bytes of it, with core/memory.h */
};

/* Where the bytes of a GET go. Called on an I/O thread; must not wait for another call.
 * begin: once per successful answer, before its first byte (again if a retry starts anew): what the
 * object is. Returns 0, or a negative errno that ends the call.
 * data: bytes at offset of the object, in order, each byte once. Same returns. */
struct store_sink {
	int (*begin)(void *arg, const struct store_object *object);
	int (*data)(void *arg, uint64_t offset, const void *data, size_t bytes);
	void *arg;
};

/* Where the bytes of a write come from: `bytes` of them, known ahead, so that a file can go without
 * being held in memory. read: fills buf with those from offset on, which all lie within. Called on
 * threads of the driver's, one at a time; every byte at least twice (for its digest, then to be
 * sent), and from the start again with every retry. Must not wait for another call. Returns 0, or a
 * negative errno that ends the call. Bytes that change meanwhile are found by the service, by their
 * digest, and sent anew. */
struct store_source {
	int (*read)(void *arg, uint64_t offset, void *buf, size_t bytes);
	void *arg;
	uint64_t bytes;
};

/* A part of a STORE_COMPLETE. */
struct store_part {
	unsigned number;  /* 1..STORE_PART_MAX, ascending */
	const char *etag; /* as STORE_PART or STORE_PART_COPY gave it: part_id, or else
			   * object.etag */
};

/* What is kept with an object beside its bytes, by name. core/pairs.h has what one needs. */
struct store_pair {
	char *name;
	char *value;
};
/* Among the fields of an object: it is one that is appended to. */
#define STORE_FIELD_APPENDS "X-Appends"

struct store_pairs {
	struct store_pair *pair;
	size_t count;
};

struct realm; /* core/realm.h */

/* To find out what a service is like: for this call it is as said here, whatever is configured or
 * was learned, and nothing is learned from it. */
struct store_trial {
	unsigned quirks;    /* enum store_quirk (core/backend.h) */
	bool in_host;	    /* the bucket goes in the host's name, if it can */
	unsigned tries_max; /* sendings; 0: as usual */
};

struct store_call {
	/* Set by the caller, valid until done. */
	enum store_verb verb;
	struct context *ctx;
	const char *scheme; /* "s3" */
	const char *bucket; /* of a scheme with accounts ACCOUNT/CONTAINER. NULL for STORE_BUCKETS;
			     * with accounts, ACCOUNT */
	const char *key;    /* of STORE_LIST and STORE_UPLOADS the prefix, "" for none */
	uint64_t offset;    /* STORE_GET, STORE_PART_COPY */
	uint64_t length;    /* STORE_GET: 0 means to the end; STORE_PART_COPY */

	/* An ETag or NULL. if_match: another version gives -ESTALE; to a write, none as well.
	 * if_none_match: the same version gives -EALREADY, without a body; a write knows only "*":
	 * any version gives -ESTALE. */
	const char *if_match, *if_none_match;

	bool is_ahead; /* nobody has asked for it yet: calls that somebody waits for go first */
	const bool *is_wanted; /* of such a one, NULL or set atomically by any thread: now somebody
				* waits for it, and it goes as any other */
	bool is_bulk;	       /* one of the many of somebody who reads a lot: where a limit of the
		       * configuration holds, calls that ask for little go first. What is large is
		       * so in any case */

	char delimiter;	   /* STORE_LIST: 0 for none */
	const char *token; /* pages: a page's next_token, or NULL for the first */
	/* STORE_LIST: only what is behind this key, or NULL; with each page of a chain the same.
	 * No common prefix may begin with it, or with a part of it that is longer than key. Only
	 * where store_ops.begins says so, and even then a service may ignore it. */
	const char *after;
	unsigned max_entries; /* pages: 1..STORE_LIST_MAX; 0 means STORE_LIST_MAX */

	struct store_sink sink;	    /* STORE_GET */
	struct store_source source; /* STORE_PUT, STORE_PART */

	/* STORE_PUT, STORE_COPY, STORE_MULTIPART_BEGIN and, the same again, STORE_COMPLETE
	 * (services differ in when they want it); NULL for none. user: metadata; names in lower
	 * case, without the service's prefix; values of printable ASCII without blanks around; 2
	 * KiB in all. fields: "Content-Type" and the other standard fields that a service keeps. */
	const struct store_pairs *set_user, *set_fields;
	/* STORE_PUT, of an object that the service appends to (append_max in core/backend.h): the
	 * source goes behind this many bytes, which is all that if_match names; 0: no. Nothing else
	 * about the object changes. */
	uint64_t append_at;
	bool is_marked; /* STORE_PUT: no other writer's bytes go with this set_user, since it holds
			 * what only this one has drawn: so an answer that was lost is found again
			 * where an ETag tells nothing (a service that encrypts) */

	/* STORE_COPY, STORE_PART_COPY, STORE_RENAME: what is copied or renamed, and its ETag or
	 * NULL (another version gives -ESTALE). Without set_user and set_fields its metadata goes
	 * along with a STORE_COPY, with either both are replaced: then what is to stay must be
	 * given again. if_match and if_none_match are about bucket/key. */
	const char *from_bucket, *from_key, *from_etag;
	const char *from_sum; /* STORE_PART_COPY of a whole object (keeps_whole in core/backend.h):
			       * its CRC32C in base64, or NULL. Another: -EOPNOTSUPP */

	/* Multipart uploads. */
	const char *upload;		/* the upload_id, of all that is about one */
	unsigned part;			/* STORE_PART, STORE_PART_COPY: its number */
	const struct store_part *parts; /* STORE_COMPLETE: at least one */
	size_t part_count;

	/* STORE_DELETE_MANY: 1..STORE_LIST_MAX keys, no two the same. -EINVAL: one of them cannot
	 * be named in this request (control bytes, no UTF-8): STORE_DELETE can. */
	const char *const *keys;
	size_t key_count;
	/* NULL, or for each of the keys an ETag or NULL: only this version goes, another gives
	 * -ESTALE in key_errors, and on Azure so may none. Where the service is not known to heed
	 * that, whatever is there goes. */
	const char *const *key_etags;

	/* Between the driver and a back end whose call takes several requests: see parse in
	 * core/backend.h. carry_out is owned. */
	unsigned step;
	const char *carry;
	char *carry_out;
	bool is_made;

	const struct store_trial *trial; /* NULL: none */

	void (*done)(struct store_call *call); /* on an I/O thread, once; may free the call */
	void *arg;

	/* Set by the driver before done(). What is owned is freed by store_call_reset(). */
	int error;		/* 0 or a negative errno, see below */
	int status;		/* of the last HTTP answer, 0 if there was none */
	enum store_names names; /* as far as is known now, with an error as well */
	bool is_directory; /* STORE_NAMES_TREE, STORE_HEAD and STORE_GET: that is what is there,
				 * object and user are its own also with -ENOENT */
	bool is_unsure; /* an earlier sending of it may have been carried out besides: nobody knows
			 * what was answered */

	/* STORE_HEAD, STORE_GET: all of it. STORE_PUT, STORE_PART: etag and size. Copies: etag and
	 * mtime. STORE_COMPLETE: etag. What a HEAD had to find out: all. */
	struct store_object object;
	int64_t age_s; /* STORE_HEAD: how long ago that version was stored, by the service's clock
			* alone, both of whose times are cut to whole seconds; STORE_AGE_UNKNOWN
			* when it did not say */
	struct store_list list; /* STORE_LIST, STORE_UPLOADS: pages; STORE_BUCKETS */

	/* STORE_HEAD, STORE_GET (before sink.begin already): as set_user and set_fields are; names
	 * of user metadata in lower case, values as they came. Owned. */
	struct store_pairs user, fields;

	/* STORE_DELETE_MANY: an errno for each of the keys, 0: it is gone; NULL when the service
	 * has not said. With any but 0 the call fails too. A call that fails half-way gives its
	 * error to those that the service has not answered. Owned. */
	int *key_errors;
	char *upload_id; /* STORE_MULTIPART_BEGIN. Owned. */
	char *part_id;	 /* STORE_PART, STORE_PART_COPY: NULL when object.etag is all. Owned. */

	char request_id[STORE_ID_BYTES];
	char code[STORE_CODE_BYTES];	   /* with an error: the service's own word for it, or "" */
	char message[STORE_MESSAGE_BYTES]; /* with an error: what happened and what to do, one line
					    * without newline: bucket, request id, the credential
					    * used (never a secret); "" for -ENOENT, -EALREADY,
					    * -ESTALE, -ENOTEMPTY and -EOPNOTSUPP */
	void *driver;			   /* the driver's own */
	const struct realm *realm; /* the driver's, for store_ops.locate: what is configured */
};

/* Errors: -ENOENT (no such key or bucket: status 404), -EACCES (403, no usable credentials),
 * -ESTALE (412, or the object changed between the parts of one GET), -EALREADY (304), -EIO
 * (everything that stayed wrong after retries: no network, DNS, TLS, 5xx, truncated or corrupted
 * bodies, a hostile answer), -EINVAL (a name the store cannot hold), -ENAMETOOLONG, -ENOMEM,
 * -ECANCELED (shutdown). A GET wholly beyond the end is a success without bytes: begin() is called,
 * object.size is right (etag and mtime may be unknown then, as for an empty object asked with a
 * range: S3 answers 416).
 *
 * Writes add -EFBIG (more than one request may carry), -E2BIG (too much metadata), -EDQUOT and what
 * the source returned. Their digests go along and are compared with what the service says it has.
 * When an answer is lost, the write is sent again; if it then meets its own success as a broken
 * condition, a HEAD finds that out and the call succeeds: -ESTALE always means another writer's
 * version. After -EIO a write may have happened, and after -ECANCELED too. An upload that is gone
 * (completed, aborted, expired) gives -ENOENT, or success when that was asked for; parts that are
 * too small or missing give -EINVAL. -EBUSY: somebody holds a lease on the object, or it has
 * snapshots. -ENOTEMPTY: it is a directory with something in it. -EOPNOTSUPP: the service cannot
 * make this copy by itself, the bytes have to be sent; or it has no STORE_DELETE_MANY, no
 * STORE_RENAME.
 *
 * Not every service heeds every condition. RADOS Gateway 16 ignores those of STORE_COMPLETE, of
 * STORE_DELETE and on the destination of a STORE_COPY, and from_etag of a STORE_PART_COPY: who
 * depends on one looks again (STORE_HEAD) before what cannot be undone. */

/* Starts the call; never blocks. Returns 0, after which done() comes exactly once, or -ENOMEM. */
int store_submit(struct store_call *call);

/* Submits and waits. Not on an I/O thread. done and arg must be unset. Returns call->error. */
int store_run(struct store_call *call);

/* Frees what the driver put into the call, so that it may be used again. */
void store_call_reset(struct store_call *call);

/* One driver per daemon: its I/O threads (core/http/engine.h), connection pools, counters.
 * io_threads: 0: as many as there are processors, within reason. */
int store_start(unsigned io_threads);
void store_stop(void); /* every outstanding call ends with -ECANCELED */

struct store_counters {
	uint64_t requests[STORE_VERBS]; /* sent, retries included */
	uint64_t retries;
	uint64_t errors;   /* calls that ended in an error other than -ENOENT, -EALREADY, -ESTALE */
	uint64_t bytes_in; /* of answers' bodies */
	uint64_t bytes_out;   /* of requests' bodies, as far as they were sent */
	uint64_t connections; /* opened */
};
void store_counters(struct store_counters *out);

#endif
