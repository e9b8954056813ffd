/* SPDX-License-Identifier: Apache-2.0 */
/* See gone.h: one list, oldest first, and one thread that takes what stands at its head and has the
 * same credentials and bucket. An item leaves the list when it has been told how it ended. What an
 * earlier daemon left has a list of its own until its credentials are known. */
#include "fs/gone.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/clock.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "core/tally.h"
#include "fs/gonelog.h"
#include "fs/gonerefused.h"
#include "fs/gonesend.h"
#include "fs/told.h"

#define STACK_BYTES (256u << 10)
#define LINGER_S    1 /* without work the thread stays so long */
#define NAME_SHOWN  256
#define KEPT_MAX    ((size_t)1 << 30) /* bytes of the journal, written anew */

struct gone_owner {
	struct gone_owner *next;
	pid_t pid;
	uint64_t added; /* since it began */
	unsigned pending, waiters;
	unsigned failed; /* since it last settled */
	int error;	 /* the first of those */
	char message[STORE_MESSAGE_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER; /* to do, or somebody waits for it */
static struct gone_owner *owners;
static struct gone_item *first, **last = &first;
static unsigned count, waiters; /* items; who wants them done now */
static bool has_thread, stopping;
static struct gonelog_left *left;
static bool is_clean = true; /* all that has left the list has ended */
static bool is_lost;	     /* the journal could not be read */

/* With the lock. */
static struct gone_owner *owner_of(pid_t pid, bool make)
{
	struct gone_owner *o = owners;

	while (o && o->pid != pid)
		o = o->next;
	if (o || !make)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->pid = pid;
	o->next = owners;
	owners = o;
	return o;
}

static void owner_drop(struct gone_owner *o)
{
	struct gone_owner **at = &owners;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o);
}

static void item_free(struct gone_item *i)
{
	if (i)
		job_put(i->job);
	free(i);
}

/* Scheme and bucket of both are the same. */
static bool same_place(const struct gone_item *a, const struct gone_item *b)
{
	char scheme[8], bucket[256];
	const char *key = name_split(a->object, scheme, bucket);

	return a->ctx == b->ctx && a->is_left == b->is_left &&
	       !strncmp(a->object, b->object, (size_t)(key - a->object));
}

/* How many at the head go in one request. With the lock. */
static size_t batch(void)
{
	size_t n = 0;

	for (struct gone_item *i = first; i && n < STORE_LIST_MAX && same_place(first, i);
	     i = i->next)
		n++;
	return n;
}

/* What was told when it began is told anew: a listing may have shown it meanwhile. */
static void tell(const struct gone_item *i, size_t n)
{
	for (size_t k = 0; k < n; k++, i = i->next) {
		if (i->error || i->is_left)
			meta_forget(context_id(i->ctx), i->object);
		else
			told_no_file(context_id(i->ctx), i->object);
	}
}

/* With the lock. What a daemon that stops has cut off is the next one's, what was refused is kept
 * until it is told. */
static void note_ended(size_t n, const char *message)
{
	uint64_t serials[STORE_LIST_MAX];
	size_t n_ended = 0;

	for (struct gone_item *i = first; i && n; i = i->next, n--) {
		if (i->error != -ECANCELED &&
		    !(i->error && gonerefused_add(i, i->owner->pid, message)))
			serials[n_ended++] = i->serial;
	}
	gonelog_done(serials, n_ended);
}

/* With the lock. Of the journal what has ended goes: all of it, or, when that is much, by writing
 * anew what has not. */
static void shrink(void)
{
	SCOPE_BUFFER struct buffer kept = BUFFER_INIT(KEPT_MAX);
	int ret = 0;

	if (!is_clean || is_lost || ((first || left) && !gonelog_is_long()))
		return;
	for (const struct gonelog_left *l = left; l && !ret; l = l->next)
		ret = gonelog_keep(&kept, l);
	for (const struct gone_item *i = first; i && !ret; i = i->next)
		ret = gonelog_keep_begun(
			&kept, &(struct gonelog_begun){i->serial, context_id(i->ctx), i->owner->pid,
						       i->asked_s, i->etag, i->object});
	if (!ret)
		gonerefused_shrink(&kept);
}

/* With the lock. */
static void take_out(size_t n, const char *message)
{
	note_ended(n, message);
	for (struct gone_item *i; n && (i = first); n--) {
		bool is_over = i->error != -ECANCELED;
		struct gone_owner *o = i->owner;

		first = i->next;
		if (!first)
			last = &first;
		count--;
		o->pending--;
		is_clean &= is_over;
		if (i->is_left && i->error)
			log_warn("%s: could not be removed, after a daemon had died: %s", i->object,
				 strerror(-i->error));
		if (i->error && !o->failed++) {
			o->error = i->error;
			snprintf(o->message, sizeof(o->message), "%.*s could not be removed: %.*s",
				 NAME_SHOWN, i->object, STORE_MESSAGE_BYTES - NAME_SHOWN - 64,
				 message);
		}
		item_free(i);
	}
	shrink();
	pthread_cond_broadcast(&ended);
}

/* With the lock, which is given away meanwhile: until there is something, and it has waited for
 * others. False: there is nothing for long. */
static bool gather(void)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LINGER_S;
	while (!first && !stopping && !ret)
		ret = pthread_cond_timedwait(&more, &lock, &until);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += GONE_GATHER_MS * CLOCK_NS_PER_MS;
	until.tv_sec += until.tv_nsec / CLOCK_NS_PER_S;
	until.tv_nsec %= CLOCK_NS_PER_S;
	ret = 0;
	while (first && !waiters && !stopping && count < STORE_LIST_MAX && !ret)
		ret = pthread_cond_timedwait(&more, &lock, &until);
	return first;
}

