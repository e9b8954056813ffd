/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this daemon has just made of a name: told to the metadata cache and the listings, so that
 * every program here sees it at once.
 *
 * A directory that exists only by what is in it would be gone with its last file, which no program
 * expects: such a one is remembered as empty until it is removed, or the daemon ends.
 */
#ifndef FS_TOLD_H
#define FS_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/meta.h"

#define TOLD_EMPTY_MAX 4096 /* directories remembered; the oldest goes */

/* The object is a file now, as fact says; so its directory exists. */
void told_file(const uint8_t *ctx, const char *object, const struct meta_fact *fact);

/* The file is gone; its directory stays. */
void told_no_file(const uint8_t *ctx, const char *object);

/* prefix: object name of a directory, with its slash. */
void told_dir(const uint8_t *ctx, const char *prefix, int64_t mtime_ns);
void told_no_dir(const uint8_t *ctx, const char *prefix);

/* Was the directory made here not long ago? Then names in it are likely to be asked for before they
 * are made. */
bool told_is_made(const uint8_t *ctx, const char *prefix);

/* Is it remembered as empty? */
bool told_is_empty_dir(const uint8_t *ctx, const char *prefix);

void told_forget_all(void);

#endif
