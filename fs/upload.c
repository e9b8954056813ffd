/* SPDX-License-Identifier: Apache-2.0 */
/* See upload.h. */
#include "fs/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/pairs.h"
#include "fs/metadata.h"
#include "fs/inplace.h"
#include "fs/multipart.h"
#include "fs/names.h"
#include "fs/publish.h"
#include "fs/sent.h"
#include "fs/stream.h"

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

void upload_describe(const struct wire_attr *attr, uint64_t mark, const char *xattr,
		     const struct foreign *foreign, struct metadata_pairs *out)
{
	static const struct metadata none;
	struct metadata m = none;

	if (attr)
		m = (struct metadata){
			.has_mode = true,
			.mode = attr->mode,
			.has_mtime = true,
			.mtime_ns = attr->mtime_ns,
			.has_uid = attr->uid != WIRE_CALLER,
			.uid = attr->uid,
			.has_gid = attr->gid != WIRE_CALLER,
			.gid = attr->gid,
			.xattr = xattr,
			.mark = mark,
		};
	metadata_write(&m, out);
	for (size_t i = 0; i < foreign->user.count && i < STORE_PAIRS_MAX; i++)
		out->pair[out->pairs.count++] = foreign->user.pair[i];
}

static int put_whole(struct cache_file *file, struct upload *up, char *message)
{
	const struct wire_attr attr = {
		.mode = up->mode, .uid = up->uid, .gid = up->gid, .mtime_ns = up->mtime_ns};
	char scheme[8], bucket[256];
	struct metadata_pairs meta;
	struct store_call call = {
		.verb = STORE_PUT,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
		.if_match = up->if_match,
		.if_none_match = up->must_be_new ? "*" : NULL,
		.source = {read_whole, file, up->bytes},
		.set_user = &meta.pairs,
		.set_fields = &up->foreign.fields,
		.is_marked = up->drops != UPLOAD_BARE,
	};
	int ret;

	upload_describe(up->drops == UPLOAD_BARE ? NULL : &attr, up->mark, up->xattr, &up->foreign,
			&meta);
	ret = store_run(&call);
	if (!ret)
		memcpy(up->etag, call.object.etag, sizeof(up->etag));
	else
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	store_call_reset(&call);
	return ret;
}

static int send(struct cache_file *file, struct upload *up, char *message)
{
	bool is_large = up->bytes > PUBLISH_PUT_MAX;
	struct multipart *ahead = stream_take(file);
	int ret;

	ret = inplace_upload(file, up, message);
	if (ret != -EOPNOTSUPP) {
		stream_drop(ahead, file);
		return ret;
	}
	if (ahead && is_large && multipart_is_usable(ahead, up)) {
		ret = multipart_upload(file, up, ahead, message);
	} else {
		stream_drop(ahead, file);
		stream_clean(file, up->ctx);
		if (is_large)
			ret = multipart_upload(file, up, NULL, message);
	}
	/* an object of a kind that goes in no parts is put whole */
	if (is_large && ret != -EOPNOTSUPP)
		return ret;
	/* what was never fetched of the base goes along */
	ret = cache_ensure(file, 0, up->bytes, 0, message);
	return ret ? ret : put_whole(file, up, message);
}

int upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES])
{
	struct sent sent;
	int ret;

	sent_begin(&sent, file);
	up->is_appended = false;
	ret = send(file, up, message);
	if (!up->is_appended) /* one that was put is appended to no more */
		pairs_remove(&up->foreign.fields, STORE_FIELD_APPENDS);
	sent_end(&sent);
	return ret;
}
