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
 * -EIO. */
int batch_error(int status);

/* Of the count keys behind those that call->carry knows of: what came of each. Returns
 * -EINPROGRESS as long as there are keys of which nothing is known, then 0 or one of the errors
 * (-EACCES, -EBUSY, -EIO) with key_errors filled; -EBADMSG when one is -EAGAIN: the whole is to be
 * asked again; -ENOMEM. */
int batch_note(struct store_call *call, const int *errors, size_t count);

#endif
