/* SPDX-License-Identifier: Apache-2.0 */
/* Making sure that a daemon runs. */
#ifndef FS_AUTOSTART_H
#define FS_AUTOSTART_H

#define AUTOSTART_WAIT_MS 10000 /* for a daemon to listen that another has started */
#define AUTOSTART_WAIT_S  120	/* for one that is stopped or hangs: $SKYSHIM_DAEMON_WAIT */

/* For so long commands wait for a daemon to answer what it answers at once, or to start. It may
 * have a full cache to look through, or many programs before them. */
int autostart_wait_ms(void);

/* Returns once a daemon listens on sock, started by `bin daemon --autostart` if need be. Any number
 * of callers may race. 0, or a negative errno: -ECHILD (it would not start: why is on stderr). */
int autostart(const char *bin, const char *cache_dir, const char *sock);

/* Does one listen there now, though it may be busy? 0, or a negative errno. Does not wait. */
int autostart_probe(const char *sock);

#endif
