/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a runtime, answered. No sockets here: bytes in, a reply out. */
#ifndef FS_SESSION_H
#define FS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/wire.h"

/* Room for a reply's text; longer ones are owned. */
#define SESSION_LINE_BYTES 512

struct session_reply {
	struct wire_reply head;
	char line[SESSION_LINE_BYTES];
	char *text;	      /* owned; if NULL the text is in line */
	int fd[WIRE_FDS_MAX]; /* owned, -1: none; head.fds of them */
	bool is_binary;	      /* text has text_bytes, NULs among them */
	uint32_t text_bytes;
	bool is_silent; /* a hint: send nothing */
	bool stop;	/* the daemon is to leave after this reply */
};

struct session_env {
	const char *sock, *cache_dir;
};

/* message: as received from pid, any bytes. fd: the descriptor that came along, which stays the
 * caller's, or -1. Always fills *out; anything that is no request gives -EPROTO in it. May wait for
 * the store. */
void session_serve(const struct session_env *env, pid_t pid, const void *message, size_t bytes,
		   int fd, struct session_reply *out);

/* Closes and frees what the reply owns. */
void session_free(struct session_reply *reply);

#endif
