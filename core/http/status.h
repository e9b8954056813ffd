/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP status means to a program, and whether trying again may help: one table for all. */
#ifndef CORE_HTTP_STATUS_H
#define CORE_HTTP_STATUS_H

#include <stdbool.h>

struct status_meaning {
	int error;  /* 0 or a negative errno */
	bool retry; /* may pass by itself */
	const char *words;
};

/* For any number; one that is in no list is taken by its class. */
struct status_meaning status_meaning(int status);

#endif
