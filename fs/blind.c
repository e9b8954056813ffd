/* SPDX-License-Identifier: Apache-2.0 */
/* See blind.h. */
#include "fs/blind.h"

#include <errno.h>
#include <string.h>

#include "fs/names.h"
#include "fs/younger.h"

int blind_look(struct cache_file *file, struct draft_flush *flush, const struct upload *up,
	       char message[STORE_MESSAGE_BYTES])
{
	char scheme[8], bucket[256];
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
	};
	struct store_object found;
	int ret = store_run(&head);

	found = head.object;
	if (!ret && younger_than(head.age_s, flush->blind_s))
		ret = -ESTALE;
	else if (!ret)
		draft_flush_resolve(file, flush, &found);
	/* who may write need not be one who may look: then it is stored where nothing is */
	else if (ret == -ENOENT || ret == -EACCES)
		flush->must_be_new = true;
	else
		memcpy(message, head.message, STORE_MESSAGE_BYTES);
	store_call_reset(&head);
	return ret == -ENOENT || ret == -EACCES ? 0 : ret;
}
