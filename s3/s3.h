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

/* object.c: HEAD and GET of an object */
int s3_object_build_head(const struct store_call *call, const struct store_site *site,
			 struct store_request *out);
int s3_object_build_get(const struct store_call *call, const struct store_site *site,
			struct store_request *out);
int s3_object_parse_head(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check);
int s3_object_parse_get(struct store_call *call, const struct store_answer *answer,
			struct store_check *check);

/* Is the ETag the MD5 of the body that the answer is about? */
bool s3_object_etag_is_md5(const struct header_list *fields, const char *etag);

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

/* Adds If-Match and If-None-Match of a write. -EINVAL: not of the kind that a write knows. */
int s3_put_conditions(const struct store_call *call, struct header_list *fields);

/* Makes the source the body of the request, with its Content-MD5. -EFBIG: more than S3 takes. */
int s3_put_source(const struct store_call *call, struct store_request *out);

/* list.c: ListObjectsV2 and ListBuckets */
int s3_list_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out);
int s3_list_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check);
int s3_list_build_buckets(const struct store_call *call, const struct store_site *site,
			  struct store_request *out);
int s3_list_parse_buckets(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check);

/* fault.c: error answers */
void s3_fault_parse(const struct store_call *call, const struct store_site *site,
		    const struct store_answer *answer, struct store_fault *out);
void s3_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES]);

#endif
