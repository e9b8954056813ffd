/* SPDX-License-Identifier: Apache-2.0 */
/* The XML that S3 requests carry, read with libxml2: no DTD, no entities beyond XML's own, no
 * network. All return 0, -EINVAL (not well-formed, or not of that shape) or -ENOMEM. */
#ifndef STORE_S3_XML_H
#define STORE_S3_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/store/uploads.h"

struct s3_xml_key {
	char *key;
	char *etag; /* NULL when not given */
};

struct s3_xml_keys {
	struct s3_xml_key *items;
	size_t count; /* 1..S3_LIST_MAX */
	bool quiet;
};

/* <Delete><Quiet/><Object><Key/><ETag/></Object>...</Delete> */
int s3_xml_delete(const char *text, size_t bytes, struct s3_xml_keys *out);
void s3_xml_keys_free(struct s3_xml_keys *keys);

/* <CompleteMultipartUpload><Part><PartNumber/><ETag/></Part>...: ETags bare, at least one part, at
 * most UPLOAD_PARTS_MAX, in the order given. *parts_out is the caller's to free. */
int s3_xml_complete(const char *text, size_t bytes, struct upload_part **parts_out,
		    size_t *count_out);

/* <CreateBucketConfiguration><LocationConstraint/>: *region_out is the caller's to free; NULL when
 * there is none. */
int s3_xml_location(const char *text, size_t bytes, char **region_out);

#endif
