/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the store has lately refused to be written to: a program that is about to write there again
 * is told when it opens the file, and not only when it closes it and its work is done.
 *
 * Known for a directory (policies are made for prefixes) and the credentials that asked, and only
 * for a short time, since policies change. Any thread.
 */
#ifndef FS_REFUSED_H
#define FS_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

#define REFUSED_MAX 64	  /* directories; the oldest goes */
#define REFUSED_MS  10000 /* of one */

/* How an upload of that object ended: -EACCES, or 0, which takes an earlier refusal back. */
void refused_note(const uint8_t *ctx, const char *object, int ended);

/* Was something refused in the directory of this object? */
bool refused_is(const uint8_t *ctx, const char *object);

#endif
