/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of this installation are. */
#ifndef CORE_CLI_WHERE_H
#define CORE_CLI_WHERE_H

#include <limits.h>

#include "fs/sockpath.h"

struct where {
	char self[PATH_MAX];	/* this program */
	char daemon[PATH_MAX];	/* skyshim-daemon, "" when it is missing */
	char runtime[PATH_MAX]; /* skyshim-rt, likewise */
	char *cache_dir;	/* canonical, to free */
	char sock[SOCKPATH_BYTES];
};

/* Finds the programs, all else stays. Returns 0, or a negative errno after saying why. */
int where_programs(struct where *out);

/* Says that with the one of its name something is wrong; error: a negative errno. Returns an exit
 * status. */
int where_complain(const char *what, const char *name, int error);
/* Likewise, that it is missing. */
int where_missing(const char *name);

/* Finds all and makes the directories. Returns 0, or a negative errno after saying why. */
int where_find(struct where *out);

/* $SKYSHIM_ROOT or /cloud, clean: absolute, without "." and trailing or double slashes. Returns 0,
 * or -EINVAL after saying why. */
int where_root(char out[PATH_MAX]);

#endif
