/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shared tables of attributes and of files (core/base/attrs.h, opens.h) show of one entry
 * of the metadata cache. A line of a table is one entry's at a time: when another gets it, what
 * programs have marked there is noted with the one that it was taken from.
 *
 * An entry shows up to two lines of attributes and one of files: it knows the newest one, and for
 * each line is kept which was there before. Entries are known here by numbers, of which
 * metaentry_shown() tells what they show.
 *
 * No lock of its own: all under metaentry_lock.
 */
#ifndef FS_SHOWN_H
#define FS_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/opentable.h"
#include "core/base/attrs.h"

/* All zero: nothing is shown. */
struct shown {
	uint32_t line : 31;	/* the newest one, or ATTRS_NONE */
	uint32_t was_taken : 1; /* by a program, of a line that is another's by now */
};

/* owner: not 0. */
void shown_put(uint32_t owner, const struct attrs_ask *ask, const struct attrs_answer *answer);

/* Programs may open it by themselves, once its file is put into the ticket (cache/opentable.h),
 * until the entry is withdrawn. A ticket that is none: they ask. owner: not 0. */
struct opens_ticket shown_open(uint32_t owner, const struct opentable_about *about);

/* Nobody goes on with it. */
void shown_withdraw(struct shown *s);

/* Has any program taken a marked answer since shown_reset()? */
bool shown_is_taken(const struct shown *s);

/* Withdraws, and nothing was taken. */
void shown_reset(struct shown *s);

/* The entry that shows this has another number now. */
void shown_moved(const struct shown *s, uint32_t owner);

#endif
