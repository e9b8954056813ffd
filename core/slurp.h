/* SPDX-License-Identifier: Apache-2.0 */
/* A small file as text. */
#ifndef CORE_SLURP_H
#define CORE_SLURP_H

#include <stddef.h>

/* Reads a whole file into *out, with NUL, to free; NULL when there is none, or it is a character
 * device (/dev/null, the usual way to say "none"). Never waits for a writer. Returns 0, -ENOMEM,
 * -EINVAL (neither a file nor such a device), -EFBIG, or the error of open(2) or read(2). */
int slurp(const char *path, size_t bytes_max, char **out);

#endif
