/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/stillthere.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/names.h"
#include "fs/younger.h"

struct look {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned active;
};

struct question {
	struct store_call call;
	struct look *look;
	struct stillthere *about;
	char scheme[8], bucket[256];
};

static void answered(struct store_call *call)
{
	struct question *q = call->arg;
	struct look *look = q->look;

	q->about->result = call->error;
	if (!call->error &&
	    (!*q->about->etag || strcmp(call->object.etag, q->about->etag) != 0 ||
	     (call->age_s != STORE_AGE_UNKNOWN && younger_than(call->age_s, q->about->said_s))))
		q->about->result = -ESTALE;
	store_call_reset(call);
	free(q);
	pthread_mutex_lock(&look->lock);
	look->active--;
	pthread_cond_signal(&look->ended);
	pthread_mutex_unlock(&look->lock);
}

static int ask(struct look *look, struct stillthere *about)
{
	struct question *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return -ENOMEM;
	q->look = look;
	q->about = about;
	q->call.verb = STORE_HEAD;
	q->call.ctx = about->ctx;
	q->call.scheme = q->scheme;
	q->call.bucket = q->bucket;
	q->call.key = name_split(about->object, q->scheme, q->bucket);
	q->call.done = answered;
	q->call.arg = q;
	pthread_mutex_lock(&look->lock);
	while (look->active == STILLTHERE_PARALLEL)
		pthread_cond_wait(&look->ended, &look->lock);
	look->active++;
	pthread_mutex_unlock(&look->lock);
	ret = store_submit(&q->call);
	if (!ret)
		return 0;
	free(q);
	pthread_mutex_lock(&look->lock);
	look->active--;
	pthread_mutex_unlock(&look->lock);
	return ret;
}

void stillthere_look(struct stillthere *at, size_t n)
{
	struct look look = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

	for (size_t i = 0; i < n; i++) {
		int ret = ask(&look, &at[i]);

		if (ret)
			at[i].result = ret;
	}
	pthread_mutex_lock(&look.lock);
	while (look.active)
		pthread_cond_wait(&look.ended, &look.lock);
	pthread_mutex_unlock(&look.lock);
}
