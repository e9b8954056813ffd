// SPDX-License-Identifier: Apache-2.0
/* A flight that does not take off: it is located, waits for its credential, and is told about, as
 * the I/O thread of its endpoint knows it. */
#include "core/identify.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include "core/driver.h"
#include "core/http/engine.h"
#include "core/keeper.h"
#include "core/learned.h"
#include "core/locate.h"

struct question {
	struct http_task task;
	const struct store_ops *ops;
	struct store_call call;
	struct store_identity *out;
	sem_t answered;
	int ret;
};

static void note_learned(struct question *q)
{
	struct store_identity *out = q->out;

	if (q->call.bucket)
		learned_region(q->call.ctx, q->call.scheme, q->call.bucket, out->bucket_region);
	if (out->site.origin[0]) {
		const struct learned_endpoint *endpoint = learned_endpoint(out->site.origin);

		out->skew_s = endpoint->skew_s;
		out->site.quirks |= learned_quirks(endpoint) & ~out->site.settled;
	}
}

/* Goes to the thread of the endpoint. Returns whether it does. */
static bool moves(struct question *q)
{
	unsigned shard = q->out->site.origin[0] ? http_shard_of(q->out->site.origin) : http_shard();

	if (q->task.shard == shard)
		return false;
	q->task.shard = shard;
	return !http_post(&q->task, 0);
}

static void run(struct http_task *task, bool canceled)
{
	struct question *q = (struct question *)task;
	struct store_identity *out = q->out;

	q->ret = -ECANCELED;
	if (!canceled) {
		memset(out, 0, sizeof(*out));
		out->error =
			locate_call(q->ops, &q->call, NULL, &out->site, &out->creds, out->message);
		creds_wipe(&out->creds);
		if (out->error == -EINPROGRESS && !keeper_wait(out->creds.entry, task))
			return;
		if (out->error != -EINPROGRESS) {
			if (moves(q))
				return;
			note_learned(q);
			q->ret = 0;
		}
	}
	sem_post(&q->answered);
}

int store_identify(struct context *ctx, const char *scheme, const char *bucket,
		   struct store_identity *out)
{
	struct question q = {
		.task.run = run,
		.ops = driver_backend(scheme),
		.call = {.verb = STORE_LIST,
			 .ctx = ctx,
			 .scheme = scheme,
			 .bucket = bucket,
			 .key = ""},
		.out = out,
	};
	int ret;

	if (!q.ops)
		return -EINVAL;
	sem_init(&q.answered, 0, 0);
	ret = http_post(&q.task, 0);
	if (!ret) {
		while (sem_wait(&q.answered) < 0)
			;
		ret = q.ret;
	}
	sem_destroy(&q.answered);
	return ret;
}
