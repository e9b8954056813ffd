/* SPDX-License-Identifier: Apache-2.0 */
/* See multiappend.h. */
#include "fs/multiappend.h"

#include <errno.h>
#include <stdlib.h>

#include "core/log.h"
#include "fs/backends.h"
#include "fs/kept.h"

bool multiappend_may(struct multipart *m, struct cache_file *file, const struct upload *up)
{
	uint64_t base = up->if_match ? up->flush->version.size : 0;
	uint32_t first = parts_index(base);
	bool may = backends_keeps_whole(m->scheme) && base && first && base < up->bytes;

	m->keep_sum[0] = '\0';
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; may && i < first && i < m->cap; i++)
		may = m->cells[i].state == MULTIPART_NONE;
	pthread_mutex_unlock(&m->lock);
	return may && kept_is(file, up, m->keep_sum);
}

long multiappend_plan(uint64_t bytes, uint64_t base, struct multipart_part **out)
{
	uint32_t first = parts_index(base), last = parts_index(bytes - 1);
	struct multipart_part *parts;
	long count = 0;

	if (last >= PARTS_MAX)
		return -EFBIG;
	parts = calloc(last - first + 2, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	parts[count++] = (struct multipart_part){0, base, true, 0};
	for (uint32_t i = first; i <= last; i++) {
		uint64_t at = i == first ? base : parts_start(i), end = parts_start(i + 1);

		parts[count++] =
			(struct multipart_part){at, (bytes < end ? bytes : end) - at, false, i};
	}
	*out = parts;
	return count;
}

void multiappend_undo(struct multipart *m, const struct multipart_part *parts, size_t count)
{
	log_info("%s: the service does not append to it: all of it is sent", m->object);
	pthread_mutex_lock(&m->lock);
	m->keep_sum[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		struct multipart_cell *cell = &m->cells[parts[i].index];

		if (!parts[i].is_copy && parts[i].offset == parts_start(parts[i].index))
			continue; /* on the grid: as good as before */
		free(cell->id);
		*cell = (struct multipart_cell){.state = MULTIPART_NONE};
	}
	pthread_mutex_unlock(&m->lock);
}
