/* SPDX-License-Identifier: Apache-2.0 */
/* Where a call would go, and as whom, without making it: what `skyshim creds` tells. */
#ifndef CORE_IDENTIFY_H
#define CORE_IDENTIFY_H

#include "core/backend.h"
#include "core/store.h"

struct store_identity {
	int error; /* 0, or why there is no credential or no place: as of store_ops.locate */
	char message[STORE_MESSAGE_BYTES];	/* its line, "" without an error */
	struct store_site site;			/* as configured; "" what is not known */
	char bucket_region[STORE_REGION_BYTES]; /* what answers taught, "" for nothing */
	int64_t skew_s;				/* what the endpoint's clock is ahead of this one */
	struct creds creds;			/* without its secrets */
};

/* Fills *out for a call of this scheme and bucket (NULL for none); waits for a credential. Not on
 * the I/O thread. Returns 0 (also with out->error), -ENOMEM, -ECANCELED, or -EINVAL: no back end
 * has this scheme. */
int store_identify(struct context *ctx, const char *scheme, const char *bucket,
		   struct store_identity *out);

#endif
