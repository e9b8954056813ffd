/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree as a bucket. */
#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

/* spec: "DIR" (the bucket gets its last component's name) or "BUCKET=DIR". Regular files become
 * objects with their modification times; empty directories become "dir/" markers; the rest is
 * skipped with a line on stderr. Returns 0 or -1; stderr says why. */
int import_tree(const char *spec);

#endif
