/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that programs open without asking (core/base/opens.h): which they may, and what they have.
 *
 * They may open what somebody has just opened here, for as long as the metadata cache would believe
 * what it knows of it, if nobody writes to it. What they have opened is looked at afterwards, to be
 * counted, and since it tells what will be opened next (fs/ahead.h).
 */
#ifndef FS_OPENED_H
#define FS_OPENED_H

#include "cache/cache.h"
#include "fs/lookup.h"

/* The file of this fact was opened under q's name. The fact must be what the metadata cache gave,
 * or what was found out, before anything else was looked at. */
void opened_show(const struct lookup *q, const char *object, const struct meta_fact *fact,
		 struct cache_file *file);

/* Looks at what programs have opened since. Any thread. */
void opened_look(void);

#endif
