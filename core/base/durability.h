/* SPDX-License-Identifier: Apache-2.0 */
/* When what was written is in the bucket, by path: rules (rules.h) whose values are "close", "exit"
 * and "fsync". */
#ifndef CORE_BASE_DURABILITY_H
#define CORE_BASE_DURABILITY_H

#include "core/base/rules.h"

enum durability {
	DURABILITY_NONE = 0, /* no mode has that name */
	DURABILITY_CLOSE,    /* close(2) and fsync(2) wait */
	DURABILITY_EXIT,     /* the end of the program does, and fsync(2) */
	DURABILITY_FSYNC,    /* fsync(2) only */
};

/* The mode of that name; it may go on behind a tab. */
enum durability durability_named(const char *name);

/* The mode of a virtual path. text: NULL is "close". Never DURABILITY_NONE. */
enum durability durability_of(const char *text, const char *path);

#endif
