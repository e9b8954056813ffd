// SPDX-License-Identifier: Apache-2.0
/* Many objects away at once: in one request, or in one each, several under way together. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/change.h"

#define DELETIONS_PARALLEL 32

/* Deletions one by one. */
struct deletions {
	struct lookup *q;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned active; /* under lock, as error */
	int error;
};

static void delete_done(struct store_call *call)
{
	struct deletions *d = call->arg;

	pthread_mutex_lock(&d->lock);
	if (call->error && !d->error) {
		d->error = call->error;
		memcpy(d->q->message, call->message, sizeof(call->message));
	}
	d->active--;
	pthread_cond_signal(&d->ended);
	pthread_mutex_unlock(&d->lock);
	store_call_reset(call);
	free(call);
}

static int start(struct deletions *d, const char *key)
{
	struct store_call *call = calloc(1, sizeof(*call));
	int ret;

	if (!call)
		return -ENOMEM;
	*call = (struct store_call){
		.verb = STORE_DELETE,
		.ctx = d->q->ctx,
		.scheme = d->q->name.scheme,
		.bucket = d->q->name.bucket,
		.key = key,
		.done = delete_done,
		.arg = d,
	};
	ret = store_submit(call);
	if (ret)
		free(call);
	return ret;
}

static int delete_each(struct lookup *q, const char *const *keys, size_t count)
{
	struct deletions d = {.q = q};
	int ret;

	pthread_mutex_init(&d.lock, NULL);
	pthread_cond_init(&d.ended, NULL);
	pthread_mutex_lock(&d.lock);
	for (size_t next = 0; d.active || (!d.error && next < count);) {
		if (d.error || next == count || d.active == DELETIONS_PARALLEL) {
			pthread_cond_wait(&d.ended, &d.lock);
			continue;
		}
		d.active++;
		pthread_mutex_unlock(&d.lock);
		ret = start(&d, keys[next++]);
		pthread_mutex_lock(&d.lock);
		if (ret) {
			d.active--;
			d.error = d.error ? d.error : ret;
		}
	}
	ret = d.error;
	pthread_mutex_unlock(&d.lock);
	pthread_mutex_destroy(&d.lock);
	pthread_cond_destroy(&d.ended);
	return ret;
}

int change_delete_many(struct lookup *q, const char *const *keys, size_t count)
{
	struct store_call call = {
		.verb = STORE_DELETE_MANY,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.keys = keys,
		.key_count = count,
	};
	const char *left[STORE_LIST_MAX];
	int ret = count ? store_run(&call) : 0;
	size_t n = 0;

	if (ret)
		memcpy(q->message, call.message, sizeof(call.message));
	/* what is gone is left alone: somebody may have made it again */
	for (size_t i = 0; i < count; i++) {
		if (!call.key_errors || call.key_errors[i])
			left[n++] = keys[i];
	}
	store_call_reset(&call);
	/* a key that such a request cannot name, or no such request */
	return ret == -EINVAL || ret == -EOPNOTSUPP ? delete_each(q, left, n) : ret;
}
