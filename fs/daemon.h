/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's life: start, serve, leave. */
#ifndef FS_DAEMON_H
#define FS_DAEMON_H

#include <stdbool.h>

#define DAEMON_IDLE_S 600 /* SKYSHIM_IDLE: leaves after this without requests or living clients */

struct daemon_options {
	const char *cache_dir; /* NULL: as configured */
	const char *sock;      /* NULL: as sockpath_find() says */
	bool foreground;       /* stay on the terminal, log to stderr */
	bool autostart;	       /* another one that runs already is fine */
};

/* Runs a daemon. In the background it returns in the process that called, once the daemon listens.
 * What goes wrong is said on stderr. Returns an exit status. */
int daemon_run(const struct daemon_options *options);

#endif
