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
	int64_t said_s;	    /* since its deletion was asked for, 0: not known. What is younger is
			     * another, which some services tell by no ETag: the same bytes again */
	int result;	    /* 0: it is; -ENOENT; -ESTALE: another; or an error */
};

/* Asks for all n, several at a time. Not on the I/O thread. */
void stillthere_look(struct stillthere *at, size_t n);

#endif
