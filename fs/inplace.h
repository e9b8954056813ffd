/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a kind that the service appends to (STORE_FIELD_APPENDS): a file that was only
 * appended to leaves them what they are, for whoever else appends.
 */
#ifndef FS_INPLACE_H
#define FS_INPLACE_H

#include "fs/upload.h"

/* As upload(), or -EOPNOTSUPP: it is no such object, or more has changed than its end. */
int inplace_upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES]);

#endif
