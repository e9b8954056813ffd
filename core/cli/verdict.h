/* SPDX-License-Identifier: Apache-2.0 */
/* What `skyshim doctor` finds: one line each for people, or one JSON object for programs. */
#ifndef CORE_CLI_VERDICT_H
#define CORE_CLI_VERDICT_H

#include <stdbool.h>

enum verdict { GOOD, NOTE, BAD };

/* json: nothing is printed before verdict_end(). */
void verdict_start(bool json);

/* what: of at most 22 characters. The text says what was found, what follows and what to change. */
void say(enum verdict v, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Returns how many were BAD. */
unsigned verdict_end(void);

#endif
