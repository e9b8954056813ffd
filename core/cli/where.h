/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of this installation are. */
#ifndef CORE_CLI_WHERE_H
#define CORE_CLI_WHERE_H

#include <limits.h>

#include "fs/sockpath.h"

struct where {
	char self[PATH_MAX];	/* this program */
	char runtime[PATH_MAX]; /* skyshim-rt, "" when it is missing */
	char *cache_dir;	/* canonical, to free */
	char sock[SOCKPATH_BYTES];
};

/* Finds all and makes the directories. Returns 0, or a negative errno after saying why. */
int where_find(struct where *out);

/* $SKYSHIM_ROOT or /cloud, clean: absolute, without "." and trailing or double slashes. Returns 0,
 * or -EINVAL after saying why. */
int where_root(char out[PATH_MAX]);

#endif
