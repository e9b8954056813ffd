/* SPDX-License-Identifier: Apache-2.0 */
/* See inplace.h. */
#include "fs/inplace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/pairs.h"
#include "fs/backends.h"
#include "fs/kept.h"
#include "fs/names.h"
#include "fs/sent.h"

#define REQUESTS_MAX 4 /* what is more is not appended in many steps that others see */

struct piece {
	struct cache_file *file;
	uint64_t at;
};

static int read_piece(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	const struct piece *p = arg;

	return upload_read(p->file, p->at + offset, buf, bytes);
}

/* One request. etag: of the version that it goes behind, then of what that has become. */
static int append(struct cache_file *file, const struct upload *up, uint64_t at, uint64_t bytes,
		  char etag[STORE_ETAG_BYTES], char *message)
{
	struct piece piece = {file, at};
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_PUT,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
		.if_match = etag,
		.append_at = at,
		.source = {read_piece, &piece, bytes},
	};
	int ret = store_run(&call);

	if (ret)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	else
		memcpy(etag, call.object.etag, STORE_ETAG_BYTES);
	store_call_reset(&call);
	return ret;
}

static bool may(struct cache_file *file, const struct upload *up, uint64_t base, uint64_t most)
{
	return most && up->if_match && pairs_get(&up->foreign.fields, STORE_FIELD_APPENDS) &&
	       base && base < up->bytes && up->bytes - base <= REQUESTS_MAX * most &&
	       kept_is(file, up, NULL);
}

int inplace_upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES])
{
	uint64_t base = up->flush->version.size, at = base;
	char scheme[8], bucket[256], etag[STORE_ETAG_BYTES];
	uint64_t most;
	int ret = 0;

	name_split(up->object, scheme, bucket);
	most = backends_append_max(scheme);
	if (!may(file, up, base, most))
		return -EOPNOTSUPP;
	snprintf(etag, sizeof(etag), "%s", up->if_match);
	while (!ret && at < up->bytes) {
		uint64_t n = up->bytes - at < most ? up->bytes - at : most;

		ret = append(file, up, at, n, etag, message);
		at += n;
		if (!ret)
			sent_add(file, n);
	}
	if (ret)
		return ret;
	memcpy(up->etag, etag, sizeof(up->etag));
	up->is_late = true; /* nothing but bytes went along */
	return 0;
}
