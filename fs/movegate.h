/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for a directory that is on its way to another name (fs/movelog.h): for a local file
 * system that takes no time, so what a program does meanwhile with the names is done before it or
 * after it.
 */
#ifndef FS_MOVEGATE_H
#define FS_MOVEGATE_H

#include <stdbool.h>

#include "fs/movelog.h"

/* Waits as long as movelog_state() says; what was interrupted is gone on with. Not on the I/O
 * thread, and not with names held (fs/namelock.h). Returns whether it has waited. */
bool movegate_wait(const char *object, enum movelog_use use);

/* The same where names may be held: 1: it has waited; 0: it had not to; -EDEADLK: it must not, and
 * is to be done again without them. */
int movegate_pass(const char *object, enum movelog_use use);

#endif
