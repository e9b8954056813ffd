/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of the conversation, for the command line and tests: one request to the daemon. */
#ifndef FS_ASK_H
#define FS_ASK_H

#include <stddef.h>

#include "core/base/wire.h"

/* A reply with its text (NUL-terminated, owned) and descriptors (owned, -1: none). */
struct ask_reply {
	struct wire_reply head;
	char *text;
	int fd[WIRE_FDS_MAX];
};

/* Sends one request and waits for its reply. magic, version and text_len are filled in. Returns 0
 * (the reply may hold an error), -ECONNREFUSED or -ENOENT (no daemon), -ECONNRESET (it went),
 * -EPROTO, -EPROTONOSUPPORT (a daemon of another version). */
int ask(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	struct ask_reply *out);

/* The same with a descriptor that goes along, or -1. */
int ask_with(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	     int send_fd, struct ask_reply *out);

/* Asks the daemon to leave, of whatever version it is; returns when it has heard, not when it has
 * gone. Errors: -ECONNREFUSED or -ENOENT (no daemon), -EPERM (it is somebody else's), -ESRCH. */
int ask_stop(const char *sock);

/* A word for an error of ask(). */
const char *ask_error(int error);

void ask_free(struct ask_reply *reply);

#endif
