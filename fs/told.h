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
#define TOLD_OURS_TTLS 30   /* of the metadata's time to live: see told_has_none() */

/* The object is a file now, as fact says; so its directory exists. */
void told_file(const uint8_t *ctx, const char *object, const struct meta_fact *fact);

/* The part of that for a symbolic link: nothing is believed of what is below its name. */
void told_link(const uint8_t *ctx, const char *object);

/* The file is gone; its directory stays. */
void told_no_file(const uint8_t *ctx, const char *object);

/* prefix: object name of a directory, with its slash. */
void told_dir(const uint8_t *ctx, const char *prefix, int64_t mtime_ns);
void told_no_dir(const uint8_t *ctx, const char *prefix);

/* All that was below the directory has moved away, or something has moved there: whatever was known
 * of a name below, by whomever, is asked about again; but none is remembered as empty, nor is this
 * one itself, if it is not told of afterwards. */
void told_moved(const char *prefix);

/* The same, and it is not known whether the directory itself is there. */
void told_doubted(const uint8_t *ctx, const char *prefix);

/* mkdir made it: it was not there, and of all who tried the store took this one. */
void told_made_dir(const uint8_t *ctx, const char *prefix, int64_t mtime_ns);

/* May a file be made under this name without asking whether there is one? So it is in a directory
 * that mkdir made here, of a name that is not known to be there, for TOLD_OURS_TTLS after the last
 * time this was answered with yes. Who has written the same name meanwhile elsewhere is met at the
 * upload, which is conditional; after that the answer is no. */
bool told_has_none(const uint8_t *ctx, const char *object);

/* Somebody else writes in the directory that the object lies in. */
void told_of_others(const char *object);

/* Was the directory made here not long ago? Then names in it are likely to be asked for before they
 * are made. */
bool told_is_made(const uint8_t *ctx, const char *prefix);

/* Is it remembered as empty? */
bool told_is_empty_dir(const uint8_t *ctx, const char *prefix);

/* The same, and it need not have a mark in the bucket to be there. */
bool told_stays_empty(const uint8_t *ctx, const char *prefix);

void told_forget_all(void);

#endif
