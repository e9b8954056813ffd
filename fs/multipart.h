/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large file in parts: those that changed are sent, several at once; of the others the service
 * makes copies by itself. Parts may have been sent ahead, while the file was being written
 * (fs/stream.h); then only what is missing, or was changed since, follows.
 */
#ifndef FS_MULTIPART_H
#define FS_MULTIPART_H

#include <pthread.h>

#include "core/base/parts.h"
#include "core/digest.h"
#include "fs/foreign.h"
#include "fs/upload.h"

#define MULTIPART_COPY_BYTES (UINT64_C(512) << 20) /* of a part that is copied, at most */
#define MULTIPART_PARALLEL   8

struct multipart_part {
	uint64_t offset, length;
	bool is_copy;
	uint32_t index; /* its place in the upload, from 0 */
};

/* One upload in parts. Who made it ends it. */
struct multipart {
	/* Constant. */
	struct context *ctx;
	char object[CACHE_OBJECT_MAX], scheme[8], bucket[256];
	const char *key;
	struct wire_attr told;		    /* mode, owner and time that went with its beginning */
	char xattr[DRAFT_XATTR_MAX];	    /* and extended attributes; what goes ahead has none */
	uint64_t mark;			    /* as of struct upload */
	bool is_bare;			    /* but of all these nothing */
	struct foreign foreign;		    /* and what others keep there; owned */
	char *upload_id;		    /* owned; NULL: it could not be begun */
	char keep_sum[DIGEST_BASE64_BYTES]; /* from_sum of a copy; "" for none */

	pthread_mutex_t lock;	      /* for all that follows; comes before the cache's */
	pthread_cond_t ended;	      /* a part */
	struct multipart_cell *cells; /* by place */
	size_t cap;
	unsigned active;
	int error; /* of the first part that failed */
	char message[STORE_MESSAGE_BYTES];
	/* After each part, with the lock: what more is to be done about file; or NULL. */
	void (*more)(struct multipart *m, struct cache_file *file);
	uint32_t next; /* for more */
};

struct multipart_cell {
	enum {
		MULTIPART_NONE,
		MULTIPART_SENDING,
		MULTIPART_SENT,
		MULTIPART_NO_COPY, /* the service cannot make it by itself */
	} state;
	char *id; /* what completing wants to hear of it; owned */
};

/* For an object with the attributes of attr; NULL without memory. multipart_free() only while no
 * part is on its way. */
struct multipart *multipart_new(struct context *ctx, const char *object,
				const struct wire_attr *attr);
void multipart_free(struct multipart *m);

/* Begins it, and notes that in the draft. 0 or an error of the store, with m->message. */
int multipart_begin(struct multipart *m, struct cache_file *file);

/* With the lock: sends a part, or has it copied. from_etag: the version that copies are made of.
 * 0, or -ENOMEM. */
int multipart_start(struct multipart *m, struct cache_file *file, const struct multipart_part *part,
		    const char *from_etag);

/* With the lock, which it gives away: until no part is on its way. */
void multipart_wait(struct multipart *m);

/* Its parts go. file: its draft, or NULL; keeps nothing noted when that is done. */
void multipart_abort(struct multipart *m, struct cache_file *file);

/* Can this go on as the upload of the file as it is now? */
bool multipart_is_usable(struct multipart *m, const struct upload *up);

/* As upload(): by m, which is usable and begun, or with NULL by one of its own. Either is ended
 * and freed. */
int multipart_upload(struct cache_file *file, struct upload *up, struct multipart *m,
		     char message[STORE_MESSAGE_BYTES]);

/* --- the plan: pure, for tests --- */

/* Cuts [0, bytes) into parts (core/base/parts.h), each with its place there; of those that are
 * clean, copies are made, of copy_max bytes at most where several become one, which then has the
 * place of the first. base: what may be copied lies within this many bytes. Returns how many, with
 * *out to free, or a negative errno (-ENOMEM, -EFBIG). */
long multipart_plan(uint64_t bytes, uint64_t base, uint64_t copy_max,
		    bool (*is_clean)(const void *arg, uint64_t offset, uint64_t length),
		    const void *arg, struct multipart_part **out);

#endif
