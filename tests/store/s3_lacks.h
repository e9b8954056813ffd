/* SPDX-License-Identifier: Apache-2.0 */
/* What a store that only resembles S3 has not: --lacks WORD. */
#ifndef STORE_S3_LACKS_H
#define STORE_S3_LACKS_H

#include <stdbool.h>

enum s3_lack {
	LACK_CONDITIONS = 1,	      /* 501 to a write that has one, as Swift */
	LACK_CONDITIONS_SEEN = 2,     /* they are ignored, as older gateways do */
	LACK_BARE_ETAG = 4,	      /* If-Match without quotes fits nothing */
	LACK_QUOTED_ETAG = 8,	      /* with quotes it does, as RADOS Gateway */
	LACK_LIST_V2 = 16,	      /* 400 to list-type=2 */
	LACK_LIST_V2_SEEN = 32,	      /* it is answered in the old way */
	LACK_NEXT_MARKER = 64,	      /* the old way does not say where the next page begins */
	LACK_BATCH_DELETE = 128,      /* 501 to DeleteObjects */
	LACK_PART_COPY = 256,	      /* 501 to UploadPartCopy */
	LACK_CHECKS = 512,	      /* digests of bodies are not looked at */
	LACK_VIRTUAL_HOSTS = 1024,    /* a bucket in the Host field is no bucket */
	LACK_SOURCE_CONDITION = 2048, /* x-amz-copy-source-if-match is ignored, as RADOS Gateway */
	LACK_COPY = 4096,	      /* 501 to CopyObject, as that one says of what is encrypted */
	LACK_PARTS_ETAG = 8192, /* conditions on an object of parts fit only HEAD and GET: Swift */
	LACK_START_AFTER = 32768,   /* it is ignored, as older gateways do */
	LACK_ORDER = 65536,	    /* a page's names are in none, as in a directory bucket */
	LACK_LONG_METADATA = 16384, /* 500 to a value of more than S3_LACKING_VALUE, as Swift */
};

#define S3_LACKING_VALUE 256

/* Adds one by its word. False: there is no such word. */
bool s3_lacks_add(const char *word);
bool s3_lacks(enum s3_lack lack);

#endif
