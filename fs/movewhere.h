/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At which service something is renamed: the journal says so, since whoever goes on with it, in
 * another environment or after the configuration has changed, may have another one behind the same
 * names, where nothing of it is true.
 */
#ifndef FS_MOVEWHERE_H
#define FS_MOVEWHERE_H

#include "fs/movelog.h"

/* Of a log that was just begun. What cannot be found out is not checked either. */
void movewhere_note(struct movelog *log);

/* Is it the one that ctx has for these names? 0, or -EXDEV with a line. where: as of the log; ""
 * fits. */
int movewhere_check(const char *where, const char *object, const uint8_t *ctx, char *message);

#endif
