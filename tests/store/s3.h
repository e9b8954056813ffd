/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the S3 dialect: one call from routing (s3.c) through authentication (s3_auth.c) to its
 * verb. */
#ifndef STORE_S3_H
#define STORE_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/exchange.h"
#include "tests/store/objects.h"
#include "tests/store/s3_sigv4.h"
#include "tests/store/settings.h"

#define S3_LIST_MAX	 1000	    /* entries of one page, keys of one DeleteObjects */
#define S3_XML_BYTES_MAX (4u << 20) /* of a request's XML: 10,000 parts with checksums fit */
#define S3_METADATA_MAX	 2048	    /* bytes of all x-amz-meta-* names and values */
#define S3_DATE_BYTES	 17	    /* 20130524T000000Z, with NUL */
#define S3_SCOPE_BYTES	 128	    /* 20130524/us-east-1/s3/aws4_request, with NUL */
#define S3_CONTENT_TYPE	 "binary/octet-stream" /* of an object stored without one */
#define S3_XMLNS	 "http://s3.amazonaws.com/doc/2006-03-01/"

enum s3_error {
	S3_OK,
	S3_ACCESS_DENIED,
	S3_AUTHORIZATION_MALFORMED,
	S3_AUTHORIZATION_QUERY,
	S3_BAD_DIGEST,
	S3_BUCKET_EXISTS,
	S3_BUCKET_NOT_EMPTY,
	S3_CONTENT_SHA256_MISMATCH,
	S3_ENTITY_TOO_LARGE,
	S3_ENTITY_TOO_SMALL,
	S3_EXPIRED_TOKEN,
	S3_INCOMPLETE_BODY,
	S3_INTERNAL,
	S3_INVALID_ACCESS_KEY,
	S3_INVALID_ARGUMENT,
	S3_INVALID_BUCKET_NAME,
	S3_INVALID_DIGEST,
	S3_INVALID_PART,
	S3_INVALID_PART_ORDER,
	S3_INVALID_RANGE,
	S3_INVALID_REQUEST,
	S3_INVALID_TOKEN,
	S3_INVALID_URI,
	S3_KEY_TOO_LONG,
	S3_MALFORMED_XML,
	S3_METADATA_TOO_LARGE,
	S3_METADATA_VALUE, /* LACK_LONG_METADATA */
	S3_METHOD_NOT_ALLOWED,
	S3_MISSING_LENGTH,
	S3_NO_SUCH_BUCKET,
	S3_NO_SUCH_KEY,
	S3_NO_SUCH_UPLOAD,
	S3_NOT_IMPLEMENTED,
	S3_PERMANENT_REDIRECT,
	S3_PRECONDITION_FAILED,
	S3_REQUEST_TIME_SKEWED,
	S3_SIGNATURE_MISMATCH,
	S3_SLOW_DOWN,
	S3_TOO_MANY_BUCKETS,
	S3_ERRORS
};

/* How the body was announced in x-amz-content-sha256. */
enum s3_payload {
	S3_PAYLOAD_UNSIGNED,
	S3_PAYLOAD_HASH,
	S3_PAYLOAD_CHUNKS_SIGNED,   /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER] */
	S3_PAYLOAD_CHUNKS_UNSIGNED, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
};

struct s3_call;
typedef void (*s3_verb)(struct s3_call *c);

struct s3_route {
	const char *verb; /* its name in the API reference */
	const char *method;
	bool on_bucket, on_key;
	const char *param;  /* must be in the query, or NULL */
	const char *value;  /* and have this value, or NULL */
	const char *header; /* must be there, or NULL */
	bool writes;
	bool has_xml; /* the body is XML */
	s3_verb run;
};

struct s3_call {
	struct request *req;
	struct reply *reply; /* from settle() on */
	const struct s3_route *route;
	char *path; /* decoded, whole */
	size_t path_len;
	char *names;	    /* what bucket and key point into, unless the bucket is host_bucket */
	const char *bucket; /* NULL: the service itself */
	const char *key;    /* NULL: the bucket itself */
	size_t key_len;
	char host_bucket[256];
	enum s3_error early; /* found while routing */

