/* SPDX-License-Identifier: Apache-2.0 */
/* Making sure that a daemon runs. */
#ifndef FS_AUTOSTART_H
#define FS_AUTOSTART_H

#define AUTOSTART_WAIT_MS 10000 /* for a daemon to listen */

/* Returns once a daemon listens on sock, started by `bin daemon --autostart` if need be. Any number
 * of callers may race. 0, or a negative errno: -ETIMEDOUT, -ECHILD (it would not start: why is on
 * stderr). */
int autostart(const char *bin, const char *cache_dir, const char *sock);

/* Does one listen there now? */
int autostart_probe(const char *sock);

#endif
