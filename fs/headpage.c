/* SPDX-License-Identifier: Apache-2.0 */
/* See headpage.h. Answers are only queued on the I/O thread; who asked puts them away. */
#include "fs/headpage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "fs/lookup.h"
#include "fs/meta.h"
#include "fs/untold.h"

struct head {
	struct head *next;
	struct store_call call;
	struct asking *asking;
	char object[NAME_OBJECT_MAX];
};

struct asking {
	const struct listing *l;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct head *answers; /* with the lock, as active */
	unsigned active;
};

bool headpage_wanted(void)
{
	const char *text = getenv("SKYSHIM_METADATA");

	return text && !strcmp(text, "full");
}

/* The lock is let go of last: the one who waits frees what it is in. */
static void head_done(struct store_call *call)
{
	struct head *h = call->arg;
	struct asking *a = h->asking;

	pthread_mutex_lock(&a->lock);
	h->next = a->answers;
	a->answers = h;
	a->active--;
	pthread_cond_signal(&a->answered);
	pthread_mutex_unlock(&a->lock);
}

/* Is all told of this version already? */
static bool is_known(const struct listing *l, const char *object, const struct store_entry *e)
{
	struct meta_fact fact;

	return meta_peek(context_id(l->ctx), object, &fact) && fact.kind == META_FILE &&
	       fact.is_told && !strcmp(fact.object.etag, e->object.etag);
}

static bool is_file(const struct store_entry *e)
{
	size_t len = strlen(e->name);

	return !e->is_prefix && len && e->name[len - 1] != '/' && len < DIRPAGE_KEY_MAX;
}

/* Asks about an entry, if there is something to ask. */
static void ask(struct asking *a, const struct store_entry *e)
{
	const struct listing *l = a->l;
	struct head *h;

	if (!is_file(e))
		return;
	h = calloc(1, sizeof(*h));
	if (!h)
		return;
	snprintf(h->object, sizeof(h->object), "%s/%s/%s", l->scheme, l->bucket, e->name);
	if (is_known(l, h->object, e)) {
		free(h);
		return;
	}
	h->asking = a;
	h->call = (struct store_call){
		.verb = STORE_HEAD,
		.ctx = l->ctx,
		.scheme = l->scheme,
		.bucket = l->bucket,
		.key = e->name,
		.done = head_done,
		.arg = h,
	};
	pthread_mutex_lock(&a->lock);
	a->active++;
	pthread_mutex_unlock(&a->lock);
	if (!store_submit(&h->call))
		return;
	pthread_mutex_lock(&a->lock);
	a->active--;
	pthread_mutex_unlock(&a->lock);
	free(h);
}

static void put_away(const struct listing *l, struct head *h)
{
	struct meta_fact fact;

	if (!h->call.error) {
		lookup_file_fact(h->object, &h->call.object, &h->call.user, &h->call.fields, &fact);
		meta_put(context_id(l->ctx), h->object, &fact);
		untold_learn(h->object, &fact, NULL, lookup_xattr(&h->call.user));
	}
	store_call_reset(&h->call);
	free(h);
}

/* Waits until fewer than that many are under way, and puts the answers away. */
static void settle(struct asking *a, unsigned fewer_than)
{
	struct head *answers, *next;

	pthread_mutex_lock(&a->lock);
	while (a->active >= fewer_than)
		pthread_cond_wait(&a->answered, &a->lock);
	answers = a->answers;
	a->answers = NULL;
	pthread_mutex_unlock(&a->lock);
	for (; answers; answers = next) {
		next = answers->next;
		put_away(a->l, answers);
	}
}

void headpage_ask(const struct listing *l, const struct store_list *page)
{
	struct asking a = {
		.l = l, .lock = PTHREAD_MUTEX_INITIALIZER, .answered = PTHREAD_COND_INITIALIZER};

	if (l->kind < NAME_BUCKET)
		return;
	for (size_t i = 0; i < page->count; i++) {
		settle(&a, HEADPAGE_PARALLEL);
		ask(&a, &page->entries[i]);
	}
	settle(&a, 1);
	pthread_cond_destroy(&a.answered);
	pthread_mutex_destroy(&a.lock);
}
