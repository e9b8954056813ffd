/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what an earlier daemon was to delete still what it was? Somebody else may have stored another
 * version under its name meanwhile, which is not to go.
 */
#ifndef FS_STILLTHERE_H
#define FS_STILLTHERE_H

#include <stddef.h>

#include "core/store.h"

#define STILLTHERE_PARALLEL 32

struct stillthere {
	struct context *ctx;
	const char *object; /* object name */
	const char *etag;   /* "": not known, then it is another */
	int result;	    /* 0: it is; -ENOENT; -ESTALE: another; or an error */
};

/* Asks for all n, several at a time. Not on the I/O thread. */
void stillthere_look(struct stillthere *at, size_t n);

#endif
