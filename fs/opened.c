/* SPDX-License-Identifier: Apache-2.0 */
/* See opened.h. */
#include "fs/opened.h"

#include <sys/stat.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "core/tally.h"
#include "fs/ahead.h"

void opened_show(const struct lookup *q, const char *object, const struct meta_fact *fact,
		 struct cache_file *file)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct opens_ticket ticket;

	/* names that share a file are told apart by the drafts */
	if (q->name.kind != NAME_KEY || fact->kind != META_FILE || fact->is_link ||
	    !S_ISREG(cache_attr(file)->mode) || cache_attr(file)->size != fact->object.size ||
	    draft_links_count() || draft_may_change(ctx, object))
		return;
	ticket = meta_show_open(ctx, object, fact, q->path);
	if (ticket.line != OPENS_NONE && !cache_show(file, ticket))
		opentable_drop(&ticket);
}

static void told(const struct opentable_event *event)
{
	struct context *ctx = event->ctx ? context_find(event->ctx) : NULL;
	struct job *job = job_known(event->job);

	TALLY_ADD(job, opened, 1);
	if (ctx) {
		job_switch(job);
		ahead_was_taken(ctx, event->object, event->at_ns);
		job_switch(NULL);
	}
	job_put(job);
}

void opened_look(void)
{
	struct job *before;
	uint64_t lost;

	if (!opentable_has_news())
		return;
	before = job_switch(NULL);
	lost = opentable_look(told);
	TALLY_ADD(NULL, opened, lost);
	job_switch(before);
}
