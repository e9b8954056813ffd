/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A draft that an earlier daemon left, and that is to overwrite whatever is in the bucket: no
 * condition keeps it from overwriting its own successors, if the cache was set back in between. So
 * it gets one, from what is there.
 */
#ifndef FS_BLIND_H
#define FS_BLIND_H

#include "fs/upload.h"

/* Of a draft for which flush->is_blind: looks at what is there, which becomes what is overwritten,
 * in flush and in the journal. 0; -ESTALE: it is newer than what was said of the draft, or nobody
 * can tell; or an error of the look, with a line. Not on the I/O thread. */
int blind_look(struct cache_file *file, struct draft_flush *flush, const struct upload *up,
	       char message[STORE_MESSAGE_BYTES]);

#endif
