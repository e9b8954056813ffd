/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud Storage: its JSON API (v1), but for the bytes of objects, which come by the XML API:
 * only there an object's own metadata comes with them. The table is what the rest of the program
 * uses; the functions below it are this folder's.
 *
 * A version (store_object.etag) is "GENERATION.METAGENERATION" in quotes: the one changes with the
 * bytes, the other with the metadata.
 */
#ifndef GCS_GCS_H
#define GCS_GCS_H

#include <jansson.h>

#include "core/backend.h"
#include "core/batch.h"

#define GCS_KEY_BYTES	  1024 /* of an object's name, in UTF-8 */
#define GCS_BUCKET_MIN	  3
#define GCS_BUCKET_MAX	  222  /* with dots */
#define GCS_META_BYTES	  8192 /* of metadata, names and values */
#define GCS_COMPOSE_MAX	  32   /* sources of one request */
#define GCS_BATCH_MAX	  100  /* calls of one request */
#define GCS_NUMBER_BYTES  24   /* a generation, in decimal, with NUL */
#define GCS_BOUNDARY_SIZE 48   /* with NUL */
#define GCS_OBJECT_MAX	  (UINT64_C(5) << 40)

/* Where parts wait until they are composed: PREFIX UPLOAD "/" NAME. Never listed. */
#define GCS_PARTS ".skyshim-parts/"

/* Of an object's resource, what is wanted of it: the parameter "fields". */
#define GCS_FIELDS                                                                 \
	"name,size,updated,generation,metageneration,crc32c,metadata,contentType," \
	"cacheControl,contentDisposition,contentEncoding,contentLanguage"

extern const struct store_ops gcs_ops;

/* site.c: where a call goes */
int gcs_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		    struct creds *creds_out, char message[STORE_MESSAGE_BYTES]);

/* store_ops.holds */
bool gcs_site_holds(const char *key);

/* Begins a request: its method, and a path below the endpoint: prefix, "/b/BUCKET" unless bucket is
 * NULL, "/o" with key, and "/KEY" unless that is "". -EINVAL, -ENAMETOOLONG, -ENOENT: no bucket can
 * have this name. */
int gcs_site_start(const struct store_site *site, const char *method, const char *prefix,
		   const char *bucket, const char *key, struct store_request *out);

/* Appends "/b/BUCKET/o/KEY" and so on. Same returns. */
int gcs_site_path(const char *bucket, const char *key, struct buffer *target);

/* May bucket and key be names? Same returns. */
int gcs_site_check(const char *bucket, const char *key);

/* The parameters that all JSON calls have: who pays, fields unless NULL. */
int gcs_site_finish(const struct store_site *site, const char *fields, struct store_request *out);

#define GCS_JSON   "/storage/v1"
#define GCS_UPLOAD "/upload/storage/v1"
#define GCS_BATCH  "/batch/storage/v1"

/* version.c */
struct gcs_version {
	char generation[GCS_NUMBER_BYTES], metageneration[GCS_NUMBER_BYTES];
};

/* Returns 0, or -EBADMSG: not numbers. */
int gcs_version_write(const char *generation, const char *metageneration,
		      char etag[STORE_ETAG_BYTES]);
/* Returns 0, or -EINVAL: not written by the former. */
int gcs_version_read(const char *etag, struct gcs_version *out);

/* Adds the conditions of a write (if_match, if_none_match "*") as parameters. -EINVAL: not of the
 * kind that a write knows. */
int gcs_version_conditions(const struct store_call *call, struct buffer *target);

/* The same of what is read, named ifGenerationMatch ("ifSourceGenerationMatch"...). */
int gcs_version_match(const char *etag, const char *generation, const char *metageneration,
		      struct buffer *target);

/* resource.c: an object's resource. */

/* The answer's JSON, or NULL. json_decref() it. */
json_t *gcs_resource_load(const struct store_answer *answer);

/* A string member, "" when there is none. */
const char *gcs_resource_text(const json_t *json, const char *name);

/* Size, time and version. Returns 0 or -EBADMSG. */
int gcs_resource_object(const json_t *resource, struct store_object *out);

/* Its metadata. call->user and fields are empty. Returns 0, -ENOMEM, -EMSGSIZE. */
int gcs_resource_pairs(const json_t *resource, struct store_call *call);

/* Both of a whole answer, for calls that make an object: call->object alone. */
int gcs_resource_parse(struct store_call *call, const struct store_answer *answer,
		       struct store_check *check);

/* Its CRC32C as what to check. */
void gcs_resource_check(const json_t *resource, struct store_check *check);

/* The same of an answer that is one. */
void gcs_resource_sum(const struct store_answer *answer, struct store_check *check);

