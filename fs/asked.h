/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How names of a directory are asked about, one by one: when it is worth listing the directory,
 * though nobody reads it. Two names that turned out to be missing say that more will; several that
 * were asked about in a row, that their neighbours come next.
 *
 * A table of fixed size, in which directories that share a place push each other out: then nothing
 * is known, and a name costs what it costs. Any thread.
 */
#ifndef FS_ASKED_H
#define FS_ASKED_H

#include <stdbool.h>
#include <stdint.h>

#define ASKED_SLOTS	 4096
#define ASKED_ROW_NS	 INT64_C(1000000000) /* who asks less often is not in a row */
#define ASKED_MISSES_NS	 INT64_C(5000000000) /* the same of names that were missing */
#define ASKED_ROW	 2		     /* names in a row before the first listing */
#define ASKED_ROW_MAX	 64		     /* ... each listing doubles it, up to that */
#define ASKED_OWED	 2
#define ASKED_USELESS_NS INT64_C(30000000000) /* asked_useless() */

/* The store was asked about that object name. */
void asked_note(const uint8_t *ctx, const char *object, bool is_missing, int64_t now_ns);

/* Is it likely that a listing of its directory tells that the name is missing? */
bool asked_misses(const uint8_t *ctx, const char *object, int64_t now_ns);

/* Is it likely that those that stand beside it in a listing are asked about next? */
bool asked_row(const uint8_t *ctx, const char *object, int64_t now_ns);

/* Names that were asked about ahead are taken: for ASKED_ROW_NS who asks does so in rows, and a new
 * directory is listed with the first name, at most ASKED_OWED of them before that pays again. */
void asked_used(int64_t now_ns);

/* The directory that the name lies in is being listed, for one of these reasons. */
void asked_listed(const uint8_t *ctx, const char *object);

/* That did not tell all, or failed, or took too long: that directory is not listed for such reasons
 * again for ASKED_USELESS_NS. Is it so still? */
void asked_useless(const uint8_t *ctx, const char *prefix, int64_t now_ns);
bool asked_is_useless(const uint8_t *ctx, const char *prefix, int64_t now_ns);

#endif
