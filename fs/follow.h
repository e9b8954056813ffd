/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths through symbolic links. A link is followed by telling the runtime the path to go on with
 * (WIRE_ELINK), since that may be anywhere.
 *
 * The last name of a path is found to be a link by whoever looks at it (fs/lookup.h, fs/open.h).
 * One in the middle is asked about at once if it is known to be one; otherwise only after nothing
 * was found, since below a link's name there is nothing.
 */
#ifndef FS_FOLLOW_H
#define FS_FOLLOW_H

#include "core/base/wire.h"
#include "fs/lookup.h"

/* Is a name before the last one of path known to be a link? Returns -WIRE_ELINK with out, what goes
 * on; 0: no; or -ENAMETOOLONG. */
int follow_known(struct context *ctx, const char *path, char out[WIRE_PATH_MAX]);

/* Nothing was found at path: is a name before the last one a link? Costs nothing for what is known,
 * lately, to be a directory; otherwise a LIST. Returns as above, or -ENOTDIR: one of them is a
 * file. */
int follow_missing(struct context *ctx, const char *path, char out[WIRE_PATH_MAX]);

/* path is that of a link. Returns as above, or the store's error; 0: it is none any more. */
int follow_last(struct context *ctx, const char *path, char out[WIRE_PATH_MAX]);

/* The target of the link that q names. Returns 0, -EINVAL (it is none), -ENOENT, or the store's
 * error with q->message. */
int follow_target(struct lookup *q, char target[WIRE_PATH_MAX]);

#endif
