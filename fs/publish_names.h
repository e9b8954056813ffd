/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing a draft under the names behind its first (cache/links.h). */
#ifndef FS_PUBLISH_NAMES_H
#define FS_PUBLISH_NAMES_H

#include "fs/meta.h"
#include "fs/upload.h"

/* What up has just put in the bucket, version, goes to all others: by a copy of the service, or
 * once more from here. Each on the condition that what was there before is there still. Returns 0,
 * or an error as of publish(), with its line in message and up->object the name that it is about:
 * then some may have it, and the next publication begins anew. */
int publish_names(struct cache_file *file, struct upload *up, const struct store_object *version,
		  char message[STORE_MESSAGE_BYTES]);

/* The name of up has a version of our making now. */
void publish_tell(const uint8_t *ctx, const struct upload *up, const struct store_object *version,
		  struct meta_fact *fact);

/* May a request be conditional on it? */
bool publish_can_match(const char *etag);

#endif
