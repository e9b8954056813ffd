/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the dialect of Azure Blob Storage: one call from routing (azure.c) through authentication
 * (azure_auth.c) to its verb. By Microsoft's "Blob service REST API" reference; addresses are those
 * of emulators, /ACCOUNT/CONTAINER/BLOB. A container is a bucket of the store's.
 *
 * What a blob has of its own lies in object.headers under the names that S3 has for it, so that
 * every dialect shows it (Content-Type and the like, x-amz-meta-NAME), and what only Azure knows
 * under names that begin with x-ms-.
 */
#ifndef STORE_AZURE_H
#define STORE_AZURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/blocks.h"
#include "tests/store/exchange.h"
#include "tests/store/objects.h"

#define AZURE_LIST_MAX	     5000
#define AZURE_XML_BYTES	     (16u << 20) /* of a request: a list of 50,000 blocks */
#define AZURE_BATCH_BYTES    (4u << 20)	 /* "The body of the request ... can't exceed 4 MiB" */
#define AZURE_METADATA_MAX   8192
#define AZURE_PUT_MAX	     (5000ull << 20)
#define AZURE_BLOCK_MAX	     (4000ull << 20)
#define AZURE_APPEND_MAX     (100u << 20)
#define AZURE_META_PREFIX    "x-amz-meta-"
#define AZURE_TYPE	     "x-ms-blob-type" /* in object.headers; absent: BlockBlob */
#define AZURE_MD5	     "x-ms-blob-content-md5"
#define AZURE_TIER	     "x-ms-access-tier"
#define AZURE_ARCHIVE_STATUS "x-ms-archive-status"
#define AZURE_KEY_SHA256     "x-ms-encryption-key-sha256"
#define AZURE_APPENDED	     "x-ms-blob-committed-block-count"
#define AZURE_SNAPSHOT_BYTES 32
#define AZURE_LEASE_ID_BYTES 40
#define AZURE_PARAMS_SAS_MAX 2048

enum azure_scope { AZURE_SERVICE, AZURE_CONTAINER, AZURE_BLOB };

struct azure_call;

struct azure_route {
	const char *verb;
	const char *method;
	enum azure_scope scope;
	const char *comp;    /* the parameter, "" for none */
	const char *restype; /* the parameter, NULL: whatever */
	const char *header;  /* must be there, or NULL */
	const char *value;   /* and be this, or NULL */
	const char *permits; /* any of these permissions of a SAS suffices */
	bool writes;
	const char *query; /* a parameter that must be there, or NULL */
	const char *is;	   /* and be this, or NULL */
	bool tree;	   /* of an account with a hierarchical namespace alone */
	bool has_data;	   /* the body is a blob's or a block's bytes */
	void (*run)(struct azure_call *c);
};

enum azure_proof { AZURE_NOBODY, AZURE_SHARED_KEY, AZURE_SAS, AZURE_BEARER };

struct azure_call {
	struct request *req;
	struct reply *reply; /* from settle() on */
	const struct azure_route *route;
	char *path;	       /* decoded: what the names point into */
	const char *container; /* NULL: the account itself */
	const char *blob;      /* NULL: the container itself */
	enum azure_proof proof;
	bool nested;	   /* in a batch, whose version counts */
	const char *early; /* a code of azure_error.c found while routing */
};

/* azure_error.c: fills the reply by a code of "Blob service error codes". */
void azure_fail(struct azure_call *c, const char *code);
/* The error of a negative errno of bucket.h, objects.h. */
void azure_fail_errno(struct azure_call *c, int err);

/* azure_canon.c: what SharedKey signs, by "Authorize with Shared Key". */
void azure_canon(const struct request *req, const char *account, struct buf *out);
/* The signature of text in base64 with the account's key. False: no memory, or no key. */
bool azure_canon_sign(const char *key, const struct buf *text, char *out, size_t out_bytes);

/* azure_sas.c: what of a query is a shared access signature. NULL: it permits one of permits on
 * this blob (or container: blob NULL; or account: both) now; else a code of azure_error.c. */
const char *azure_sas_check(const struct uri_params *params, const char *container,
			    const char *blob, const char *permits);

/* azure_auth.c: false when they may not; the reply is filled. */
bool azure_auth(struct azure_call *c);

