/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a wide directory is cut, and how often. What is between two parts' beginnings is guessed
 * from the pages that came; behind the last part nobody knows, so a new one begins there some
 * times as far ahead as what has come, or, when all characters that were seen
 * have had their turn, behind every name that begins alike.
 */
#include <string.h>

#include "fs/wideparts.h"

#define PAGES_MIN 5   /* of a part, as guessed: less does not pay */
#define SHARE	  10  /* one request in so many may be for nothing */
#define HALF	  0.5 /* what a part costs that has not met the next one yet */
#define AHEAD	  3   /* times what has come: where the part begins behind which nothing is known */
#define KEY_BYTES 1024

/* Cuts of one part. */
struct plan {
	struct wide_part *part;
	const char *high; /* NULL: not known */
	double pages;	  /* between the two, as guessed; less than 0: it is not to be cut */
	unsigned cuts;
};

/* May as much be spent now? */
static double credit(const struct wide *w)
{
	double left = (double)w->received / SHARE - w->wasted;

	for (const struct wide_part *p = w->parts; p->next; p = p->next)
		left -= p->is_met ? 0 : p->next->pages ? HALF : 1;
	return left;
}

static struct plan plan_of(struct wide *w, struct wide_part *p)
{
	struct plan plan = {.part = p, .high = w->end, .pages = -1};
	double names;

	if (!p->last || !p->token || p->is_met || p->error)
		return plan;
	if (p->next)
		plan.high = p->next->start ? p->next->start : p->next->after + w->prefix_len;
	names = cut_count(&w->names, p->first, p->last, plan.high, p->page_names);
	plan.pages = names / p->page_names;
	return plan;
}

static void make(struct wide *w, struct wide_part *p, const char *name)
{
	if (w->prefix_len + strlen(name) <= KEY_BYTES)
		(void)wideparts_make(w, p, name); /* without memory there is none */
}

/* Cuts are made from the last on, each right behind the part. */
static void carry_out(struct wide *w, const struct plan *plan)
{
	const struct wide_part *p = plan->part;
	char name[CUT_NAME_BYTES], above[CUT_NAME_BYTES] = "";

	for (unsigned i = plan->cuts; i; i--) {
		if (!cut_between(&w->names, p->last, plan->high, (double)i / (plan->cuts + 1),
				 name) ||
		    !strcmp(name, above))
			continue;
		make(w, plan->part, name);
		memcpy(above, name, sizeof(above));
	}
}

/* The part behind which nothing is known. Returns whether there is a new one now. */
static bool reach_out(struct wide *w, const struct plan *plan)
{
	const struct wide_part *p = plan->part;
	double ahead = AHEAD * (double)w->received;
	unsigned count = w->count;
	char name[CUT_NAME_BYTES];

	if (ahead < plan->pages ? cut_between(&w->names, p->last, NULL, ahead / plan->pages, name)
				: cut_beyond(&w->names, p->last, name))
		make(w, plan->part, name);
	return w->count > count;
}

static struct plan *greatest(struct plan *plans, unsigned count)
{
	struct plan *best = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct plan *at = &plans[i];

		if (at->high && at->pages / (at->cuts + 2) >= PAGES_MIN &&
		    (!best || at->pages / (at->cuts + 1) > best->pages / (best->cuts + 1)))
			best = at;
	}
	return best;
}

void wideparts_cut(struct wide *w)
{
	struct plan plans[WIDE_PARTS_MAX], *best;
	unsigned count = 0, parts = w->count;
	struct wide_part *p = w->parts; /* never NULL */
	double left = credit(w);

	if (w->is_whole || left < 1)
		return;
	do {
		plans[count++] = plan_of(w, p);
		p = p->next;
	} while (p && count < WIDE_PARTS_MAX);
	best = &plans[count - 1];
	if (parts < WIDE_PARTS_MAX && best->pages >= 0 && !best->high && reach_out(w, best)) {
		left--;
		parts++;
	}
	for (; left >= 1 && parts < WIDE_PARTS_MAX; left--, parts++) {
		best = greatest(plans, count);
		if (!best)
			break;
		best->cuts++;
	}
	for (unsigned i = 0; i < count; i++)
		carry_out(w, &plans[i]);
}
