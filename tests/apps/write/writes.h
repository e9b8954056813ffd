/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain program that changes files, and says, one line for each check, what the system calls
 * answer. It is run on a local folder and on a folder in a bucket; the outputs have to be the same,
 * and so do the files that are left behind. The folder holds
 *   base.bin  WRITES_BASE bytes, byte i is probe_byte(i): several blocks of the cache, the last one
 *             not a whole one
 */
#ifndef TESTS_APPS_WRITES_H
#define TESTS_APPS_WRITES_H

#include <stddef.h>
#include <sys/types.h>

#include "tests/apps/probe/probe.h"

#define WRITES_BASE (5 * 65536 + 1000) /* bytes */

/* The program itself, for execve. */
extern const char *writes_self;

/* An address where nothing is, which no compiler knows. */
extern void *volatile writes_nowhere;

/* A new file of size bytes of base.bin's pattern, open for reading and writing. */
int writes_fresh(const char *name, size_t size);
/* A copy of base.bin under name, closed: so it has a version of its own. */
void writes_seed(const char *name);
/* Says a sum over all bytes of the file, and its size. */
void writes_sum(const char *what, const char *name);
/* Waits for a child and says how it ended. */
void writes_wait(const char *what, pid_t pid);

void writes_bytes(void);
void writes_offsets(void);
void writes_append(void);
void writes_vector(void);
void writes_size(void);
void writes_open(void);
void writes_error(void);
void writes_fd(void);
void writes_exec(void);
void writes_map(void);
void writes_copy(void);
void writes_names(void);
void writes_attr(void);
void writes_sync(void);
void writes_sharing(void);
void writes_threads(void);
void writes_aio(void);
void writes_outlived(void);
void writes_signals(void);
int writes_child(int argc, char **argv);

#endif