/* object.c: reading */
int gcs_object_build_head(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int gcs_object_parse_head(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);
int gcs_object_build_get(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int gcs_object_parse_get(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check);
bool gcs_object_identity(const struct store_answer *answer, const struct store_object *object,
			 char out[STORE_ETAG_BYTES]);

/* list.c */
bool gcs_list_begins(const char *bucket);
int gcs_list_build(const struct store_call *call, const struct store_site *site,
		   struct store_request *out);
int gcs_list_parse(struct store_call *call, const struct store_answer *answer,
		   struct store_check *check);
int gcs_list_build_buckets(const struct store_call *call, const struct store_site *site,
			   struct store_request *out);
int gcs_list_parse_buckets(struct store_call *call, const struct store_answer *answer,
			   struct store_check *check);

/* meta.c: what goes with an object. Sets members of resource by call->set_user and set_fields.
 * clears: what we know to have been there and is not among them becomes null. Returns 0, -EINVAL (a
 * name or value that cannot be kept), -E2BIG, -ENOMEM. */
int gcs_meta_set(const struct store_call *call, bool clears, json_t *resource);

/* put.c: an upload in one request, and what it shares with others */
int gcs_put_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out);
int gcs_put_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check);
int gcs_put_expect(const struct store_call *call, const struct store_sums *sums,
		   char identity[STORE_ETAG_BYTES]);
int gcs_put_unknown(const struct store_call *call, const struct store_sums *sums,
		    char identity[STORE_ETAG_BYTES]);

/* The source as object key with what resource says, which is taken over. */
int gcs_put_upload(const struct store_call *call, const struct store_site *site, const char *key,
		   json_t *resource, struct store_request *out);

/* Makes json the body, and frees it. -EINVAL: it holds what is no UTF-8. */
int gcs_put_json(json_t *json, struct store_request *out);

/* A line that no document will hold. */
void gcs_put_boundary(char out[GCS_BOUNDARY_SIZE]);

/* parts.c: uploads in parts */
int gcs_parts_begin(struct store_call *call);
int gcs_parts_none(struct store_call *call);
int gcs_parts_build(const struct store_call *call, const struct store_site *site,
		    struct store_request *out);
int gcs_parts_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check);
int gcs_parts_build_keep(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int gcs_parts_parse_keep(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check);

/* Is it the id of an upload? */
bool gcs_parts_is_upload(const char *upload);

/* What the id of a part says. */
struct gcs_part {
	char etag[STORE_ETAG_BYTES];
	const char *name; /* "": the part's own; points into the id */
	bool has_sum;	  /* the next two are known */
	uint32_t crc32c;
	uint64_t size;
};

/* Returns 0 or -EINVAL. */
int gcs_parts_read(const char *id, struct gcs_part *out);

/* compose.c: their completion and removal, which take several requests */
int gcs_compose_build(const struct store_call *call, const struct store_site *site,
		      struct store_request *out);
int gcs_compose_parse(struct store_call *call, const struct store_answer *answer,
		      struct store_check *check);
int gcs_compose_build_look(const struct store_call *call, const struct store_site *site,
			   struct store_request *out);
int gcs_compose_made(struct store_call *call, const struct store_answer *answer);
int gcs_compose_build_abort(const struct store_call *call, const struct store_site *site,
			    struct store_request *out);
int gcs_compose_parse_abort(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check);

/* copy.c: rewrite; onto itself, patch */
int gcs_copy_build(const struct store_call *call, const struct store_site *site,
		   struct store_request *out);
int gcs_copy_parse(struct store_call *call, const struct store_answer *answer,
		   struct store_check *check);
int gcs_copy_build_look(const struct store_call *call, const struct store_site *site,
			struct store_request *out);
int gcs_copy_made(struct store_call *call, const struct store_answer *answer);

/* remove.c */
int gcs_remove_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out);
int gcs_remove_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check);
int gcs_remove_build_many(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int gcs_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);

/* batch.c: many requests in one */
int gcs_batch_begin(const struct store_site *site, struct store_request *out);
int gcs_batch_delete(const struct store_site *site, const char *bucket, const char *key,
		     const char *etag, struct store_request *out);
int gcs_batch_head(const struct store_call *head, const struct store_site *site,
		   struct store_request *out);
int gcs_batch_end(struct store_request *out);

/* The JSON of an answer inside, or NULL. json_decref() it. */
json_t *gcs_batch_json(const struct batch_part *part);

/* fault.c */
void gcs_fault_parse(const struct store_call *call, const struct store_site *site,
		     const struct store_answer *answer, struct store_fault *out);
void gcs_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES]);

#endif
