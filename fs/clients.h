/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that have spoken to the daemon: it does not leave while one of them lives. */
#ifndef FS_CLIENTS_H
#define FS_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLIENTS_MAX 1024 /* remembered at a time; those beyond count only by what they ask */

void clients_seen(pid_t pid);

/* How many of them are alive; forgets the others. */
unsigned clients_alive(void);

/* The process is one of a job's (wire_request.job). */
void clients_joined(pid_t pid, uint32_t job);

/* Does one of this job's live that has joined it? */
bool clients_any_of(uint32_t job);

void clients_forget(void);

#endif
