/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A setting by path, as a text that the command line makes of the configuration and every runtime
 * reads: "VALUE" or "VALUE\tPATH\tVALUE\tPATH\tVALUE...". A virtual path (vpath.h) and all that is
 * below it has the value behind it, of the longest that fits; what none fits has the first.
 */
#ifndef CORE_BASE_RULES_H
#define CORE_BASE_RULES_H

#include <stdbool.h>

#define RULES_BYTES 4096 /* of such a text with its NUL */

/* Is the value at text this word? It may go on behind a tab. */
bool rules_is(const char *text, const char *word);

/* The value of a virtual path, which goes on behind a tab; NULL: none. known: values for which it
 * is false are as if they were not there. text: NULL has none. */
const char *rules_find(const char *text, const char *path, bool (*known)(const char *value));

#endif
