/* SPDX-License-Identifier: Apache-2.0 */
/* See wide.h. Names of parts are without the prefix. */
#include "fs/wide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/entries.h"
#include "fs/cut.h"
#include "fs/wideparts.h"

struct wide *wide_new(const char *prefix, struct store_list *page, int64_t now_ns)
{
	struct wide *w = calloc(1, sizeof(*w));
	struct wide_part *first = w ? wideparts_make(w, NULL, NULL) : NULL;

	if (!first) {
		free(w);
		return NULL;
	}
	w->prefix = prefix;
	w->prefix_len = strlen(prefix);
	w->begun_ns = now_ns;
	if (!page->count || !page->next_token || !wideparts_is_ordered(w, page, "")) {
		wide_free(w);
		return NULL;
	}
	wideparts_sort(page);
	if (wideparts_note(w, first, page)) {
		wide_free(w);
		return NULL;
	}
	first->is_trusted = true;
	w->received = 2;
	wideparts_cut(w);
	return w;
}

void wide_free(struct wide *w)
{
	while (w->parts)
		wideparts_remove_first(w);
	free(w->end);
	free(w->seam);
	free(w);
}

size_t wide_held(const struct wide *w)
{
	return w->held;
}

enum wide_trust wide_trust(const struct wide *w)
{
	return w->trust;
}

static void doubt(struct wide *w, enum wide_trust trust)
{
	if (trust > w->trust)
		w->trust = trust;
}

/* Has it something to ask? */
static bool is_askable(const struct wide_part *p)
{
	return !p->is_asked && !p->is_met && !p->error && (p->token || !p->pages);
}

bool wide_ask(struct wide *w, size_t room, struct wide_question *out)
{
	bool is_wanted = true; /* nothing is shown before it is there */

	for (struct wide_part *p = w->parts; p; p = p->next) {
		if (!is_wanted && w->held + w->asked >= room)
			return false;
		if (!is_askable(p)) {
			is_wanted &= p->is_met;
			continue;
		}
		p->is_asked = true;
		__atomic_store_n(&p->is_wanted, is_wanted, __ATOMIC_RELAXED);
		w->asked++;
		*out = (struct wide_question){.part = p,
					      .after = p->after,
					      .token = p->token,
					      .is_wanted = &p->is_wanted};
		return true;
	}
	return false;
}

/* An answer is here. False: nobody wants it any more. */
static bool arrived(struct wide *w, struct wide_part *p)
{
	w->asked--;
	p->is_asked = false;
	if (!p->is_dropped)
		return true;
	wideparts_free(p);
	return false;
}

/* The service cannot be believed behind p: it goes on alone. */
static void go_on_alone(struct wide *w, struct wide_part *p)
{
	while (p->next)
		wideparts_drop(w, p->next);
	p->is_met = false;
	wideparts_forget_beyond(p);
	w->is_whole = true;
}

/* Nothing comes behind the name of this part. */
static void found_end(struct wide *w, struct wide_part *p)
{
	w->wasted += 1;
	if (!p->next) {
		free(w->end);
		w->end = strdup(p->after + w->prefix_len); /* without, it is only not known */
	}
	wideparts_drop(w, p);
}

static void look_at_seam(struct wide *w, struct wide_part *p)
{
	if (wideparts_agree(w, p))
		return;
	doubt(w, WIDE_DOUBTED);
	go_on_alone(w, p);
}

void wide_answer(struct wide *w, struct wide_part *p, struct store_list *list, int64_t asked_ns)
{
	struct wide_part *before = wideparts_before(w, p);
	bool is_first = !p->start && p->after; /* of its pages that have names */
	bool is_empty;
	int ret;

	if (!arrived(w, p)) {
		entries_free(list);
		return;
	}
	if (!wideparts_is_ordered(w, list, p->last ? p->last : p->after + w->prefix_len)) {
		if (is_first) {
			doubt(w, WIDE_REFUSED);
			w->wasted += 1;
			entries_free(list);
			go_on_alone(w, before);
			return;
		}
		/* a chain that is out of order: no other begins where it would end */
		doubt(w, WIDE_DOUBTED);
		go_on_alone(w, p);
		free(w->seam);
		w->seam = NULL;
	}
	if (is_first && !list->count && !list->next_token) {
		entries_free(list);
		found_end(w, p);
		return;
	}
	/* one without names only tells where it goes on: nothing can be compared with it */
	is_empty = !list->count && list->next_token;
	ret = is_empty ? wideparts_note(w, p, list) : wideparts_hold(w, p, list, asked_ns);
	if (ret || is_empty)
		entries_free(list);
	if (ret && is_first)
		wideparts_drop(w, p);
	else if (ret)
		p->error = -ENOMEM; /* asked for again, like any other */
	if (ret || is_empty)
		return;
	w->received++;
	wideparts_meet(w, p, &p->held_last->list);
	look_at_seam(w, p);
	if (before)
		look_at_seam(w, before);
	wideparts_cut(w);
}