static void *work(void *arg)
{
	char message[STORE_MESSAGE_BYTES];

	pthread_mutex_lock(&lock);
	while (gather()) {
		struct gone_item *i = first;
		size_t n = batch();

		pthread_mutex_unlock(&lock);
		job_switch(i->job); /* of several in one request the first's */
		gone_send(i, n, message);
		job_switch(NULL);
		tell(i, n);
		pthread_mutex_lock(&lock);
		take_out(n, message);
	}
	has_thread = false;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return arg;
}

/* With the lock. */
static int need_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (has_thread || stopping)
		return stopping ? -EAGAIN : 0;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	has_thread = !pthread_create(&thread, &attr, work, NULL);
	pthread_attr_destroy(&attr);
	return has_thread ? 0 : -EAGAIN;
}

/* With the lock. */
static int append(struct gone_item *i, pid_t pid)
{
	i->owner = owner_of(pid, true);
	if (!i->owner)
		return -ENOMEM;
	i->owner->added++;
	i->owner->pending++;
	*last = i;
	last = &i->next;
	count++;
	pthread_cond_signal(&more);
	return 0;
}

/* The version that is there, as far as is known. */
static void take_etag(struct gone_item *i)
{
	struct meta_fact fact;

	if (meta_peek(context_id(i->ctx), i->object, &fact) && fact.kind == META_FILE)
		memcpy(i->etag, fact.object.etag, sizeof(i->etag));
}

/* With the lock: into the journal. */
static int note_begun(struct gone_item *i, pid_t pid)
{
	struct gonelog_begun begun = {0, context_id(i->ctx), pid, i->asked_s, i->etag, i->object};
	int ret = gonelog_add(&begun);

	i->serial = begun.serial;
	return ret;
}

