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
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/metadata.h"
#include "fs/names.h"
#include "fs/upload.h"

#define TRIES_MAX 5 /* of a file that is written to while it is read */

static bool can_match(const char *etag)
{
	return *etag && (unsigned char)*etag >= ' ' && strncmp(etag, "W/", 2) != 0;
}

/* The name has a version of its own making now. */
static void tell(const uint8_t *ctx, const char *object, const struct store_object *version,
		 uint32_t mode)
{
	struct meta_fact fact = {
		.kind = META_FILE,
		.object = *version,
		.has_mode = true,
		.mode = mode & 07777,
	};
	struct meta_fact dir = {.kind = META_DIR, .object.mtime_ns = version->mtime_ns};
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];
	size_t len = strlen(object);

	meta_put_own(ctx, object, &fact);
	listing_changed(object);
	while (len && object[len - 1] != '/')
		len--;
	snprintf(prefix, sizeof(prefix), "%.*s", (int)len, object);
	meta_dir_name(prefix, name);
	meta_put_own(ctx, name, &dir); /* it has something in it */
}

/* One try: the draft as it is now. */
static int send(struct cache_file *file, const struct draft_flush *flush, struct upload *up,
		char *message)
{
	char version[STORE_ETAG_BYTES];
	struct wire_attr attr;
	int ret;

	draft_attr(file, &attr);
	draft_owner(file, &up->uid, &up->gid);
	up->bytes = attr.size;
	up->mtime_ns = attr.mtime_ns;
	up->mode = attr.mode;
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
		draft_flush_end(file, flush, &version);
		tell(cache_ctx(file), up.object, &version, up.mode);
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
