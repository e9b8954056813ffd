// SPDX-License-Identifier: Apache-2.0
/* The one driver of all stores: core/store.h over flights. */
#include "core/driver.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/entries.h"
#include "core/hasher.h"
#include "core/keeper.h"
#include "core/learned.h"
#include "core/pairs.h"
#include "core/realm.h"
#include "core/secret.h"
#include "core/store.h"
#include "core/tally.h"
#include "core/throttle.h"

static pthread_mutex_t backends_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct store_ops *backends[STORE_BACKENDS_MAX]; /* under backends_lock */
static struct http_limits http_limits = HTTP_LIMITS_DEFAULT;

void driver_set_limits(const struct http_limits *http, const struct flight_limits *flight)
{
	if (http)
		http_limits = *http;
	if (flight)
		flight_totals.limits = *flight;
}

int store_register(const struct store_ops *ops)
{
	int ret = -ENOSPC;

	pthread_mutex_lock(&backends_lock);
	for (size_t i = 0; i < STORE_BACKENDS_MAX; i++) {
		if (!backends[i] || backends[i] == ops) {
			backends[i] = ops;
			ret = 0;
			break;
		}
		if (!strcmp(backends[i]->scheme, ops->scheme)) {
			ret = -EEXIST;
			break;
		}
	}
	pthread_mutex_unlock(&backends_lock);
	return ret;
}

const struct store_ops *driver_backend(const char *scheme)
{
	const struct store_ops *found = NULL;

	pthread_mutex_lock(&backends_lock);
	for (size_t i = 0; i < STORE_BACKENDS_MAX && backends[i] && !found; i++) {
		if (scheme && !strcmp(backends[i]->scheme, scheme))
			found = backends[i];
	}
	pthread_mutex_unlock(&backends_lock);
	return found;
}

int store_start(unsigned io_threads)
{
	struct http_limits limits = http_limits;

	if (io_threads)
		limits.threads = io_threads;
	secret_wipe_json();
	hasher_start();
	keeper_start();
	return http_start(&limits);
}

void store_stop(void)
{
	hasher_stop();
	keeper_stop();
	http_stop();
	keeper_free();
	learned_forget();
	throttle_forget();
	config_free_all();
	realm_free_all();
}

static void clear_results(struct store_call *call)
{
	call->error = 0;
	call->status = 0;
	call->object = (struct store_object){0};
	call->list = (struct store_list){0};
	call->user = call->fields = (struct store_pairs){0};
	call->key_errors = NULL;
	call->names = STORE_NAMES_UNKNOWN;
	call->is_directory = false;
	call->is_unsure = false;
	call->upload_id = NULL;
	call->part_id = NULL;
	call->request_id[0] = '\0';
	call->code[0] = '\0';
	call->message[0] = '\0';
	call->driver = NULL;
	call->step = 0;
	call->carry = NULL;
	call->carry_out = NULL;
	call->is_made = false;
}

int store_submit(struct store_call *call)
{
	clear_results(call);
	return flight_start(call, driver_backend(call->scheme));
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done; /* under lock */
};

static void wake(struct store_call *call)
{
	struct waiter *waiter = call->arg;

	pthread_mutex_lock(&waiter->lock);
	waiter->done = true;
	pthread_cond_signal(&waiter->cond);
	pthread_mutex_unlock(&waiter->lock);
}

int store_run(struct store_call *call)
{
	struct waiter waiter = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
	};
	int ret;

	call->done = wake;
	call->arg = &waiter;
	ret = store_submit(call);
	if (ret < 0) {
		call->error = ret;
	} else {
		pthread_mutex_lock(&waiter.lock);
		while (!waiter.done)
			pthread_cond_wait(&waiter.cond, &waiter.lock);
		pthread_mutex_unlock(&waiter.lock);
	}
	call->done = NULL;
	call->arg = NULL;
	return call->error;
}

void store_call_reset(struct store_call *call)
{
	entries_free(&call->list);
	pairs_free(&call->user);
	pairs_free(&call->fields);
	free(call->key_errors);
	free(call->upload_id);
	free(call->part_id);
	free(call->carry_out);
	clear_results(call);
}

enum store_names store_names(struct context *ctx, const char *scheme, const char *bucket)
{
	const struct store_ops *ops = driver_backend(scheme);
	char message[STORE_MESSAGE_BYTES];
	struct realm realm;

	if (!ops || !ops->has_trees)
		return STORE_NAMES_FLAT;
	if (!realm_find(ctx, scheme, bucket, &realm, message, sizeof(message)) &&
	    realm_get(&realm, REALM_HIERARCHICAL))
		return realm_is(&realm, REALM_HIERARCHICAL, false) ? STORE_NAMES_TREE
								   : STORE_NAMES_FLAT;
	return learned_names(ctx, scheme, bucket);
}

void store_counters(struct store_counters *out)
{
	for (int verb = 0; verb < STORE_VERBS; verb++)
		out->requests[verb] = flight_totals.requests[verb];
	out->retries = tally_all.retries;
	out->errors = tally_all.errors;
	out->bytes_in = out->bytes_out = 0;
	for (int store = 0; store < TALLY_STORES_MAX; store++) {
		out->bytes_in += tally_all.bytes_in[store];
		out->bytes_out += tally_all.bytes_out[store];
	}
	out->connections = flight_totals.connections;
}
