/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the daemon and its answer (core/base/wire.h). A connection lives for one
 * question, so nothing of ours stays open in a program. The daemon is started when it is not there.
 *
 * While waiting, signals that would kill or stop the program do so at once; those it handles are
 * delivered afterwards, as during a native wait for a disk.
 */
#ifndef INTERCEPT_REQUEST_H
#define INTERCEPT_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"

struct request {
	/* Set by the caller; what is not needed stays 0. */
	enum wire_op op;
	const char *text; /* NULL: none */
	uint32_t text_len;
	uint32_t flags;
	uint64_t data_dev, data_ino, offset, length;
	int64_t mtime_ns;
	uint32_t mode, uid, gid;
	bool has_send_fd; /* WIRE_TWIN: send_fd goes along */
	int send_fd;
	bool is_aside; /* not about a name of the call under way: a link in it is -ENOENT */
	bool ends;     /* WIRE_SETTLE: the program is over, and handles no signal any more */
	char *answer;  /* room for the text of a good answer and a NUL, WIRE_PATH_MAX; or NULL */
	/* The answer. */
	uint32_t answer_len;
	struct wire_attr attr;
	uint8_t ctx[WIRE_CTX_BYTES];
	int fd[WIRE_FDS_MAX]; /* close-on-exec; the caller's to close */
	unsigned fds;
	bool resent; /* a daemon that got it before has died: it may have been carried out */
	bool said;   /* why it failed, on stderr */
};

/* Returns 0 or the daemon's negative errno; -EIO when it cannot be reached (said on stderr). With
 * an error, fds is 0. On a private stack. */
int request_run(struct request *rq);

struct thread;

/* One question while another of this thread waits: no daemon is started, nothing is tried again or
 * said, and no descriptors come. mask: as of ppoll(2). 0 with rq->attr, or a negative errno. */
int request_beside(struct thread *t, struct request *rq, uint64_t mask, int64_t ms);

/* Waits until the socket can be read: 1; 0 when the time is over, or a negative errno. */
int request_poll(int sock, uint64_t mask, int64_t ms);

void request_close_fds(struct request *rq);

/* A line on the program's stderr: "skyshim: text". */
void say(const char *text, const char *more);

#endif
