/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While the service copies an object onto itself, for other attributes, nothing is published under
 * its name: what would be sent then has the old attributes, and by its ETag the copy need not be
 * another version.
 */
#ifndef FS_COPYGATE_H
#define FS_COPYGATE_H

#include <stdbool.h>

struct copygate {
	const char *object;    /* the caller's */
	struct copygate *next; /* copygate.c's */
};

/* Waits until nobody else has one of that name, and shuts it. Whoever is publishing by then is to
 * be waited for. Not twice in a thread, and nothing is published in between. g stays where it is
 * until the other. */
void copygate_shut(struct copygate *g);
void copygate_open(struct copygate *g);

/* Is it shut? The other waits until it is not; true: it had to. */
bool copygate_is_shut(const char *object);
bool copygate_wait(const char *object);

#endif
