/* SPDX-License-Identifier: Apache-2.0 */
#include "intercept/room.h"

#include <asm/statfs.h>
#include <errno.h>

#include "intercept/kernel.h"
#include "intercept/request.h"

bool room_made(const struct vfile *vf, long ret, uint64_t length, unsigned tries)
{
	struct request rq = {
		.op = WIRE_ROOM,
		.data_dev = vf->dev,
		.data_ino = vf->ino,
		.length = length,
	};

	if ((ret != -ENOSPC && ret != -EDQUOT) || tries >= ROOM_TRIES)
		return false;
	return !request_run(&rq);
}

/* A limit on the size of files answers short as well, and kills who goes on. */
bool room_is_short(int fd, uint64_t rest)
{
	struct statfs fs;

	if (sys2(__NR_fstatfs, fd, &fs) || !fs.f_blocks)
		return false;
	return (uint64_t)fs.f_bavail < rest / (uint64_t)fs.f_bsize + 1;
}
