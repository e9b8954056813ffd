/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what the bucket has the beginning of the file, so that only the rest need be sent?
 */
#ifndef FS_KEPT_H
#define FS_KEPT_H

#include "core/digest.h"
#include "fs/upload.h"

/* up->if_match names the version in the bucket. By what the draft knows, or by its last bytes, up
 * to 16 MiB, which are fetched and compared. sum, unless NULL: then it may also become the CRC32C,
 * in base64, that the version must have ("": none). May wait: not on the I/O thread. */
bool kept_is(struct cache_file *file, const struct upload *up, char sum[DIGEST_BASE64_BYTES]);

#endif
