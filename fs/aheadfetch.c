/* SPDX-License-Identifier: Apache-2.0 */
/* See aheadfetch.h. Only fs/ahead.c's thread comes here. */
#include "fs/aheadfetch.h"

#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "core/context.h"
#include "core/scope.h"
#include "fs/ahead.h"
#include "fs/gone.h"
#include "fs/headahead.h"
#include "fs/listing.h"
#include "fs/lookup.h"
#include "fs/meta.h"

struct lookup *aheadfetch_lookup(const struct aheaddir *d, const struct sibling *e)
{
	struct lookup *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->ctx = d->ctx;
	if (aheaddir_path(d, e, q->path) || name_parse(q->path, strlen(q->path), &q->name)) {
		free(q);
		return NULL;
	}
	return q;
}

/* Is it known, small, and neither here already nor about to change? */
static bool is_wanted(const struct lookup *q, const char *object)
{
	const uint8_t *ctx = context_id(q->ctx);
	char version[STORE_ETAG_BYTES];
	struct meta_fact fact;

	if (q->name.is_dir || gone_active() || !meta_peek(ctx, object, &fact) ||
	    fact.kind != META_FILE || fact.is_link || !fact.object.size ||
	    fact.object.size > AHEAD_FILE_BYTES || draft_may_change(ctx, object))
		return false;
	fetch_version(&fact.object, version);
	return !cache_has(ctx, object, version);
}

bool aheadfetch_file(struct aheaddir *d, uint32_t index, const struct aheadfetch_landed *landed)
{
	SCOPE_FREE struct lookup *q = aheadfetch_lookup(d, &d->files.of[index]);
	char object[NAME_OBJECT_MAX];

	if (!q)
		return false;
	name_object(&q->name, object);
	if (!is_wanted(q, object) || !meta_enter_ahead(context_id(q->ctx), object))
		return false;
	if (!is_wanted(q, object)) { /* somebody has just opened it */
		meta_leave_ahead(context_id(q->ctx), object, NULL);
		return false;
	}
	siblings_begun(&d->files, index);
	if (!fetch_ahead(q, landed->file))
		return true;
	siblings_failed(&d->files, index);
	return false;
}

bool aheadfetch_name(struct aheaddir *d, uint32_t index, const struct aheadfetch_landed *landed)
{
	SCOPE_FREE struct lookup *q = aheadfetch_lookup(d, &d->names.of[index]);
	char object[NAME_OBJECT_MAX];
	const uint8_t *ctx;

	if (!q || q->name.is_dir || gone_active())
		return false;
	ctx = context_id(q->ctx);
	name_object(&q->name, object);
	if (draft_may_change(ctx, object) || meta_is_fresh(ctx, object) ||
	    !meta_enter_ahead(ctx, object))
		return false;
	siblings_begun(&d->names, index);
	if (!headahead(q, landed->name))
		return true;
	siblings_failed(&d->names, index);
	return false;
}

bool aheadfetch_listing(struct aheaddir *d, uint32_t index, const struct aheadfetch_landed *landed)
{
	SCOPE_FREE struct lookup *q = aheadfetch_lookup(d, &d->dirs.of[index]);

	if (!q || q->name.kind != NAME_KEY || q->name.is_pieces || gone_active() ||
	    listing_ahead(q->ctx, &q->name, q->path, false, landed->listing))
		return false;
	siblings_begun(&d->dirs, index);
	return true;
}
