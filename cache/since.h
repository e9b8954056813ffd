/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When it was said of a draft that it is to overwrite whatever is there. Its cache may have been
 * set back since, to a state in which it was not in the bucket yet (a snapshot): then what is there
 * now may be its own successor, and is newer than that.
 */
#ifndef CACHE_SINCE_H
#define CACHE_SINCE_H

#include <stdint.h>

#include "cache/notes.h"

/* Now. */
void since_note(struct notes_journal *journal);

/* How many seconds ago that was: by the calendar's clock, or, in the same boot, by the one that
 * nobody sets if that says more, since too much is the safe side. INT64_MAX: not known. */
int64_t since_s(const struct notes_journal *journal);

#endif
