/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that have spoken to the daemon: it does not leave while one of them lives. */
#ifndef FS_CLIENTS_H
#define FS_CLIENTS_H

#include <sys/types.h>

#define CLIENTS_MAX 1024 /* remembered at a time; those beyond count only by what they ask */

void clients_seen(pid_t pid);

/* How many of them are alive; forgets the others. */
unsigned clients_alive(void);

void clients_forget(void);

#endif