int gone_add(const struct lookup *q, pid_t pid)
{
	char object[NAME_OBJECT_MAX];
	struct gone_item *i;
	size_t len;
	int ret;

	name_object(&q->name, object);
	len = strlen(object);
	i = calloc(1, sizeof(*i) + len + 1);
	if (!i)
		return -ENOMEM;
	memcpy(i->object, object, len + 1);
	gonerefused_again(object);
	i->ctx = q->ctx;
	i->job = job_ref(job_current());
	i->asked_s = clock_wall_s();
	take_etag(i);
	pthread_mutex_lock(&lock);
	ret = need_thread();
	while (!ret && count >= GONE_MAX)
		pthread_cond_wait(&ended, &lock);
	if (!ret && note_begun(i, pid))
		ret = -EAGAIN; /* then somebody has to wait for it */
	if (!ret) {
		ret = append(i, pid);
		if (ret)
			gonelog_done(&i->serial, 1);
	}
	pthread_mutex_unlock(&lock);
	if (ret)
		item_free(i);
	return ret;
}

/* --- what an earlier daemon left --- */

int gone_start(int dir_fd)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = gonelog_start(dir_fd, &left);
	gonerefused_take(&left);
	is_lost = ret;
	shrink();
	pthread_mutex_unlock(&lock);
	if (ret)
		log_error("the journal of what was being removed cannot be read: %s",
			  strerror(-ret));
	return ret == -ENOMEM ? ret : 0;
}

/* With the lock. */
static int resume_one(const struct gonelog_left *l, struct context *ctx)
{
	size_t len = strlen(l->object);
	struct gone_item *i = calloc(1, sizeof(*i) + len + 1);
	int ret = i ? need_thread() : -ENOMEM;

	if (!ret) {
		i->ctx = ctx;
		i->serial = l->serial;
		i->is_left = true;
		i->asked_s = l->asked_s;
		memcpy(i->etag, l->etag, sizeof(i->etag));
		memcpy(i->object, l->object, len + 1);
		ret = append(i, l->pid);
	}
	if (ret)
		item_free(i);
	return ret;
}

void gone_resume(const uint8_t *ctx)
{
	struct context *known = context_find(ctx);
	struct gonelog_left **at = &left, *l;

	pthread_mutex_lock(&lock);
	while (known && (l = *at)) {
		if (!memcmp(l->ctx, ctx, WIRE_CTX_BYTES) && !resume_one(l, known)) {
			*at = l->next;
			free(l);
		} else {
			at = &l->next;
		}
	}
	pthread_mutex_unlock(&lock);
}

int gone_each_left(int (*each)(void *arg, const struct gonelog_left *l), void *arg)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	for (const struct gonelog_left *l = left; l && !ret; l = l->next)
		ret = each(arg, l);
	pthread_mutex_unlock(&lock);
	return ret;
}

bool gone_has_left(uint64_t serial)
{
	const struct gonelog_left *l;

	pthread_mutex_lock(&lock);
	for (l = left; l && l->serial != serial;)
		l = l->next;
	pthread_mutex_unlock(&lock);
	return l;
}

int gone_discard_left(uint64_t serial)
{
	struct gonelog_left **at = &left, *l;

	pthread_mutex_lock(&lock);
	while (*at && (*at)->serial != serial)
		at = &(*at)->next;
	l = *at;
	if (l) {
		*at = l->next;
		gonelog_done(&serial, 1);
		free(l);
	}
	pthread_mutex_unlock(&lock);
	return l ? 0 : -ENOENT;
}

bool gone_is_left(pid_t pid, const uint8_t *ctx)
{
	const struct gonelog_left *l;

	pthread_mutex_lock(&lock);
	for (l = left; l; l = l->next) {
		if (l->pid == pid && !memcmp(l->ctx, ctx, WIRE_CTX_BYTES))
			break;
	}
	pthread_mutex_unlock(&lock);
	return l && !context_find(ctx);
}

void gone_forget(void)
{
	pthread_mutex_lock(&lock);
	while (left) {
		struct gonelog_left *next = left->next;

		free(left);
		left = next;
	}
	gonerefused_forget();
	gonelog_stop();
	is_clean = true;
	pthread_mutex_unlock(&lock);
}

