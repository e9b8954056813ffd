/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the daemon from inside a program. */
#ifndef INTERCEPT_SPAWN_H
#define INTERCEPT_SPAWN_H

/* Starts `skyshim daemon --autostart` so that the program never sees it among its children, and
 * calls try for so long, until that gives something else than -ENOENT or -ECONNREFUSED, which is
 * the result. Races are settled by the daemon's own lock. -EPIPE when the daemon did not come: at
 * once, if it has died. */
int spawn_daemon(int (*try)(void), int milliseconds);

#endif
