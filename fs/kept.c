/* SPDX-License-Identifier: Apache-2.0 */
/* See kept.h. */
#include "fs/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "core/base/parts.h"
#include "core/base/vnode.h"
#include "core/scope.h"
#include "fs/inplace.h"
#include "fs/names.h"

#define PIECE_BYTES    1048576
#define TAIL_BYTES     65536 /* rather fetched than all that is here read */
#define TAIL_BYTES_MAX (16u * 1048576)

/* Bytes of the old version, at their place. */
struct tail {
	uint64_t from;
	size_t bytes, got;
	bool is_behind; /* there may be more than that */
	uint8_t *old;
};

static int begin(void *arg, const struct store_object *object)
{
	struct tail *t = arg;

	t->got = 0;
	if (t->is_behind)
		return object->size >= t->from + t->bytes ? 0 : -ESTALE;
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

/* Are the last bytes of the old version what they were? The store is asked. */
static bool is_same(struct cache_file *file, const struct upload *up, uint64_t from, size_t bytes)
{
	char scheme[8], bucket[256];
	SCOPE_FREE uint8_t *old = malloc(2 * bytes);
	bool is_behind = inplace_is_behind(up->if_match);
	struct tail tail = {.from = from, .bytes = bytes, .is_behind = is_behind, .old = old};
	struct store_call call = {
		.verb = STORE_GET,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
		.offset = from,
		.length = bytes,
		.if_match = is_behind ? NULL : up->if_match,
		.sink = {begin, take, &tail},
	};
	int ret = old ? store_run(&call) : -ENOMEM;

	store_call_reset(&call);
	return !ret && tail.got == bytes && !upload_read(file, from, old + bytes, bytes) &&
	       !memcmp(old, old + bytes, bytes);
}

/* The service is to compare the sum of all that was there before. */
static bool sum_up(struct cache_file *file, uint64_t base, char out[DIGEST_BASE64_BYTES])
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
		digest_base64(sum, DIGEST_CRC_BYTES, out);
	return good;
}

/* How much of the old version is known to be as it was: by the blocks of what was in the bucket
 * when the draft began, then by the parts that were written here and sent. 0: perhaps nothing. */
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

bool kept_is(struct cache_file *file, const struct upload *up, char sum[DIGEST_BASE64_BYTES])
{
	uint64_t base = up->flush->version.size;
	uint64_t from = known(file, up->flush, base);

	if (sum)
		sum[0] = '\0';
	if (from == base)
		return true;
	if (base - from <= TAIL_BYTES)
		return is_same(file, up, from, (size_t)(base - from));
	if (sum && cache_complete(file)) /* whatever is known of it */
		return sum_up(file, base, sum);
	return base - from <= TAIL_BYTES_MAX && is_same(file, up, from, (size_t)(base - from));
}
