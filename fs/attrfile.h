/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of the shared table of attributes (core/base/attrs.h). What is in it is the
 * metadata cache's to say (fs/meta.h); without a table (no room on the disk) all is asked.
 */
#ifndef FS_ATTRFILE_H
#define FS_ATTRFILE_H

#include "core/base/attrs.h"

/* Takes over or makes the file in the cache directory. Only with the lock of that directory. */
void attrfile_start(int dir_fd);

/* From now on nobody believes it. */
void attrfile_stop(void);

/* Once a second at least: this daemon lives. */
void attrfile_alive(void);

/* Shows an answer: error 0 with attr, or -ENOENT. Returns its line, or ATTRS_NONE. */
uint32_t attrfile_put(const struct attrs_ask *ask, int64_t until_ns, int error,
		      const struct wire_attr *attr);

/* Withdraws it. ATTRS_NONE is allowed. */
void attrfile_drop(uint32_t line);

#endif
