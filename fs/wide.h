/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of many pages, listed in parts side by side: which page is to be asked for next, and
 * in which order what came is shown. No I/O, no locks: the caller's.
 *
 * A part begins behind some name and is a chain of pages: the service itself tells where each goes
 * on. It ends where a page reaches the beginning of the next part, and that page counts whole: what
 * the next part has of it is left out. So the two have told of the same names there, and when they
 * differ, or the next one begins with what is not behind its name, the service does not do what is
 * asked: that part and all behind it are forgotten, and the one before goes on alone. What is shown
 * is therefore what one chain from the first name to the last would have shown.
 *
 * A cut costs half a request on average, since a part's last page is not all new, and a whole one
 * where nothing is. There are only as many as a tenth of the pages that have come pays for.
 */
#ifndef FS_WIDE_H
#define FS_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/store.h"

#define WIDE_PARTS_MAX 32 /* of one directory, at a time */

struct wide;
struct wide_part;

/* What is to be asked for: a STORE_LIST. The texts are good until the answer. */
struct wide_question {
	struct wide_part *part; /* of the answer */
	const char *after;	/* store_call.after, or NULL */
	const char *token;	/* store_call.token, or NULL */
	const bool *is_wanted;	/* set, atomically, once somebody waits for it */
};

/* Of the directory whose keys start with prefix (kept), of which all up to this page is shown. The
 * page stays the caller's, but its entries are put in order. NULL: no memory, this page is not in
 * order, or the last. now_ns: since 1970. */
struct wide *wide_new(const char *prefix, struct store_list *page, int64_t now_ns);

/* Not while a question is out. */
void wide_free(struct wide *w);

/* The next question, to be answered with one of the two below; room: pages that may be held and on
 * their way at most, but the one that is waited for. Returns whether there is one. */
bool wide_ask(struct wide *w, size_t room, struct wide_question *out);

/* The answer; the list is taken over. asked_ns: when it was asked for, the caller's own. */
void wide_answer(struct wide *w, struct wide_part *part, struct store_list *list, int64_t asked_ns);

/* There is none. refused: the service will not do this. */
void wide_fail(struct wide *w, struct wide_part *part, int error, bool refused,
	       const char *message);

/* The next page in order, to be freed with entries_free(); next_token is not NULL if more follow.
 * Returns 1; 0: none is there; or the error for which there is none, once, with its line in
 * message: the next wide_ask() asks again. */
int wide_take(struct wide *w, struct store_list *out, int64_t *asked_ns_out,
	      char message[STORE_MESSAGE_BYTES]);

/* Pages that came and were not taken. */
size_t wide_held(const struct wide *w);

/* What the service has shown of itself. */
enum wide_trust {
	WIDE_TRUSTED,
	WIDE_DOUBTED, /* where it began it told of other names, or they were not in order */
	WIDE_REFUSED, /* it does not begin where it is asked to */
};
enum wide_trust wide_trust(const struct wide *w);

#endif