	/* s3_auth.c */
	const struct settings_key *signer; /* NULL: anonymous */
	enum s3_payload payload;
	const char *payload_hash; /* x-amz-content-sha256, or NULL */
	unsigned char signing_key[S3_SIGV4_KEY_BYTES];
	char signature[S3_SIGV4_HEX_BYTES];
	char amz_date[S3_DATE_BYTES];
	char scope[S3_SCOPE_BYTES];
	char region[SETTINGS_TEXT_BYTES];

	struct headers trailers; /* of a chunked body */
};

/* s3_error.c: fills the reply. The second form adds elements: name, text, ..., NULL. */
void s3_fail(struct s3_call *c, enum s3_error error);
void s3_fail_with(struct s3_call *c, enum s3_error error, ...) __attribute__((sentinel));
/* The error of a negative errno of bucket.h, objects.h. */
enum s3_error s3_error_of(int err);
const char *s3_error_code(enum s3_error error);
const char *s3_error_message(enum s3_error error);
/* An <Error> element, without an XML declaration. */
void s3_error_body(const struct s3_call *c, enum s3_error error, struct buf *out);

/* s3_auth.c: who is asking, from the header alone. With an error, the reply may be filled already.
 */
enum s3_error s3_auth(struct s3_call *c);
/* Whether they may. Fills the reply and returns false if not. */
bool s3_auth_allows(struct s3_call *c, const char *bucket, bool writes);

bool s3_is_chunked(const struct s3_call *c);
/* s3_body.c: undoes aws-chunked and checks every digest and length the request carries. */
enum s3_error s3_body(struct s3_call *c);
/* The body as a content, which the request has no more; of a store that discards, other bytes of
 * that length. NULL: no memory. */
struct content *s3_take_body(struct s3_call *c);

/* Headers and parameters. */
const char *s3_header(const struct s3_call *c, const char *name);
const char *s3_param(const struct s3_call *c, const char *name);
/* A number in [0, most] from a parameter; absent gives fallback. False when it is no such number.
 */
bool s3_param_number(const struct s3_call *c, const char *name, uint64_t most, uint64_t fallback,
		     uint64_t *out);

/* Answers. */
void s3_xml_begin(struct s3_call *c, const char *root); /* 200, XML declaration, <root xmlns=...> */
void s3_xml_end(struct s3_call *c, const char *root);
void s3_xml_date(struct buf *out, const char *name, int64_t time_s); /* ISO 8601 */
void s3_xml_number(struct buf *out, const char *name, uint64_t number);
void s3_object_headers(struct s3_call *c, const struct object *o);

/* Quoted ETag from an ETag header or element, stripped into out. */
void s3_etag_bare(const char *text, char out[OBJECT_ETAG_BYTES]);
/* The conditions of a write. bare: room for the ETag. False: refused, the reply is filled. */
bool s3_write_condition(struct s3_call *c, struct object_condition *out,
			char bare[OBJECT_ETAG_BYTES]);
/* Those of the request's headers that are stored with an object. */
enum s3_error s3_take_headers(struct s3_call *c, struct headers *out);

/* x-amz-copy-source, taken apart. */
struct s3_source {
	char *text;
	const char *bucket, *key;
};
enum s3_error s3_source_parse(struct s3_call *c, struct s3_source *out);
/* *out: the source with a reference. False: refused, the reply is filled. */
bool s3_source_open(struct s3_call *c, const struct s3_source *source, struct object **out);

/* The verbs. */
void s3_list_buckets(struct s3_call *c);
void s3_create_bucket(struct s3_call *c);
void s3_delete_bucket(struct s3_call *c);
void s3_head_bucket(struct s3_call *c);
void s3_get_bucket_location(struct s3_call *c);
void s3_get_bucket_versioning(struct s3_call *c);
void s3_list_objects(struct s3_call *c);
void s3_list_objects_v2(struct s3_call *c);
void s3_list_uploads(struct s3_call *c);
void s3_delete_objects(struct s3_call *c);
void s3_get_object(struct s3_call *c); /* and HeadObject */
void s3_put_object(struct s3_call *c);
void s3_copy_object(struct s3_call *c);
void s3_delete_object(struct s3_call *c);
void s3_create_upload(struct s3_call *c);
void s3_upload_part(struct s3_call *c);
void s3_upload_part_copy(struct s3_call *c);
void s3_list_parts(struct s3_call *c);
void s3_complete_upload(struct s3_call *c);
void s3_abort_upload(struct s3_call *c);
void s3_not_implemented(struct s3_call *c);

#endif
