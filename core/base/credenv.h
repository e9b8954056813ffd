/* SPDX-License-Identifier: Apache-2.0 */
/* Which environment variables make up a context (core/context.h). */
#ifndef CORE_BASE_CREDENV_H
#define CORE_BASE_CREDENV_H

#include <stdbool.h>

/* entry: "NAME=VALUE". */
bool credenv_wanted(const char *entry);

#endif