void wide_fail(struct wide *w, struct wide_part *p, int error, bool refused, const char *message)
{
	if (!arrived(w, p))
		return;
	if (p->after && !p->start) {
		/* the one before gets there, too, and meets what is wrong, if that stays so */
		doubt(w, refused ? WIDE_REFUSED : WIDE_TRUSTED);
		w->wasted += 1;
		w->is_whole = true;
		wideparts_drop(w, p);
		return;
	}
	p->error = error;
	snprintf(p->message, sizeof(p->message), "%s", message);
}

/* Goes on to the next part when the first has nothing more to give. */
static void advance(struct wide *w)
{
	struct wide_part *p = w->parts;

	while (!p->held && !p->is_asked && !p->error) {
		bool is_end = p->pages && !p->token;

		while (is_end && p->next && !p->next->start)
			wideparts_drop(w, p->next);
		if (is_end && p->next && !p->next->is_trusted) {
			/* what was between the two is gone since, or what is behind has come */
			p->is_met = true;
			look_at_seam(w, p);
		}
		if (!p->next || !(is_end || p->is_met) || !p->next->is_trusted)
			return;
		if (p->last && (!w->seam || strcmp(p->last, w->seam) > 0)) {
			free(w->seam);
			w->seam = p->last;
			p->last = NULL;
		} /* else the part before has told of all that this one has, and of more */
		wideparts_remove_first(w);
		p = w->parts;
		p->error = 0; /* nobody has waited for it yet */
		__atomic_store_n(&p->is_wanted, true, __ATOMIC_RELAXED);
	}
}

/* Leaves out what was shown already. */
static void cut_off(const struct wide *w, struct store_list *list)
{
	size_t gone = 0;

	while (w->seam && gone < list->count &&
	       strcmp(list->entries[gone].name + w->prefix_len, w->seam) <= 0)
		free(list->entries[gone++].name);
	if (!gone)
		return;
	list->count -= gone;
	memmove(list->entries, list->entries + gone, list->count * sizeof(*list->entries));
}

/* How the page is to be told from the last one. */
static int set_end(struct store_list *list, bool is_last)
{
	if (!is_last && !list->next_token) {
		list->next_token = strdup("");
		return list->next_token ? 0 : -ENOMEM;
	}
	if (is_last) {
		free(list->next_token);
		list->next_token = NULL;
	}
	return 0;
}

int wide_take(struct wide *w, struct store_list *out, int64_t *asked_ns_out,
	      char message[STORE_MESSAGE_BYTES])
{
	struct store_list list;
	struct wide_part *p;
	bool is_last;
	int ret;

	do {
		advance(w);
		p = w->parts;
		if (p->error && !p->held) {
			ret = p->error;
			snprintf(message, STORE_MESSAGE_BYTES, "%s", p->message);
			p->error = 0;
			return ret;
		}
		list = (struct store_list){0};
		*asked_ns_out = 0; /* of a page without names */
		if (p->held)
			*asked_ns_out = wideparts_unhold(w, p, &list);
		else if (p->is_asked || p->token || p->next || w->is_over)
			return 0;
		cut_off(w, &list);
		advance(w);
		p = w->parts;
		is_last = !p->held && !p->is_asked && !p->token && !p->next;
		if (is_last || list.count)
			break;
		entries_free(&list);
	} while (true);
	w->is_over = is_last;
	ret = set_end(&list, is_last);
	if (ret) {
		entries_free(&list);
		return ret;
	}
	*out = list;
	return 1;
}
