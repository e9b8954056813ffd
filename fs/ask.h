/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of the conversation, for the command line and tests: one request to the daemon. */
#ifndef FS_ASK_H
#define FS_ASK_H

#include <stddef.h>
#include <sys/types.h>

#include "core/base/wire.h"

/* A reply with its text (NUL-terminated, owned) and descriptors (owned, -1: none). */
struct ask_reply {
	struct wire_reply head;
	char *text;
	int fd[WIRE_FDS_MAX];
	pid_t peer; /* with -ETIMEDOUT: who was asked; 0: nobody knows */
};

/* Sends one request and waits for its reply. magic, version and text_len are filled in. Returns 0
 * (the reply may hold an error), -ECONNREFUSED or -ENOENT (no daemon), -ECONNRESET (it went),
 * -EPROTO, -EPROTONOSUPPORT (a daemon of another version). */
int ask(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	struct ask_reply *out);

/* The same of what is answered at once, with a descriptor that goes along, or -1. Also -ETIMEDOUT:
 * it was not, for autostart_wait_ms(), as of a daemon that is stopped or hangs. */
int ask_soon(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	     int send_fd, struct ask_reply *out);

/* Asks the daemon to leave, of whatever version it is; returns when it has heard, not when it has
 * gone. Errors: -ECONNREFUSED or -ENOENT (no daemon), -EPERM (it is somebody else's), -ESRCH,
 * -ETIMEDOUT as above, with *peer_out. */
int ask_stop(const char *sock, pid_t *peer_out);

/* One line on stderr that says why the daemon does not answer, and of one that is late what can be
 * done about it. peer: as of struct ask_reply. */
void ask_complain(int error, pid_t peer);

void ask_free(struct ask_reply *reply);

#endif
