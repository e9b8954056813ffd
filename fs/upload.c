/* SPDX-License-Identifier: Apache-2.0 */
/* See upload.h. */
#include "fs/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/metadata.h"
#include "fs/multipart.h"
#include "fs/names.h"
#include "fs/publish.h"

int upload_read(struct cache_file *file, uint64_t offset, void *buf, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = draft_read(file, (char *)buf + done, bytes - done, offset + done);

		if (n < 0)
			return (int)n;
		if (!n)
			return -EAGAIN; /* cut off meanwhile */
		done += (size_t)n;
	}
	return 0;
}

/* store_source.read */
static int read_whole(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	return upload_read(arg, offset, buf, bytes);
}

static void describe(const struct upload *up, struct metadata_pairs *out)
{
	const struct metadata m = {
		.has_mode = true,
		.mode = up->mode,
		.has_mtime = true,
		.mtime_ns = up->mtime_ns,
		.has_uid = up->uid != WIRE_CALLER,
		.uid = up->uid,
		.has_gid = up->gid != WIRE_CALLER,
		.gid = up->gid,
	};

	metadata_write(&m, out);
}

static int put_whole(struct cache_file *file, struct upload *up, const struct store_pairs *user,
		     char *message)
{
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_PUT,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
		.if_match = up->if_match,
		.if_none_match = up->must_be_new ? "*" : NULL,
		.source = {read_whole, file, up->bytes},
		.set_user = user,
	};
	int ret;

	ret = store_run(&call);
	if (!ret)
		memcpy(up->etag, call.object.etag, sizeof(up->etag));
	else
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	store_call_reset(&call);
	return ret;
}

int upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES])
{
	struct metadata_pairs meta;
	int ret;

	describe(up, &meta);
	multipart_clean(file, up->ctx);
	if (up->bytes > PUBLISH_PUT_MAX)
		return multipart_upload(file, up, &meta.pairs, message);
	/* what was never fetched of the base goes along */
	ret = cache_ensure(file, 0, up->bytes, 0, message);
	return ret ? ret : put_whole(file, up, &meta.pairs, message);
}
