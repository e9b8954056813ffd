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

/* As attrs_put(), attrs_drop() and attrs_is_marked(). Without a table: ATTRS_NONE, false. */
uint32_t attrfile_put(const struct attrs_ask *ask, const struct attrs_answer *answer,
		      bool *was_marked_out);
bool attrfile_drop(uint32_t line);
bool attrfile_is_marked(uint32_t line);

#endif
