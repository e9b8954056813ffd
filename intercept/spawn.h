/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the daemon from inside a program. */
#ifndef INTERCEPT_SPAWN_H
#define INTERCEPT_SPAWN_H

/* Starts `skyshim daemon --autostart` as a grandchild, so that the program never sees it among its
 * children. Races are settled by the daemon's own lock. 0 or a negative errno. */
int spawn_daemon(void);

/* Calls try until it gives something else than -ENOENT or -ECONNREFUSED, for so long. Returns what
 * it gave last; -EPIPE when the daemon did not come. */
int spawn_wait(int (*try)(void), int milliseconds);

#endif
