/* SPDX-License-Identifier: Apache-2.0 */
/* symlink: an object as s3fs makes one, with the target as its content and the mode of a link. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cache/clock.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/deeds.h"
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

/* It exists: by a daemon that died with this request? It knew the time that it would have. */
static int made_before(struct lookup *q, const char *target)
{
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = q->name.key,
	};
	struct metadata m = {0};
	bool is_ours;

	if (!q->deed || q->deed->was != DEED_TRIED || q->name.kind != NAME_KEY)
		return -EEXIST;
	if (!store_run(&head))
		metadata_read(&head.user, &m);
	is_ours = m.has_mtime && m.mtime_ns == q->deed->value && S_ISLNK(m.mode) &&
		  head.object.size == strlen(target);
	store_call_reset(&head);
	return is_ours ? 0 : -EEXIST;
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
		return made_before(q, target);
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
	deed_note(q->deed, DEED_TRIED, fact.object.mtime_ns);
	ret = put_link(q, target, &fact);
	if (ret)
		return ret;
	name_object(&q->name, object);
	untold_learn(object, &fact, target, NULL);
	told_file(context_id(q->ctx), object, &fact);
	return 0;
}
