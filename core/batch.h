/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many requests in one, as Google and Azure have it: each is answered by a part of multipart/mixed
 * (RFC 2046) that holds an HTTP answer. And what came of the keys of a STORE_DELETE_MANY that takes
 * several of them.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/backend.h"

struct batch_part {
	int status;
	const char *text; /* in the answer's body: its own fields, then the answer that it holds */
	size_t bytes;
};

/* Exactly count parts in the order in which they stand. -EBADMSG: it is not that. */
int batch_read(const struct store_answer *answer, struct batch_part *parts, size_t count);

/* The value of the first field of that name in a part, without blanks around it; "" when there is
 * none or it is too long. */
void batch_field(const struct batch_part *part, const char *name, char *out, size_t out_bytes);

/* What the status of a deletion means: 0 (it is gone), -EAGAIN (the service was busy), -EACCES,
 * -ESTALE (another version is there), -EIO. */
int batch_error(int status);

/* The version that is to go of one of the keys, by its ETag; NULL: any. */
static inline const char *batch_etag(const struct store_call *call, size_t key)
{
	return call->key_etags ? call->key_etags[key] : NULL;
}

/* The keys that the next request of the call is about: at most max indices into call->keys, in
 * picked. Those that were asked least often come first, and none of which call->carry knows what
 * came of it: somebody else may have made that again since. Returns how many; call->key_count must
 * be right. */
size_t batch_pick(const struct store_call *call, size_t max, size_t *picked);

/* What came of each of the keys that batch_pick() gave. Returns -EINPROGRESS as long as there are
 * keys that were not asked as often as these; then -EAGAIN as long as there are some whose last
 * error was -EAGAIN; then 0 or one of the errors (-EACCES, -EBUSY, -ESTALE, -EIO) with key_errors
 * filled; -ENOMEM. */
int batch_note(struct store_call *call, const size_t *picked, const int *errors, size_t count);

/* key_errors of a call that ends with that error: carry, not NULL, tells what came of some keys,
 * the error is that of the others. Owned by the caller; NULL: no memory. */
int *batch_errors(const char *carry, size_t key_count, int error);

#endif
