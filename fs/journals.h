/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon's journals in the cache directory have in common: folders of files with random
 * names, one for each thing that is under way, and contexts in them as hexadecimal digits.
 */
#ifndef FS_JOURNALS_H
#define FS_JOURNALS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"

#define JOURNALS_NAME_BYTES 24			     /* of a file, with its NUL */
#define JOURNALS_HEX_BYTES  (2 * WIRE_CTX_BYTES + 1) /* of a context, with its NUL */

/* Opens the folder, or makes it, and calls adopt with the name of each file that an earlier daemon
 * left. dir_fd: the cache directory. Returns a descriptor, the caller's, or an error. */
int journals_open(int dir_fd, const char *folder, void (*adopt)(int folder_fd, const char *name));

/* A name that no file there has. */
void journals_name(char out[JOURNALS_NAME_BYTES]);

/* Opens name in the folder for what journals_append() adds, with these flags of open(2) besides. A
 * full disk gets another try when something could be evicted. A descriptor or an error. */
int journals_create(int folder_fd, const char *name, int flags);

/* Adds a record to the end of a journal, which was opened with O_APPEND: all of it, or none. A full
 * disk (-ENOSPC, -EDQUOT) gets another try when something could be evicted. 0 or an error; after
 * -EUCLEAN a part of it stands there and could not be taken away: nothing may follow it. One writer
 * at a time. */
int journals_append(int fd, const void *record, size_t bytes);

void journals_write_ctx(const uint8_t ctx[WIRE_CTX_BYTES], char out[JOURNALS_HEX_BYTES]);

/* 0, or -EBADMSG: these are no such digits. */
int journals_read_ctx(const char *hex, uint8_t out[WIRE_CTX_BYTES]);

#endif
