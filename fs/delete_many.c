// SPDX-License-Identifier: Apache-2.0
/* Many objects away at once: in one request, or in one each, several under way together. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/change.h"
#include "fs/stillthere.h"

#define DELETIONS_PARALLEL 32

/* Deletions one by one. */
struct deletions {
	struct lookup *q;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned active; /* under lock, as error */
	int error;
};

/* One of them. */
struct deletion {
	struct store_call call;
	struct deletions *of;
	bool *stays; /* or NULL */
};

static void delete_done(struct store_call *call)
{
	struct deletion *one = call->arg;
	struct deletions *d = one->of;
	int error = call->error;

	pthread_mutex_lock(&d->lock);
	if (call->if_match && error == -ESTALE) {
		*one->stays = true;
		error = 0;
	} else if (call->if_match && error == -ENOENT) {
		error = 0;
	}
	if (error && !d->error) {
		d->error = error;
		memcpy(d->q->message, call->message, sizeof(call->message));
	}
	d->active--;
	pthread_cond_signal(&d->ended);
	pthread_mutex_unlock(&d->lock);
	store_call_reset(call);
	free(one);
}

static int start(struct deletions *d, const char *key, const char *etag, bool *stays)
{
	struct deletion *one = calloc(1, sizeof(*one));
	int ret;

	if (!one)
		return -ENOMEM;
	one->of = d;
	one->stays = stays;
	one->call = (struct store_call){
		.verb = STORE_DELETE,
		.ctx = d->q->ctx,
		.scheme = d->q->name.scheme,
		.bucket = d->q->name.bucket,
		.key = key,
		.if_match = etag,
		.done = delete_done,
		.arg = one,
	};
	ret = store_submit(&one->call);
	if (ret)
		free(one);
	return ret;
}

/* Those of the keys that left names. */
static int delete_each(struct lookup *q, const struct store_call *many, const size_t *left,
		       size_t count, bool *stays)
{
	struct deletions d = {.q = q};
	size_t at;
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
		at = left[next++];
		ret = start(&d, many->keys[at], many->key_etags ? many->key_etags[at] : NULL,
			    stays ? &stays[at] : NULL);
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

/* Only of those that others have replaced, or of some other? */
static int judge(const struct store_call *call, int error, bool *stays)
{
	if (!stays || !call->key_errors)
		return error;
	for (size_t i = 0; i < call->key_count; i++) {
		if (call->key_errors[i] && call->key_errors[i] != -ESTALE)
			return error == -ESTALE ? call->key_errors[i] : error;
	}
	for (size_t i = 0; i < call->key_count; i++)
		stays[i] = call->key_errors[i] == -ESTALE;
	return 0;
}

/* What a service says has been replaced may have gone: somebody else has removed it, or this was
 * sent again after its answer was lost. */
static int look_again(const struct lookup *q, const char *const *keys, size_t count, bool *stays)
{
	struct stillthere *looks;
	size_t n = 0, at = 0;
	int ret = 0;

	for (size_t i = 0; i < count; i++)
		n += stays[i];
	if (!n)
		return 0;
	looks = calloc(n, sizeof(*looks));
	if (!looks)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < count && !ret; i++) {
		char *object;

		if (!stays[i])
			continue;
		if (asprintf(&object, "%s/%s/%s", q->name.scheme, q->name.bucket, keys[i]) < 0)
			ret = -ENOMEM;
		else
			looks[n++] =
				(struct stillthere){.ctx = q->ctx, .object = object, .etag = ""};
	}
	if (!ret)
		stillthere_look(looks, n);
	for (size_t i = 0; i < count && !ret; i++)
		stays[i] = stays[i] && looks[at++].result != -ENOENT;
	while (n)
		free((char *)looks[--n].object);
	free(looks);
	return ret;
}

int change_delete_many(struct lookup *q, const char *const *keys, const char *const *etags,
		       size_t count, bool *stays)
{
	struct store_call call = {
		.verb = STORE_DELETE_MANY,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.keys = keys,
		.key_count = count,
		.key_etags = etags,
	};
	size_t left[STORE_LIST_MAX], n = 0;
	int ret = count ? store_run(&call) : 0;

	for (size_t i = 0; stays && i < count; i++)
		stays[i] = false;
	ret = ret ? judge(&call, ret, stays) : 0;
	if (ret)
		memcpy(q->message, call.message, sizeof(call.message));
	/* what is gone is left alone: somebody may have made it again */
	for (size_t i = 0; i < count; i++) {
		if (!call.key_errors || call.key_errors[i])
			left[n++] = i;
	}
	/* a key that such a request cannot name, or no such request */
	if (ret == -EINVAL || ret == -EOPNOTSUPP)
		ret = delete_each(q, &call, left, n, stays);
	if (!ret && stays)
		ret = look_again(q, keys, count, stays);
	store_call_reset(&call);
	return ret;
}
