/* SPDX-License-Identifier: Apache-2.0 */
/* One publication: what goes along with the bytes, the condition, and what is believed afterwards.
 */
#include "fs/publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/context.h"
#include "core/log.h"
#include "fs/fetch.h"
#include "fs/told.h"
#include "fs/upload.h"

#define TRIES_MAX 5 /* of a file that is written to while it is read */

static bool can_match(const char *etag)
{
	return *etag && (unsigned char)*etag >= ' ' && strncmp(etag, "W/", 2) != 0;
}

/* The name has a version of its own making now. */
static void tell(const uint8_t *ctx, const struct upload *up, const struct store_object *version)
{
	struct meta_fact fact = {
		.kind = META_FILE,
		.object = *version,
		.is_told = true,
		.has_mtime = true,
		.has_mode = true,
		.mode = up->mode & 07777,
		.has_uid = up->uid != WIRE_CALLER,
		.uid = up->uid,
		.has_gid = up->gid != WIRE_CALLER,
		.gid = up->gid,
	};

	told_file(ctx, up->object, &fact);
}

/* One try: the draft as it is now. */
static int send(struct cache_file *file, const struct draft_flush *flush, struct upload *up,
		char *message)
{
	char version[STORE_ETAG_BYTES];
	struct wire_attr attr;
	int ret;

	draft_attr(file, &attr);
	up->bytes = attr.size;
	up->mtime_ns = attr.mtime_ns;
	up->mode = attr.mode;
	up->uid = attr.uid;
	up->gid = attr.gid;
	up->flush = flush;
	memcpy(version, flush->version.etag, sizeof(version));
	up->if_match = flush->is_known && can_match(version) ? version : NULL;
	up->must_be_new = flush->must_be_new;
	ret = upload(file, up, message);
	up->if_match = NULL;
	return ret;
}

static int publish_once(struct cache_file *file, struct draft_flush *flush, char *message)
{
	struct upload up = {.ctx = context_find(cache_ctx(file))};
	struct store_object version = {0};
	int ret;

	cache_object(file, up.object);
	if (!up.ctx) {
		draft_flush_end(file, flush, NULL);
		snprintf(message, STORE_MESSAGE_BYTES,
			 "the credentials it was written with are not known to this daemon yet");
		return -EKEYREJECTED;
	}
	ret = send(file, flush, &up, message);
	if (!ret) {
		version.size = up.bytes;
		version.mtime_ns = up.mtime_ns;
		memcpy(version.etag, up.etag, sizeof(version.etag));
		/* first: a clean draft is no answer, and an older one must not come back */
		tell(cache_ctx(file), &up, &version);
		draft_flush_end(file, flush, &version);
		return 0;
	}
	draft_flush_end(file, flush, NULL);
	if (ret == -ESTALE)
		snprintf(
			message, STORE_MESSAGE_BYTES,
			"somebody else has written another version of %.*s meanwhile, which stays; "
			"what was written here is kept: see skyshim recover",
			256, up.object);
	return ret;
}

int publish(struct cache_file *file, char message[STORE_MESSAGE_BYTES])
{
	uint64_t wanted = draft_begun(file);
	struct draft_flush flush;
	int ret = -EAGAIN;

	message[0] = '\0';
	for (int i = 0; i < TRIES_MAX && ret == -EAGAIN; i++) {
		ret = draft_flush_begin(file, wanted, &flush);
		if (ret)
			return ret < 0 ? ret : 0;
		ret = publish_once(file, &flush, message);
	}
	if (ret == -EAGAIN) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "the file changes faster than it can be uploaded");
		ret = -EIO;
	}
	return ret;
}
