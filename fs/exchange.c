/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renameat2(RENAME_EXCHANGE) of two files: three copies by the service, of which the first goes
 * beside them under a name of its own. If it is cut short, nothing is lost: what had the second
 * name is there under the third.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cache/draft.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/publish.h"
#include "fs/told.h"

struct side {
	struct lookup *q;
	char object[NAME_OBJECT_MAX];
	struct meta_fact fact;
	struct cache_file *file; /* of that version, a reference; or NULL */
};

/* What is there, published, with its file held. */
static int look(struct side *s, struct lookup *q)
{
	const uint8_t *ctx = context_id(q->ctx);
	int ret;

	s->q = q;
	name_object(&q->name, s->object);
	s->file = draft_find(ctx, s->object);
	if (s->file) {
		ret = publish(s->file, q->message);
		cache_put(s->file);
		s->file = NULL;
		if (ret)
			return ret;
	}
	ret = lookup_fact(q, &s->fact);
	if (ret)
		return ret;
	if (s->fact.kind != META_FILE)
		return s->fact.kind == META_NONE ? -ENOENT : -EINVAL;
	s->file = cache_find(ctx, s->object, s->fact.object.etag);
	return 0;
}

/* The cached file goes on under the other's name. */
static void take_along(struct side *s, const char *object, const struct store_object *version)
{
	if (!s->file)
		return;
	if (draft_open(s->file, false, NULL) ||
	    draft_rename(s->file, object, name_ino(object, strlen(object), false), version))
		draft_unlink(s->file);
}

/* A name beside it that nothing has. */
static struct lookup *third_name(const struct lookup *q)
{
	struct lookup *third = malloc(sizeof(*third));
	uint64_t number;
	size_t len;

	if (!third)
		return NULL;
	*third = *q;
	third->dir = NULL;
	len = strlen(third->name.key);
	if (getrandom(&number, sizeof(number), 0) != sizeof(number) ||
	    len + 40 > sizeof(third->name.key)) {
		free(third);
		return NULL;
	}
	snprintf(third->name.key + len, 40, ".exchange-%016" PRIx64, number);
	return third;
}

static int exchange(struct side *a, struct side *b, struct lookup *third)
{
	struct meta_fact kept = b->fact, now_b = a->fact, now_a;
	int ret = copy_object(b->q, third, false, NULL, &kept);

	if (!ret)
		ret = copy_object(a->q, b->q, false, NULL, &now_b);
	if (ret)
		return ret;
	now_a = kept;
	ret = copy_object(third, a->q, false, NULL, &now_a);
	if (ret) {
		log_error("%s: what it was is in %s", b->object, third->name.key);
		memcpy(a->q->message, third->message, sizeof(a->q->message));
		meta_forget(context_id(a->q->ctx), b->object);
		return ret;
	}
	take_along(a, b->object, &now_b.object);
	take_along(b, a->object, &now_a.object);
	told_file(context_id(a->q->ctx), a->object, &now_a);
	told_file(context_id(a->q->ctx), b->object, &now_b);
	return 0;
}

int change_exchange(struct lookup *from, struct lookup *to)
{
	struct side a = {0}, b = {0};
	struct lookup *third = NULL;
	int ret = -EINVAL;

	if (from->name.kind == NAME_KEY && to->name.kind == NAME_KEY)
		ret = !lookup_same_store(from, to) ? -EXDEV : look(&a, from);
	if (!ret)
		ret = look(&b, to);
	if (!ret && strcmp(a.object, b.object) != 0) {
		third = third_name(to);
		ret = third ? exchange(&a, &b, third) : -ENOMEM;
		if (!ret)
			change_delete(third, third->name.key);
	}
	if (ret && !from->message[0])
		memcpy(from->message, to->message, sizeof(from->message));
	if (a.file)
		cache_put(a.file);
	if (b.file)
		cache_put(b.file);
	free(third);
	return ret;
}
