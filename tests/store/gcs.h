/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the dialect of Google Cloud Storage: one call from routing (gcs.c) through authentication
 * (gcs_auth.c) to its verb. By the reference of the JSON API, v1, and, for GET and HEAD of objects,
 * of the XML API; what both leave open is as clients of Google's own are known to expect it.
 *
 * What an object has of its own lies in object.headers under the names that S3 has for it, so that
 * both dialects show it: Content-Type and the like, x-amz-meta-NAME.
 */
#ifndef STORE_GCS_H
#define STORE_GCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tests/store/exchange.h"
#include "tests/store/mime.h"
#include "tests/store/objects.h"

#define GCS_NAMES_MAX	   4	       /* bucket, object, bucket, object */
#define GCS_LIST_MAX	   1000	       /* entries of one page */
#define GCS_JSON_BYTES_MAX (1u << 20)  /* of a request's JSON */
#define GCS_BATCH_BYTES	   (10u << 20) /* of a batch: "must be less than 10MB" */
#define GCS_METADATA_MAX   8192	       /* bytes of an object's metadata, names and values */
#define GCS_META_PREFIX	   "x-amz-meta-"
#define GCS_TIME_BYTES	   32 /* 2026-01-02T03:04:05.678Z, with NUL */
#define GCS_NUMBER_BYTES   24

enum gcs_space {
	GCS_API,      /* /storage/v1 */
	GCS_UPLOAD,   /* /upload/storage/v1 */
	GCS_DOWNLOAD, /* /download/storage/v1 */
	GCS_BATCH,    /* /batch/storage/v1 */
	GCS_XML,      /* /BUCKET/OBJECT */
};

struct gcs_call;

struct gcs_route {
	const char *verb;
	const char *method;
	enum gcs_space space;
	const char *path;  /* below the space; "*" stands for a name */
	const char *param; /* must be in the query, or NULL */
	const char *value; /* and have this value, or NULL */
	bool writes;
	bool has_media;	 /* the body is not just JSON */
	bool by_session; /* the address is the permission */
	void (*run)(struct gcs_call *c);
};

struct gcs_call {
	struct request *req;
	struct reply *reply; /* from settle() on */
	const struct gcs_route *route;
	enum gcs_space space;
	char *path; /* decoded segment by segment: what names points into */
	const char *names[GCS_NAMES_MAX];
	const char *bucket, *object; /* the first two of the names, or NULL */
	bool bad_path;
};

/* gcs_error.c: fills the reply, in the form of the call's space. reason: as in errors[].reason. */
void gcs_fail(struct gcs_call *c, int status, const char *reason, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The error of a negative errno of bucket.h, objects.h; of the call's bucket and object. */
void gcs_fail_errno(struct gcs_call *c, int err);
void gcs_fail_errno_of(struct gcs_call *c, int err, const char *bucket, const char *object);

/* gcs_auth.c: false when they may not; the reply is filled. */
bool gcs_auth(struct gcs_call *c);
/* Whether that bucket may be used by this request, too. */
bool gcs_auth_bucket(struct gcs_call *c, const char *bucket, bool writes);

/* gcs_text.c: parameters, bodies, answers. */
const char *gcs_param(const struct gcs_call *c, const char *name);
const char *gcs_header(const struct gcs_call *c, const char *name);
/* Any number; absent leaves *out. False: refused, the reply is filled. */
bool gcs_param_number(struct gcs_call *c, const char *name, uint64_t *out);
/* Conditions by parameters named "if" SOURCE "GenerationMatch" and so on. False: refused. */
bool gcs_conditions(struct gcs_call *c, const char *source, struct object_condition *out);
/* The condition of a call that must find the object, of that generation if one is given. */
bool gcs_there(struct gcs_call *c, const char *generation, struct object_condition *out);
/* The body as a JSON object; an absent one is {}. NULL: refused. json_decref() it. */
json_t *gcs_body(struct gcs_call *c);
/* Answers with json, which is taken, cut to the parameter fields. */
void gcs_answer(struct gcs_call *c, json_t *json);
/* http://HOST, as the client calls us. */
void gcs_base_url(const struct gcs_call *c, struct buf *out);

/* gcs_fields.c: what of json the expression of a partial response selects ("items(name,size)").
 * NULL: malformed, or no memory. */
json_t *gcs_fields_select(const json_t *json, const char *expression);

/* gcs_resource.c: resources of objects. */
json_t *gcs_resource(const struct gcs_call *c, const char *bucket, const struct object *o);
/* Sets what json says of a new object: all that is settable. False: refused. */
bool gcs_resource_take(struct gcs_call *c, const json_t *json, struct object *o);
/* Whether it says anything that take would set. */
bool gcs_resource_says(const json_t *json);
/* o's own with the changes of json (null removes) into to. False: refused. */
bool gcs_resource_patch(struct gcs_call *c, const json_t *json, const struct object *o,
			struct object *to);
void gcs_etag(const struct object *o, char out[OBJECT_ETAG_BYTES]);
/* Whether o's bytes have the MD5 that its ETag says. */
bool gcs_has_md5(const struct object *o);
void gcs_md5_base64(const struct object *o, char out[32]);
void gcs_time(int64_t time_us, char out[GCS_TIME_BYTES]);
bool gcs_name_valid(const char *object);

/* gcs_object.c: puts o, which is taken, and answers with its resource. */
void gcs_store(struct gcs_call *c, struct object *o, const struct object_condition *condition);
/* The same without the answer. o has its version then, and stays the caller's. Returns as
 * objects_store(). */
int gcs_store_keep(const char *bucket, struct object *o, const struct object_condition *condition);

/* gcs_upload.c: a new object of content, which is taken, by what the request and the resource say.
 * md5: lower-case hexadecimal. NULL: refused, or no memory; the reply is filled. */
struct object *gcs_upload_object(struct gcs_call *c, const char *name, const json_t *resource,
				 struct content *content, const char *md5);
/* The name of the object that is uploaded; NULL: refused. */
const char *gcs_upload_name(struct gcs_call *c, const json_t *resource);

/* gcs_resumable.c: a connection broke within a chunk. */
void gcs_resumable_broken(struct gcs_call *c);

/* The verbs. */
void gcs_buckets_list(struct gcs_call *c);
void gcs_buckets_insert(struct gcs_call *c);
void gcs_buckets_get(struct gcs_call *c);
void gcs_buckets_delete(struct gcs_call *c);
void gcs_objects_list(struct gcs_call *c);
void gcs_objects_get(struct gcs_call *c);
void gcs_objects_media(struct gcs_call *c); /* alt=media, and the XML API */
void gcs_objects_patch(struct gcs_call *c);
void gcs_objects_update(struct gcs_call *c);
void gcs_objects_delete(struct gcs_call *c);
void gcs_objects_compose(struct gcs_call *c);
void gcs_objects_copy(struct gcs_call *c);
void gcs_objects_rewrite(struct gcs_call *c);
void gcs_upload_media(struct gcs_call *c);
void gcs_upload_multipart(struct gcs_call *c);
void gcs_resumable_start(struct gcs_call *c);
void gcs_resumable_chunk(struct gcs_call *c);
void gcs_resumable_cancel(struct gcs_call *c);
void gcs_batch(struct gcs_call *c);
void gcs_not_found(struct gcs_call *c);

/* gcs.c, for the calls of a batch: the frame around a verb. The request is begun and ended. */
void gcs_run_nested(struct request *req, struct reply *reply);

#endif
