/* SPDX-License-Identifier: Apache-2.0 */
/* Where the daemon of a cache directory listens. */
#ifndef FS_SOCKPATH_H
#define FS_SOCKPATH_H

#include <stddef.h>

#define SOCKPATH_BYTES 108 /* of sun_path, with the NUL: unix(7) */

/* The socket's path for a canonical cache directory: in $XDG_RUNTIME_DIR/skyshim, else in
 * /tmp/skyshim-UID. Makes that directory and checks that it is a real one, this user's, and closed
 * to others. Returns 0, -EPERM (somebody else's), -ENAMETOOLONG or the error of making it. */
int sockpath_find(const char *cache_dir, char out[SOCKPATH_BYTES]);

/* Makes the directory of a socket's path and checks it in the same way. */
int sockpath_check(const char *path);

#endif
