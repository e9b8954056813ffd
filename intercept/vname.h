/* SPDX-License-Identifier: Apache-2.0 */
/* What an open cloud file is called now. */
#ifndef INTERCEPT_VNAME_H
#define INTERCEPT_VNAME_H

#include <stdbool.h>
#include <stddef.h>

#include "intercept/vfile.h"

/* Its virtual path at out, WIRE_PATH_MAX bytes: of a file the one that a rename has given it since,
 * of a directory the one by which it was opened. Returns its length; *gone_out: that name does not
 * lead to it any more. Asks the daemon. */
size_t vname_get(const struct vfile *vf, char *out, bool *gone_out);

/* The same with the root in front, as /proc shows it. out: 3 * WIRE_PATH_MAX bytes, which are used
 * all. Returns its length, without NUL. */
size_t vname_shown(const struct vfile *vf, char *out);

#endif