/* --- waiting --- */

/* Bytes up to and with the slash before the last component. */
static size_t parent_len(const char *object)
{
	size_t len = strlen(object);

	len -= len && object[len - 1] == '/';
	while (len && object[len - 1] != '/')
		len--;
	return len;
}

/* Is a the directory b, or above it? */
static bool is_above(const char *a, const char *b)
{
	size_t len = strlen(a);

	len -= len && a[len - 1] == '/';
	return !strncmp(a, b, len) && (!len || b[len] == '/');
}

static bool concerns(const struct gone_item *i, const char *object, bool only_itself)
{
	size_t len = parent_len(object);

	if (!strcmp(i->object, object))
		return true;
	if (only_itself)
		return false;
	return (len == parent_len(i->object) && !strncmp(i->object, object, len)) ||
	       is_above(object, i->object) || is_above(i->object, object);
}

/* With the lock. */
static bool is_concerned(const char *object, bool only_itself)
{
	for (struct gone_item *i = first; i; i = i->next)
		if (concerns(i, object, only_itself))
			return true;
	return false;
}

void gone_wait(const char *object, bool only_itself)
{
	pthread_mutex_lock(&lock);
	waiters++;
	while (is_concerned(object, only_itself)) {
		pthread_cond_signal(&more);
		pthread_cond_wait(&ended, &lock);
	}
	waiters--;
	pthread_mutex_unlock(&lock);
}

/* What went wrong, once. With the lock. */
static int report(struct gone_owner *o, char *message)
{
	int ret = o->error;

	if (o->failed > 1)
		snprintf(message, STORE_MESSAGE_BYTES,
			 "%u files could not be removed; the first: %.*s", o->failed,
			 STORE_MESSAGE_BYTES / 2, o->message);
	else if (o->failed)
		snprintf(message, STORE_MESSAGE_BYTES, "%.*s", STORE_MESSAGE_BYTES - 1, o->message);
	if (o->failed)
		gonerefused_told(o->pid);
	o->error = 0;
	o->failed = 0;
	return ret;
}

int gone_settle(pid_t pid, uint64_t added, char message[STORE_MESSAGE_BYTES])
{
	struct gone_owner *o;
	int ret = 0;

	message[0] = '\0';
	pthread_mutex_lock(&lock);
	o = owner_of(pid, false);
	if (o) {
		o->waiters++;
		waiters++;
		while (o->pending) {
			pthread_cond_signal(&more);
			pthread_cond_wait(&ended, &lock);
		}
		waiters--;
		o->waiters--;
		ret = report(o, message);
	}
	if (!ret && is_lost && (o ? o->added : 0) < added) {
		ret = -EIO;
		snprintf(message, STORE_MESSAGE_BYTES,
			 "the daemon died: what was removed may be there again in part");
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

unsigned gone_active(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = count;
	pthread_mutex_unlock(&lock);
	return n;
}

void gone_sweep(void)
{
	struct gone_owner *next;

	pthread_mutex_lock(&lock);
	for (struct gone_owner *o = owners; o; o = next) {
		next = o->next;
		if (!o->pending && !o->waiters && kill(o->pid, 0) && errno == ESRCH)
			owner_drop(o);
	}
	pthread_mutex_unlock(&lock);
}

unsigned gone_stop(unsigned wait_ms)
{
	struct timespec until;
	unsigned undone;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000 + 1;
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&more);
	while ((count || has_thread) && !ret)
		ret = pthread_cond_timedwait(&ended, &lock, &until);
	undone = count;
	while (!undone && owners && !owners->waiters)
		owner_drop(owners);
	stopping = count || has_thread;
	pthread_mutex_unlock(&lock);
	if (undone)
		log_info("daemon: %u files are left for the next to remove", undone);
	return undone;
}
