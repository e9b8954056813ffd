/* SPDX-License-Identifier: Apache-2.0 */
/* How a file is cut into parts: see multipart.h. */
#include <errno.h>
#include <stdlib.h>

#include "fs/multipart.h"

/* Does it go on where the last copy ended? Then it is one with it. */
static bool joins(const struct multipart_part *last, uint64_t length, uint64_t copy_max)
{
	return last->is_copy && last->length + length <= copy_max;
}

long multipart_plan(uint64_t bytes, uint64_t base, uint64_t copy_max,
		    bool (*is_clean)(const void *arg, uint64_t offset, uint64_t length),
		    const void *arg, struct multipart_part **out)
{
	uint32_t most = bytes ? parts_index(bytes - 1) + 1 : 0;
	struct multipart_part *parts;
	long count = 0;

	if (most > PARTS_MAX)
		return -EFBIG;
	parts = calloc(most + 1, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	for (uint32_t i = 0; i < most; i++) {
		uint64_t at = parts_start(i), end = parts_start(i + 1);
		uint64_t length = (bytes < end ? bytes : end) - at;
		bool copy = at + length <= base && is_clean(arg, at, length);

		if (copy && count && joins(&parts[count - 1], length, copy_max))
			parts[count - 1].length += length;
		else
			parts[count++] = (struct multipart_part){at, length, copy, i};
	}
	*out = parts;
	return count;
}
