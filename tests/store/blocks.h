/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks that an Azure blob was made of, in order: immutable, counted. */
#ifndef STORE_BLOCKS_H
#define STORE_BLOCKS_H

#include <stdatomic.h>
#include <stddef.h>

#include "tests/store/content.h"

#define BLOCK_ID_BYTES	  96	 /* in base64, with NUL: "less than or equal to 64 bytes" before */
#define BLOCKS_MAX	  50000	 /* of one blob */
#define BLOCKS_STAGED_MAX 100000 /* of one blob, before the list of them */

struct block {
	char id[BLOCK_ID_BYTES];
	struct content *content; /* a reference */
};

struct blocks {
	atomic_uint refs;
	size_t count;
	struct block items[];
};

/* Room for that many, empty. NULL: no memory. */
struct blocks *blocks_new(size_t count);
struct blocks *blocks_get(struct blocks *blocks); /* NULL is ignored */
void blocks_put(struct blocks *blocks);		  /* NULL is ignored */

/* All of their bytes in order. NULL: no memory. */
struct content *blocks_join(const struct blocks *blocks);

#endif
