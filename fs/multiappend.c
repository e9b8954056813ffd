/* SPDX-License-Identifier: Apache-2.0 */
/* See multiappend.h. */
#include "fs/multiappend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "core/base/vnode.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/backends.h"

#define PIECE_BYTES    1048576
#define TAIL_BYTES     65536 /* rather fetched than all that is here read */
#define TAIL_BYTES_MAX (16u * 1048576)

/* Bytes of the old version, at their place. */
struct tail {
	uint64_t from;
	size_t bytes, got;
	uint8_t *old;
};

static int begin(void *arg, const struct store_object *object)
{
	struct tail *t = arg;

	t->got = 0;
	return object->size == t->from + t->bytes ? 0 : -ESTALE;
}

static int take(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	struct tail *t = arg;

	if (offset < t->from || offset - t->from != t->got || bytes > t->bytes - t->got)
		return -EBADMSG;
	memcpy(t->old + t->got, data, bytes);
	t->got += bytes;
	return 0;
}

/* Are the last bytes of the old version, in a block that is dirty, what they were? */
static bool is_same(const struct multipart *m, struct cache_file *file, const struct upload *up,
		    uint64_t from, size_t bytes)
{
	SCOPE_FREE uint8_t *old = malloc(2 * bytes);
	struct tail tail = {.from = from, .bytes = bytes, .old = old};
	struct store_call call = {
		.verb = STORE_GET,
		.ctx = m->ctx,
		.scheme = m->scheme,
		.bucket = m->bucket,
		.key = m->key,
		.offset = from,
		.length = bytes,
		.if_match = up->if_match,
		.sink = {begin, take, &tail},
	};
	int ret = old ? store_run(&call) : -ENOMEM;

	store_call_reset(&call);
	return !ret && tail.got == bytes && !upload_read(file, from, old + bytes, bytes) &&
	       !memcmp(old, old + bytes, bytes);
}

/* The service is to compare the sum of all that was there before. */
static bool sum_up(struct multipart *m, struct cache_file *file, uint64_t base)
{
	SCOPE_FREE uint8_t *piece = malloc(PIECE_BYTES);
	struct digest_run run = {0};
	uint8_t sum[DIGEST_MAX_BYTES];
	bool good = piece && !digest_run_start(&run, DIGEST_CRC32C);

	for (uint64_t at = 0; good && at < base;) {
		size_t n = base - at < PIECE_BYTES ? (size_t)(base - at) : PIECE_BYTES;

		good = !upload_read(file, at, piece, n) && !digest_run_add(&run, piece, n);
		at += n;
	}
	good = good && digest_run_end(&run, sum) == DIGEST_CRC_BYTES;
	digest_run_drop(&run);
	if (good)
		digest_base64(sum, DIGEST_CRC_BYTES, m->keep_sum);
	return good;
}

/* How much of the old version is known to be as it was: by the blocks of what was in the bucket when
 * the draft began, then by the parts that were written here and sent. 0: perhaps nothing. */
static uint64_t known(const struct cache_file *file, const struct draft_flush *flush, uint64_t base)
{
	uint64_t from_bucket = flush->base < base ? flush->base : base;
	uint64_t blocks = from_bucket >> VNODE_BLOCK_SHIFT, at = from_bucket;

	for (uint64_t b = 0; b < blocks; b++) {
		if (draft_flush_dirty(flush, b))
			return 0;
	}
	if (from_bucket < base || draft_flush_dirty(flush, blocks))
		at = blocks << VNODE_BLOCK_SHIFT;
	for (uint32_t i = parts_index(at); parts_start(i + 1) <= base; i++) {
		if (!draft_flush_same(file, flush, i))
			break;
		at = parts_start(i + 1);
	}
	return at;
}

static bool is_kept(struct multipart *m, struct cache_file *file, const struct upload *up,
		    uint64_t base)
{
	uint64_t from = known(file, up->flush, base);

	if (from == base)
		return true;
	if (from && base - from <= TAIL_BYTES)
		return is_same(m, file, up, from, (size_t)(base - from));
	if (cache_complete(file)) /* whatever is known of it */
		return sum_up(m, file, base);
	return from && base - from <= TAIL_BYTES_MAX &&
	       is_same(m, file, up, from, (size_t)(base - from));
}

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
	return may && is_kept(m, file, up, base);
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
