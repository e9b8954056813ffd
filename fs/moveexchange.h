/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two names change places: renameat2(RENAME_EXCHANGE) of files, symbolic links and directories. It
 * is a chain of moves (fs/move.h): the second to a third place beside it, the first to the second,
 * the third to the first; a file and a directory need no third place. The journal says at which of
 * them it is: a daemon that is killed leaves it to the next, and if one of them fails those before
 * it are taken back.
 */
#ifndef FS_MOVEEXCHANGE_H
#define FS_MOVEEXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/lookup.h"

struct moveexchange {
	struct lookup *q[2];
	bool is_dir[2];
	uint64_t number; /* of the request; 0: it has none */
};

/* Both are there, in one store, and neither is above the other. Returns 0; -EDEADLK: something
 * that has to do with them is on its way (as of movedir()); -ENOTEMPTY, -EEXIST: beside the file
 * there is a directory of its name, or the other way round; -ENAMETOOLONG: on the way or in the
 * end, of what is below; or the store's error, with q[0]->message: then all is as before, or will
 * be. */
int moveexchange(const struct moveexchange *x);

/* Was that very request carried out before, by a daemon that died since? 1 with *result, once it
 * is, which may be -EDEADLK: the names are left, ask again; or 0. */
int moveexchange_again(uint64_t number, int *result);

#endif
