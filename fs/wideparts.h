/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of fs/wide.h: its own. */
#ifndef FS_WIDEPARTS_H
#define FS_WIDEPARTS_H

#include "fs/cut.h"
#include "fs/wide.h"

/* A page that came and is not shown yet. */
struct wide_held {
	struct wide_held *next;
	struct store_list list;
	int64_t asked_ns;
};

/* What a page told of names that lie in the next part. */
struct wide_beyond {
	char *name;
	bool is_prefix;
	int64_t mtime_ns;
};

/* Texts are owned; but for after names are without the prefix. */
struct wide_part {
	struct wide_part *next; /* behind this one */
	char *after;		/* the whole key; NULL: from the start */
	char *token;		/* of the next page. NULL, with pages: there is none */
	char *start;		/* the first name that came */
	char *first, *last;	/* of the last page that had any */
	unsigned page_names;	/* of that page */
	unsigned pages;
	int error; /* of the page that token stands for */
	char message[STORE_MESSAGE_BYTES];
	struct wide_held *held, *held_last;
	struct wide_beyond *beyond; /* of the page with which it met the next part */
	size_t beyond_count;
	bool is_wanted;	 /* atomic: wide_question.is_wanted */
	bool is_asked;	 /* a question is out */
	bool is_dropped; /* out of the row, while a question is out */
	bool is_met;	 /* it has come to where the next one begins, or to the end */
	bool is_trusted; /* what it began with is what the one before told of the same names */
};

struct wide {
	const char *prefix;
	size_t prefix_len;
	struct wide_part *parts; /* in order; the first is the one that is shown. Never none */
	unsigned count;
	char *end;  /* nothing is behind this name. NULL: not known */
	char *seam; /* what is not behind this name was shown by the part before. NULL: nothing */
	struct cut_names names;
	size_t held, asked;
	unsigned received; /* pages with something in them */
	double wasted;	   /* requests for nothing, and shares of such */
	int64_t begun_ns;
	bool is_whole; /* no further cuts */
	enum wide_trust trust;
	bool is_over; /* the last page was taken */
};

/* Behind `before`, NULL for the first. after, a name, is copied. NULL: no memory. */
struct wide_part *wideparts_make(struct wide *w, struct wide_part *before, const char *after);

/* The one before, NULL for none. */
struct wide_part *wideparts_before(const struct wide *w, const struct wide_part *p);

/* Out of the row. drop: not the first; it may have a question out, and is freed with the answer
 * then. */
void wideparts_remove_first(struct wide *w);
void wideparts_drop(struct wide *w, struct wide_part *p);
void wideparts_free(struct wide_part *p);

/* Are names in order, each kind by itself, and all behind that one? */
bool wideparts_is_ordered(const struct wide *w, const struct store_list *page, const char *behind);

void wideparts_sort(struct store_list *page);

/* What the part and the plan learn from its next page. Returns 0, or -ENOMEM: nothing changed. */
int wideparts_note(struct wide *w, struct wide_part *p, const struct store_list *page);

/* Sorts the page, notes it and keeps it for wideparts_unhold(). The same returns; the list is taken
 * over but with an error. */
int wideparts_hold(struct wide *w, struct wide_part *p, struct store_list *list, int64_t asked_ns);
int64_t wideparts_unhold(struct wide *w, struct wide_part *p, struct store_list *out);

/* Has the page that came last brought it to the next part, or to the end? */
void wideparts_meet(struct wide *w, struct wide_part *p, const struct store_list *page);
void wideparts_forget_beyond(struct wide_part *p);

/* Have the part and the next, if they have met, told of the same names? True too while nobody
 * knows. */
bool wideparts_agree(const struct wide *w, struct wide_part *p);

/* Makes parts out of parts, as many as are paid for: fs/widecut.c. */
void wideparts_cut(struct wide *w);

#endif
