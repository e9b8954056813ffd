/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is: which names a request is about, what it does with them, and who comes first.
 * The order of what is waited for stands in fs/namelock.h.
 */
#ifndef FS_TURN_H
#define FS_TURN_H

#include "fs/serve.h"

#define TURN_PATHS_MAX 2

/* Serves the request with its names held, if it changes them or what they are the names of; whoever
 * is moving what is above or below comes first. paths: those of the request, up to TURN_PATHS_MAX.
 * If serve says -EDEADLK (publish(), movedir()) it is called again, later; an interrupted move that
 * is in the way and cannot be ended is an error. */
int turn_serve(struct session *s, serve_fn *serve, const char *const *paths, unsigned count);

#endif
