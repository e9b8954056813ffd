/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/movewhere.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/identify.h"
#include "core/scope.h"
#include "fs/moverecord.h"

/* False: nobody knows. */
static bool find(const char *object, const uint8_t *ctx, char out[MOVELOG_WHERE_BYTES])
{
	SCOPE_FREE struct store_identity *id = calloc(1, sizeof(*id));
	struct context *context = context_find(ctx);
	char scheme[8], bucket[256];

	name_split(object, scheme, bucket);
	if (!id || !context || store_identify(context, scheme, bucket, id))
		return false;
	snprintf(out, MOVELOG_WHERE_BYTES, "%s%s", id->site.origin, id->site.base);
	return id->site.origin[0];
}

void movewhere_note(struct movelog *log)
{
	char where[MOVELOG_WHERE_BYTES];

	if (find(log->from, log->ctx, where))
		moverecord_where(log, where);
}

int movewhere_check(const char *where, const char *object, const uint8_t *ctx, char *message)
{
	char now[MOVELOG_WHERE_BYTES];

	if (!*where || !find(object, ctx, now) || !strcmp(where, now))
		return 0;
	snprintf(message, STORE_MESSAGE_BYTES,
		 "it was begun at %.200s, and here these names are at %.200s: retry it where the "
		 "endpoint is that one",
		 where, now);
	return -EXDEV;
}
