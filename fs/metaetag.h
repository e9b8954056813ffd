/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ETags in few bytes. What S3 gives is an MD5 in quotes, of a multipart upload with the number of
 * parts; such 34 or so bytes take 16 or 18. Every other one is kept as it is, behind its length.
 */
#ifndef FS_METAETAG_H
#define FS_METAETAG_H

#include <stddef.h>

#include "core/store.h"

#define METAETAG_BYTES_MAX STORE_ETAG_BYTES

/* Writes it to out, METAETAG_BYTES_MAX bytes at most, and says how: a number below 8. Returns how
 * many bytes it takes: none for "". */
size_t metaetag_write(const char *etag, unsigned char *out, unsigned *form_out);

void metaetag_read(const unsigned char *at, unsigned form, char etag[STORE_ETAG_BYTES]);

/* How many bytes it takes. */
size_t metaetag_bytes(const unsigned char *at, unsigned form);

#endif
