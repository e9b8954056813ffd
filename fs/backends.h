/* SPDX-License-Identifier: Apache-2.0 */
/* Which stores there are. fs/backends.c is the one file that names the back ends. */
#ifndef FS_BACKENDS_H
#define FS_BACKENDS_H

#include <stdbool.h>
#include <stddef.h>

/* Registers all with the driver; before store_start(). */
int backends_register(void);

/* The scheme with this number, NULL after the last. */
const char *backends_scheme(size_t i);

bool backends_has(const char *scheme);

#endif
