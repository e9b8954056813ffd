/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where to cut a wide directory: how many names lie between two, judged by those that were seen,
 * and a name in between. Pure.
 *
 * Names are taken for numbers whose digits are the characters that were seen at each place. Of
 * digits and letters that stand for their kind all are: who has seen 0 and 1 at a place expects 9.
 * And what stands at a place before one at which it is one of many is expected to be one of those:
 * so begin random names.
 * What comes out need not be any file's name, but is UTF-8 without a slash and without control
 * characters, so every service takes it, and no common prefix "dir/" lies on both sides of it.
 *
 * Names are without the prefix that they share; of those that are not UTF-8 what stands before the
 * first wrong byte counts.
 */
#ifndef FS_CUT_H
#define FS_CUT_H

#include <stdbool.h>
#include <stdint.h>

#define CUT_PLACES     256 /* characters of a name that are looked at */
#define CUT_NAME_BYTES (4 * CUT_PLACES + 4 + 1)

/* What names have at one place. */
struct cut_place {
	uint64_t ascii[2];  /* bits */
	uint32_t low, high; /* the least and the greatest of the others; 0, 0: none */
};

/* Zeroed at first. */
struct cut_names {
	struct cut_place at[CUT_PLACES];   /* what was seen */
	struct cut_place open[CUT_PLACES]; /* what may stand there, as long as is_open */
	bool is_open;
};

void cut_learn(struct cut_names *c, const char *name);

/* How many names lie between low and high, if `names` of them lie from first up to low. high NULL:
 * up to where the characters that are known end. A guess, 0 or more. */
double cut_count(struct cut_names *c, const char *first, const char *low, const char *high,
		 unsigned names);

/* A name at that fraction of the way from low to high, between the two. False: there is none that
 * could be said. */
bool cut_between(struct cut_names *c, const char *low, const char *high, double fraction,
		 char out[CUT_NAME_BYTES]);

/* A name behind all that begin as low does and go on with a known character. False: as before. */
bool cut_beyond(struct cut_names *c, const char *low, char out[CUT_NAME_BYTES]);

#endif
