/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon S3 and what speaks its language: the REST API as in the Amazon S3 API Reference. The table
 * is what the rest of the program uses; the functions below it are this folder's.
 */
#ifndef S3_S3_H
#define S3_S3_H

#include "core/backend.h"

#define S3_KEY_BYTES	1024 /* of UTF-8, the service's limit */
#define S3_BUCKET_BYTES 255  /* buckets of the oldest kind; new ones have 63 */
#define S3_BUCKETS_MAX	100000
#define S3_PUT_MAX	(UINT64_C(5) << 30) /* bytes of one PUT or part */
#define S3_META_BYTES	2048		    /* of user metadata, names and values */

extern const struct store_ops s3_ops;

/* site.c: endpoint, region, addressing */
int s3_site_locate(const struct store_call *call, const char *region, struct store_site *out,
		   struct creds *creds_out, char message[STORE_MESSAGE_BYTES]);

/* Appends the path of bucket and key ("" or NULL: of the bucket, of the service) to target. */
int s3_site_path(const struct store_site *site, const char *bucket, const char *key,
		 struct buffer *target);

/* Is it the service itself, which lacks nothing? */
bool s3_site_is_amazon(const struct store_site *site);

/* accesspoint.c */
struct s3_accesspoint {
	char region[STORE_REGION_BYTES];
	char account[32];
	char name[64];
};
bool s3_accesspoint_is_arn(const char *bucket);
/* Returns 0, or -EINVAL: no ARN of an access point of S3's. */
int s3_accesspoint_parse(const char *arn, struct s3_accesspoint *out);
/* The host on AWS itself. */
void s3_accesspoint_host(const struct s3_accesspoint *point, bool fips, bool dualstack,
			 char out[STORE_ORIGIN_BYTES]);

/* encrypt.c: server-side encryption. Each adds the fields of a request that reads or describes an
 * object, or carries a part of one; that makes an object; that copies from one. */
int s3_encrypt_access(const struct store_site *site, struct header_list *fields);
int s3_encrypt_new(const struct store_site *site, struct header_list *fields);
int s3_encrypt_source(const struct store_site *site, struct header_list *fields);
/* Adds the keys that these fields want. */
int s3_encrypt_sign(const struct creds *creds, struct header_list *fields);
/* Reads a customer's key. Returns NULL, or what is wrong with the file. */
const char *s3_encrypt_read_key(const char *path, char out[CREDS_OBJECT_KEY_BYTES]);

/* object.c: HEAD and GET of an object */
int s3_object_build_head(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int s3_object_build_get(const struct store_call *call, const struct store_site *site,
			struct store_request *out);
int s3_object_parse_head(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check);
int s3_object_parse_get(struct store_call *call, const struct store_answer *answer,
			struct store_check *check);

/* Does the ETag look like an MD5, and is it that of the body that the answer is about? */
bool s3_object_is_md5(const char *etag);
bool s3_object_etag_is_md5(const struct header_list *fields, const char *etag);
/* Its ETag, which tells unless the object is encrypted in a way that makes it a random one. */
bool s3_object_identity(const struct store_answer *answer, const struct store_object *object,
			char out[STORE_ETAG_BYTES]);

/* meta.c: what is kept with an object. Adds the fields of call->set_user and set_fields. Returns 0,
 * -EINVAL (a name or value that S3 cannot hold), -E2BIG, -ENOMEM. */
int s3_meta_add(const struct store_call *call, struct header_list *fields);

/* Fills call->user and call->fields, which are empty. Returns 0 or -ENOMEM; what was added before
 * stays in the call. */
int s3_meta_parse(const struct header_list *fields, struct store_call *call);

/* put.c: PutObject, and what all writes share */
int s3_put_build(const struct store_call *call, const struct store_site *site,
		 struct store_request *out);
int s3_put_parse(struct store_call *call, const struct store_answer *answer,
		 struct store_check *check);
int s3_put_expect(const struct store_call *call, const struct store_sums *sums,
		  char etag[STORE_ETAG_BYTES]);

/* An ETag as this service wants it in the condition of a write. -EINVAL: it is too long. */
int s3_put_match(const char *etag, bool quotes, char bare[STORE_ETAG_BYTES]);

/* Adds If-Match and If-None-Match of a write. -EINVAL: not of the kind that a write knows. */
int s3_put_conditions(const struct store_call *call, const struct store_site *site,
		      struct header_list *fields);

/* Makes the source the body of the request, with its Content-MD5. -EFBIG: more than S3 takes. */
int s3_put_source(const struct store_call *call, struct store_request *out);

/* Writes an ETag as it stands in a document: RADOS Gateway leaves out the quotes there. -EBADMSG:
 * there is none, or too long. */
int s3_put_etag(const char *text, char out[STORE_ETAG_BYTES]);

/* copy.c: CopyObject */
int s3_copy_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out);
int s3_copy_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check);
int s3_copy_expect(const struct store_call *call, const struct store_sums *sums,
		   char etag[STORE_ETAG_BYTES]);

/* Adds the fields that name the source. -EINVAL, -ENAMETOOLONG: no such object can be. */
int s3_copy_source(const struct store_call *call, const struct store_site *site,
		   struct header_list *fields);

/* Reads a document of that root with an ETag and perhaps LastModified in it into call->object. */
int s3_copy_result(struct store_call *call, const struct store_answer *answer, const char *root);

/* upload.c: multipart uploads */
int s3_upload_build_begin(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int s3_upload_parse_begin(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);
int s3_upload_build_part(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int s3_upload_build_part_copy(const struct store_call *call, const struct store_site *site,
			      struct store_request *out);
int s3_upload_parse_part_copy(struct store_call *call, const struct store_answer *answer,
			      struct store_check *check);
int s3_upload_build_complete(const struct store_call *call, const struct store_site *site,
			     struct store_request *out);
int s3_upload_parse_complete(struct store_call *call, const struct store_answer *answer,
			     struct store_check *check);
int s3_upload_expect(const struct store_call *call, const struct store_sums *sums,
		     char etag[STORE_ETAG_BYTES]);
int s3_upload_build_abort(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int s3_upload_parse_abort(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);

/* list.c: ListObjectsV2, ListMultipartUploads and ListBuckets */
bool s3_list_begins(const char *bucket);
int s3_list_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out);
int s3_list_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check);
int s3_list_build_uploads(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int s3_list_parse_uploads(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);
int s3_list_build_buckets(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int s3_list_parse_buckets(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);

/* remove.c: DeleteObject and DeleteObjects */
int s3_remove_build(const struct store_call *call, const struct store_site *site,
		    struct store_request *out);
int s3_remove_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check);
int s3_remove_build_many(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int s3_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check);
/* The first of the keys' errors: code and detail. */
void s3_remove_fault(const struct store_call *call, const struct store_answer *answer,
		     struct store_fault *out);
/* And what the call ends with, if its keys' errors are known. */
void s3_remove_settle(const struct store_call *call, struct store_fault *out);

/* Makes body, which is filled, that of a POST: its Content-MD5. */
int s3_put_document(struct store_request *out);

/* fault.c: error answers */
/* What an error code of the service means; nothing of it changes for one that is not known. */
void s3_fault_judge(const char *code, int *error, enum store_cure *cure);
/* Is the body an error document? Under a status of 200 it comes when the error was found after the
 * answer had begun. */
bool s3_fault_in_body(const struct store_answer *answer);
void s3_fault_parse(const struct store_call *call, const struct store_site *site,
		    const struct store_answer *answer, struct store_fault *out);
void s3_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES]);

#endif
