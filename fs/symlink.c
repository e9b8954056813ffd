/* SPDX-License-Identifier: Apache-2.0 */
/* symlink: an object as s3fs makes one, with the target as its content and the mode of a link. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cache/clock.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/untold.h"
#include "fs/metadata.h"
#include "fs/told.h"

#define LINK_MODE (S_IFLNK | 0777)

static int read_text(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	memcpy(buf, (const char *)arg + offset, bytes);
	return 0;
}

static int put_link(struct lookup *q, const char *target, struct meta_fact *fact)
{
	const struct metadata meta = {.has_mode = true,
				      .mode = LINK_MODE,
				      .has_mtime = true,
				      .mtime_ns = fact->object.mtime_ns};
	struct store_pair type = {(char *)"Content-Type", (char *)"application/octet-stream"};
	struct store_pairs fields = {&type, 1};
	struct metadata_pairs pairs;
	struct store_call call = {
		.verb = STORE_PUT,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = q->name.key,
		.if_none_match = "*",
		.source = {read_text, (char *)target, strlen(target)},
		.set_user = &pairs.pairs,
		.set_fields = &fields,
	};
	int ret;

	metadata_write(&meta, &pairs);
	ret = store_run(&call);
	if (ret && ret != -ESTALE)
		memcpy(q->message, call.message, sizeof(q->message));
	memcpy(fact->object.etag, call.object.etag, sizeof(fact->object.etag));
	store_call_reset(&call);
	return ret == -ESTALE ? -EEXIST : ret;
}

int change_symlink(struct lookup *q, const char *target)
{
	struct meta_fact fact = {.kind = META_FILE,
				 .is_told = true,
				 .is_link = true,
				 .has_mode = true,
				 .mode = LINK_MODE & 07777,
				 .has_mtime = true};
	char object[NAME_OBJECT_MAX];
	struct wire_attr attr;
	struct timespec now;
	int ret;

	q->message[0] = '\0';
	if (!*target)
		return -ENOENT;
	if (strlen(target) >= WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	ret = lookup_stat(q, &attr);
	if (!ret)
		return -EEXIST;
	if (ret != -ENOENT)
		return ret;
	if (q->name.kind != NAME_KEY || q->name.is_dir || q->must_be_dir)
		return q->name.kind == NAME_KEY ? -ENOENT : -EPERM;
	ret = name_storable(&q->name, false);
	if (!ret)
		ret = lookup_parent(q);
	if (ret)
		return ret;
	clock_gettime(CLOCK_REALTIME, &now);
	fact.object.mtime_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	fact.object.size = strlen(target);
	ret = put_link(q, target, &fact);
	if (ret)
		return ret;
	name_object(&q->name, object);
	untold_learn(object, &fact, target, NULL);
	told_file(context_id(q->ctx), object, &fact);
	return 0;
}
