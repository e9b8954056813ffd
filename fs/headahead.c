/* SPDX-License-Identifier: Apache-2.0 */
/* See headahead.h. What it tells is put away on the I/O thread, as that of fs/fetch.c is. */
#include "fs/headahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "fs/meta.h"
#include "fs/untold.h"

struct headahead {
	struct store_call call;
	fetch_landed *landed;
	bool is_wanted; /* atomic: somebody waits */
	struct name name;
	char object[NAME_OBJECT_MAX];
};

static void done(struct store_call *call)
{
	struct headahead *h = call->arg;
	const uint8_t *ctx = context_id(call->ctx);
	struct meta_fact fact;
	int ret = call->error;

	if (!ret) {
		lookup_file_fact(h->object, &call->object, &call->user, &call->fields, &fact);
		untold_learn(h->object, &fact, NULL, lookup_xattr(&call->user));
	}
	meta_leave_ahead(ctx, h->object, ret ? NULL : &fact);
	h->landed(ctx, h->object, ret);
	store_call_reset(call);
	free(h);
}

int headahead(const struct lookup *q, fetch_landed *landed)
{
	struct headahead *h = calloc(1, sizeof(*h));
	char object[NAME_OBJECT_MAX];
	int ret = h ? 0 : -ENOMEM;

	name_object(&q->name, object);
	if (h) {
		memcpy(h->object, object, sizeof(object));
		h->name = q->name;
		h->landed = landed;
		h->call = (struct store_call){
			.verb = STORE_HEAD,
			.ctx = q->ctx,
			.scheme = h->name.scheme,
			.bucket = h->name.bucket,
			.key = h->name.key,
			.is_ahead = true,
			.is_wanted = &h->is_wanted,
			.done = done,
			.arg = h,
		};
		meta_want_ahead(context_id(q->ctx), object, &h->is_wanted);
		ret = store_submit(&h->call);
	}
	if (ret) {
		meta_leave_ahead(context_id(q->ctx), object, NULL);
		free(h);
	}
	return ret;
}