/* azure_text.c: parameters, fields, answers. */
const char *azure_param(const struct azure_call *c, const char *name);
const char *azure_header(const struct azure_call *c, const char *name);
bool azure_number(const char *text, uint64_t *out);
void azure_etag(const struct object *o, char out[OBJECT_ETAG_BYTES]); /* with quotes */
void azure_version(struct azure_call *c, const struct object *o);     /* ETag, Last-Modified */
void azure_xml_begin(struct azure_call *c);
/* The condition of a write, or of a source. False: refused, the reply is filled. */
bool azure_condition(struct azure_call *c, struct object_condition *out);
/* Whether o (not NULL) is what the fields named prefix "if-match" and so on want. */
bool azure_source_fits(struct azure_call *c, const struct object *o);
/* The range of x-ms-range or Range, of x-ms-source-range: bytes=FIRST-[LAST]. */
const char *azure_range(const struct azure_call *c);
/* Checks Content-MD5 against the body. False: refused. */
bool azure_body_md5(struct azure_call *c);
/* The body as a content, which the request has no more; of a store that discards, other bytes of
 * that length. NULL: no memory. */
struct content *azure_take_body(struct azure_call *c);
bool azure_is_type(const struct object *o, const char *type);
const char *azure_own(const struct object *o, const char *name, const char *fallback);

/* azure_store.c: how blobs change. All fill the reply when they fail. */
/* A new blob of content (taken) with what the request's fields say is kept with it; by_body: the
 * plain fields about the body count too. NULL: refused. */
struct object *azure_new(struct azure_call *c, struct content *content, bool by_body);
/* Puts o (taken) under the request's conditions and the lease. True: it is stored, the version
 * stands in the reply, the status is the caller's. on_condition: the code of a condition that
 * does not hold. */
bool azure_store(struct azure_call *c, struct object *o, const char *on_condition);
/* A version of o with the same bytes and, unless bare, with all that is beside them. */
struct object *azure_next(const struct object *o, bool bare);
/* Puts what change() makes of the blob that is there (NULL: it has filled the reply) in its place,
 * under the request's conditions and the lease, and its version into the reply. */
bool azure_change(struct azure_call *c,
		  struct object *(*change)(struct azure_call *c, const struct object *o));
/* The blob, or the snapshot that the query names, that a read is about, with a reference, under
 * the request's conditions. NULL: refused. */
struct object *azure_find(struct azure_call *c);
/* Whether the request has the customer's key that o needs, if any. */
bool azure_has_key(struct azure_call *c, const struct object *o);
/* The request's metadata. False: refused. */
bool azure_take_metadata(struct azure_call *c, struct headers *out);
/* Content-Type and the like by their x-ms-blob- names, by_body: or by the plain ones. */
void azure_take_fields(struct azure_call *c, bool by_body, struct headers *out);

/* azure_copy.c: what x-ms-copy-source names, with a reference. needs_own: the address must prove
 * itself, the account's key does not suffice. NULL: refused. */
struct object *azure_source(struct azure_call *c, bool needs_own);

/* The verbs. */
void azure_list_containers(struct azure_call *c);
void azure_create_container(struct azure_call *c);
void azure_container_properties(struct azure_call *c);
void azure_delete_container(struct azure_call *c);
void azure_list_blobs(struct azure_call *c);
void azure_get_blob(struct azure_call *c); /* and its properties */
void azure_put_blob(struct azure_call *c);
void azure_put_append_blob(struct azure_call *c);
void azure_put_from_url(struct azure_call *c);
void azure_copy_blob(struct azure_call *c);
void azure_set_metadata(struct azure_call *c);
void azure_set_properties(struct azure_call *c);
void azure_set_tier(struct azure_call *c);
void azure_delete_blob(struct azure_call *c);
void azure_snapshot(struct azure_call *c);
void azure_lease(struct azure_call *c);
void azure_put_block(struct azure_call *c);
void azure_put_block_from_url(struct azure_call *c);
void azure_put_block_list(struct azure_call *c);
void azure_get_block_list(struct azure_call *c);
void azure_append_block(struct azure_call *c);
void azure_append_from_url(struct azure_call *c);
void azure_batch(struct azure_call *c);
void azure_not_there(struct azure_call *c);

/* azure.c, for the calls of a batch: the frame around a verb. */
void azure_run_nested(struct request *req, struct reply *reply);

#endif
