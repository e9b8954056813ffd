/* SPDX-License-Identifier: Apache-2.0 */
/* See publish_names.h. */
#include "fs/publish_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/links.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/foreign.h"
#include "fs/publish.h"

/* What one has in the bucket, looked at just before it is replaced: some services ignore the
 * condition of a copy, and an earlier daemon may have died, or an answer may have been lost, while
 * one of ours was on its way. now: its ETag, "" when there is none. */
static int look(const struct draft_name *name, const struct upload *up, char now[STORE_ETAG_BYTES],
		char *message)
{
	char scheme[8], bucket[256];
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(name->object, scheme, bucket),
	};
	struct metadata m;
	int ret = store_run(&head);
	bool is_ours = false;

	now[0] = '\0';
	if (!ret) {
		metadata_read(&head.user, &m);
		is_ours = name->was_sent && publish_is_sent(&name->sent, &m, head.object.size);
		is_ours |= !name->is_known || !strcmp(head.object.etag, name->version.etag);
		snprintf(now, STORE_ETAG_BYTES, "%s", head.object.etag);
	} else if (ret == -ENOENT) {
		is_ours = !name->is_known;
	} else if (ret == -EACCES) { /* who may write need not be one who may look */
		is_ours = true;
		snprintf(now, STORE_ETAG_BYTES, "%s", name->is_known ? name->version.etag : "");
	} else {
		memcpy(message, head.message, STORE_MESSAGE_BYTES);
		store_call_reset(&head);
		return ret;
	}
	store_call_reset(&head);
	return is_ours ? 0 : -ESTALE;
}

/* The service copies it; without that, it is sent again. up: as it went to the first name, with
 * this one's object and condition. */
static int send(struct cache_file *file, const char *first, struct upload *up,
		const struct store_object *version, struct meta_fact *fact, char *message)
{
	struct lookup *from = lookup_of(cache_ctx(file), first);
	struct lookup *to = lookup_of(cache_ctx(file), up->object);
	int ret = from && to ? copy_over(from, to, up->if_match, fact) : -ENOMEM;

	if (ret && from)
		memcpy(message, from->message, STORE_MESSAGE_BYTES);
	free(from);
	free(to);
	/* what was to be copied may have been replaced, or must not be read */
	if (ret == -ESTALE || ret == -ENOENT || ret == -EACCES || ret == -EOPNOTSUPP) {
		ret = upload(file, up, message);
		fact->object = *version;
		memcpy(fact->object.etag, up->etag, sizeof(up->etag));
	}
	return ret;
}

static int publish_one(struct cache_file *file, const char *first, const struct draft_name *name,
		       const struct upload *sent, const struct store_object *version,
		       const struct meta_fact *told, char *message)
{
	struct draft_flush all = *sent->flush;
	struct upload up = *sent;
	struct meta_fact fact = *told;
	char now[STORE_ETAG_BYTES];
	int ret = look(name, sent, now, message);

	if (ret)
		return ret;
	snprintf(up.object, sizeof(up.object), "%s", name->object);
	up.if_match = publish_can_match(now) ? now : NULL;
	up.must_be_new = false;
	all.words = 0; /* of an upload: nothing of what is there is taken over */
	all.is_known = all.is_followed = false;
	up.flush = &all;
	draft_name_sends(file, name->object,
			 &(struct draft_sent){version->mtime_ns, up.mark, false, false});
	ret = send(file, first, &up, version, &fact, message);
	if (ret)
		return ret;
	draft_name_has(file, name->object, &fact.object);
	publish_tell(cache_ctx(file), &up, &fact.object, &fact);
	return 0;
}

int publish_names(struct cache_file *file, struct upload *up, const struct store_object *version,
		  char message[STORE_MESSAGE_BYTES])
{
	struct draft_name *names;
	struct meta_fact told;
	char first[CACHE_OBJECT_MAX];
	long count = draft_other_names(file, &names);
	int ret = count < 0 ? (int)count : 0;

	if (count <= 0)
		return ret;
	memcpy(first, up->object, sizeof(first));
	publish_tell(cache_ctx(file), up, version, &told);
	for (long i = 0; !ret && i < count; i++) {
		ret = publish_one(file, first, &names[i], up, version, &told, message);
		if (ret)
			memcpy(up->object, names[i].object, sizeof(up->object));
	}
	free(names);
	return ret;
}
