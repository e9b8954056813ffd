/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets where others put them: variables of an environment, and the memory of jansson. */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include <stdbool.h>

/* Is the value of this variable ("NAME=VALUE") a secret, by its name? (The name of a file that
 * holds one is none.) */
bool secret_is_variable(const char *entry);

/* Overwrites the values of all such variables of this process, also where /proc/PID/environ shows
 * them, and removes them. For the beginning, while there are no other threads. */
void secret_wipe_environment(void);

/* From now on what jansson frees is overwritten before. For the beginning, before anything of
 * jansson's is used; harmless when done again. */
void secret_wipe_json(void);

#endif
