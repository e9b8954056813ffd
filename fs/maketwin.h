/* SPDX-License-Identifier: Apache-2.0 */
/* WIRE_TWIN and WIRE_TRAPPED: having a twin made, once, for whoever asks. */
#ifndef FS_MAKETWIN_H
#define FS_MAKETWIN_H

#include <stddef.h>

#define MAKETWIN_JOBS_MAX 8 /* files rewritten at once; at most the processors, and two */

/* fd: an ELF file, open for reading; stays the caller's. Waits. Returns 0 when its twin stands in
 * the cache, else an error of WIRE_TWIN. */
int maketwin(int fd);

/* name: a twin's, not terminated. Nothing is told: a hint. */
void maketwin_trapped(const char *name, size_t name_len, unsigned long long offset);

#endif
