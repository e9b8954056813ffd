/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer, as the plumbing (server.c, send.c) hands them to a dialect and back.
 */
#ifndef STORE_EXCHANGE_H
#define STORE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/buf.h"
#include "tests/store/content.h"
#include "tests/store/faults.h"
#include "tests/store/headers.h"
#include "tests/store/pace.h"
#include "tests/store/uri.h"

#define EXCHANGE_BODY_MAX (5ull << 30) /* bytes of a request's body: S3's limit for one PUT */
#define EXCHANGE_ID_BYTES 24

struct request {
	char id[EXCHANGE_ID_BYTES]; /* what the answer calls the request */
	const char *method;
	char *path;	   /* as sent, still encoded */
	const char *query; /* as sent, "" for none */
	bool malformed;	   /* target or headers were beyond understanding or a ceiling */
	struct uri_params params;
	struct headers headers; /* all; repeated ones stay apart, in order */
	bool from_loopback;
	bool tls;

	/* The dialect says these in begin(). */
	const char *verb;  /* from its table */
	char *fault_path;  /* malloc'ed: "bucket/key", what key= of a fault rule matches */
	uint64_t body_max; /* a longer body is dropped and body_too_big set */
	bool want_md5, want_sha256;
	void *state; /* its own, gone after end() */

	/* Complete before handle(). */
	char *body; /* malloc'ed; handle() may take it and leave NULL */
	size_t body_bytes;
	bool body_too_big;		   /* or no memory for it */
	unsigned char md5[16], sha256[32]; /* of the body as sent, if wanted */
};

/* The body is content's range if there is content, else text. */
struct reply {
	int status;
	struct headers headers;
	struct buf text;
	struct content *content; /* a reference */
	uint64_t offset, bytes;	 /* of content */
};

/* What speaks one service's language. Called on the connection's own thread, so it may block. */
struct dialect {
	const char *name;
	const char *const *verbs; /* NULL-terminated */
	/* Whether the request is of this language; NULL: every one is. Its target and headers are
	 * there. */
	bool (*claims)(const struct request *req);
	/* The header is here: says what is asked. */
	void (*begin)(struct request *req);
	/* Fills the reply and returns true when the header alone settles it (no valid signature).
	 */
	bool (*settle)(struct request *req, struct reply *reply);
	/* Does it. */
	void (*handle)(struct request *req, struct reply *reply);
	/* The service's own words for FAULT_SLOWDOWN, FAULT_INTERNAL and FAULT_OK_ERROR. */
	void (*fault)(struct request *req, const struct fault *fault, struct reply *reply);
	/* The connection broke in the middle of the body; NULL: nothing is to be done. */
	void (*broken)(struct request *req);
	/* Frees state. */
	void (*end)(struct request *req);
};

extern const struct dialect s3_dialect;
extern const struct dialect gcs_dialect;
extern const struct dialect azure_dialect;
extern const struct dialect admin_dialect;

/* A header of the answer. A failure (memory) drops the header. */
void reply_header(struct reply *reply, const char *name, const char *value);
void reply_header_printf(struct reply *reply, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts another digit into the ETag that it tells, in its header or its text. */
void reply_belie_etag(struct reply *reply);

/* Empties it for another answer. */
void reply_reset(struct reply *reply);

/* Bytes of the body. */
uint64_t reply_bytes(const struct reply *reply);

/* Copies bytes of the body at offset, which must lie inside. */
void reply_read(const struct reply *reply, uint64_t offset, void *out, size_t bytes);

#endif
