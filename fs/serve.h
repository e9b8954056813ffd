/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a session (fs/session.h): a request on its way, and who serves it. Only fs/session.c and
 * the files of its operations include this. */
#ifndef FS_SERVE_H
#define FS_SERVE_H

#include "fs/deeds.h"
#include "fs/lookup.h"
#include "fs/session.h"

struct cache_file;

/* What a request is about. */
struct session {
	const struct session_env *env;
	pid_t pid;
	const struct wire_request *req;
	const char *text; /* req->text_len bytes, no NUL */
	int fd;		  /* came with the request, or -1 */
	struct context *ctx;
	struct deed *deed; /* of what changes names, or NULL */
	struct session_reply *out;
};

/* The question about a path, to free; NULL with *error when it can be no name. */
struct lookup *serve_lookup(const struct session *s, const char *text, size_t len, int *error);

/* The line goes along with the reply if it is news. */
void serve_say(struct session *s, const uint8_t *ctx, const char *bucket, int error,
	       const char *message);

/* The three descriptors of a draft go along; mode: an access mode. */
int serve_draft(struct session *s, struct cache_file *file, int mode);

typedef int serve_fn(struct session *s);

/* Serves the request unless one of its paths leads through a symbolic link: then the reply is
 * WIRE_ELINK. */
int paths_serve(struct session *s, serve_fn *serve);

/* Each returns the reply's error. */
int serve_flush(struct session *s);
int serve_stream(struct session *s);
int serve_room(struct session *s);
int serve_settle(struct session *s);
int serve_left(struct session *s);
int serve_truncate(struct session *s);
int serve_unlink(struct session *s);
int serve_mkdir(struct session *s);
int serve_rename(struct session *s);
int serve_link(struct session *s);
int serve_clone(struct session *s);
int serve_setattr(struct session *s);
int serve_recover(struct session *s);
int serve_symlink(struct session *s);
int serve_readlink(struct session *s);
int serve_name(struct session *s);
int serve_creds(struct session *s);
int serve_detect(struct session *s);
int serve_getxattr(struct session *s);
int serve_setxattr(struct session *s);

#endif
