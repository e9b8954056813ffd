/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files in the folder of twins, each on its own; cache/twins.h has the whole.
 *
 *	NAME		a twin (core/base/twin.h), mode 0400: NAME is twin_name() of its original
 *	NAME.sum	its digest and the path its original had; there once the twin is on the disk
 *	NAME.seen	offsets in the original at which system calls trapped that no twin had
 *	NAME.no		empty: the original can have no twin; of this daemon's life only
 *	.new-N		being made; without meaning when its daemon is gone
 *
 * All are replaced by rename and removed by unlink, never changed: twins are mapped by programs.
 */
#ifndef CACHE_TWINFILE_H
#define CACHE_TWINFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/base/twin.h"
#include "core/digest.h"

#define TWINFILE_NAME_BYTES (TWIN_NAME_BYTES + 8) /* with a suffix */
#define TWINFILE_SEEN_MAX   4096		  /* offsets remembered of one original */

enum twinfile_kind { TWINFILE_TWIN, TWINFILE_SUM, TWINFILE_SEEN, TWINFILE_NO, TWINFILE_OTHER };

struct twinfile_sum {
	uint8_t digest[DIGEST_SHA256_BYTES]; /* of the twin */
	char path[PATH_MAX];		     /* of the original; "": not known */
};

/* Of an original. */
void twinfile_key(const struct stat *st, struct twin_key *out);

/* What a name in the folder means; *key is set but for TWINFILE_OTHER. */
enum twinfile_kind twinfile_parse(const char *name, struct twin_key *key);

/* The name of a file of that kind (not OTHER). */
void twinfile_name(const struct twin_key *key, enum twinfile_kind kind,
		   char out[TWINFILE_NAME_BYTES]);

/* Opens the twin and reads its header. Returns a descriptor; -ENOENT; -EBADF when it is not a valid
 * twin of that original; or the disk's error. */
int twinfile_open(int dir_fd, const struct twin_key *key, struct twin_header *head_out,
		  struct stat *st_out);

/* Is the file behind fd a valid twin of that original? 0, -EBADF or the disk's error. */
int twinfile_check(int fd, const struct twin_key *key, struct twin_header *head_out);

/* SHA-256 of a whole file. Returns 0 or the error. */
int twinfile_digest(int fd, uint8_t out[DIGEST_SHA256_BYTES]);

/* -ENOENT when there is none, -EBADF when it is damaged. */
int twinfile_read_sum(int dir_fd, const struct twin_key *key, struct twinfile_sum *out);
int twinfile_write_sum(int dir_fd, const struct twin_key *key, const struct twinfile_sum *sum);

/* The offsets, at most TWINFILE_SEEN_MAX, to free; a damaged file counts as none. Returns their
 * number or -ENOMEM. */
int twinfile_read_seen(int dir_fd, const struct twin_key *key, uint64_t **out);
int twinfile_write_seen(int dir_fd, const struct twin_key *key, const uint64_t *seen, size_t count);

/* An empty file .new-N, for reading and writing, mode 0400. Returns a descriptor; *name is its
 * name. */
int twinfile_create(int dir_fd, char name[TWINFILE_NAME_BYTES]);

int twinfile_mark_no(int dir_fd, const struct twin_key *key);
void twinfile_remove(int dir_fd, const struct twin_key *key, enum twinfile_kind kind);

#endif
