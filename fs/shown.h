/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shared table of attributes (core/base/attrs.h) shows of one entry of the metadata cache.
 * A line of the table is one entry's at a time: when another gets it, what programs have marked
 * there is noted with the one that it was taken from.
 *
 * No lock of its own: all under that of fs/meta.c.
 */
#ifndef FS_SHOWN_H
#define FS_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/attrs.h"

#define SHOWN_MAX 2 /* lines that tell of one entry */

/* All zero: nothing is shown. It must not move while something is. */
struct shown {
	uint32_t line[SHOWN_MAX]; /* newest first */
	bool was_taken;		  /* by a program, of a line that is another's by now */
};

void shown_put(struct shown *s, const struct attrs_ask *ask, const struct attrs_answer *answer);

/* Nobody goes on with it. */
void shown_withdraw(struct shown *s);

/* Has any program taken a marked answer since shown_reset()? */
bool shown_is_taken(const struct shown *s);

/* Withdraws, and nothing was taken. */
void shown_reset(struct shown *s);

#endif
