/* SPDX-License-Identifier: Apache-2.0 */
/* See movelog.h: the list of them, and who goes on with which. */
#include "fs/movelog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/journals.h"
#include "fs/moverecord.h"
#include "fs/namelock.h"

#define AGAIN_NS (10 * CLOCK_NS_PER_S)
#define OVER_NS	 (10 * CLOCK_NS_PER_S) /* who asks again does so at once */
#define PAUSE_NS (CLOCK_NS_PER_S / 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct movelog *logs;
static unsigned going; /* of these, that are not over; to be read without the lock */
static int logs_fd = -1;

/* Has it come to an end, one way or the other, as far as names are concerned? */
static bool is_still(const struct movelog *log)
{
	return log->is_over || log->is_parked;
}

/* With the lock, as all that follow unless they take it. */
static void add(struct movelog *log)
{
	log->next = logs;
	logs = log;
	if (!is_still(log))
		__atomic_add_fetch(&going, 1, __ATOMIC_SEQ_CST);
}

static void is_mine(struct movelog *log)
{
	log->is_active = true;
	log->owner = pthread_self();
	if (log->is_parked)
		__atomic_add_fetch(&going, 1, __ATOMIC_SEQ_CST);
	log->is_parked = false;
}

/* Out of the list, off the disk, and freed. */
static void drop(struct movelog *log)
{
	struct movelog **at = &logs;

	while (*at != log)
		at = &(*at)->next;
	*at = log->next;
	if (!is_still(log))
		__atomic_sub_fetch(&going, 1, __ATOMIC_SEQ_CST);
	unlinkat(logs_fd, log->name, 0);
	moverecord_free(log);
}

static void adopt(int folder_fd, const char *name)
{
	struct movelog *log = calloc(1, sizeof(*log));
	int ret;

	if (!log)
		return;
	snprintf(log->name, sizeof(log->name), "%s", name);
	log->fd = -1;
	log->is_resumed = true;
	ret = moverecord_read(folder_fd, log);
	if (!ret) {
		if (log->is_over)
			log->due_ns = clock_ns() + OVER_NS;
		else if (!log->is_parked)
			log_info("%s: was being %s %s when a daemon died", log->from,
				 log->is_exchange ? "exchanged with" : "renamed to", log->to);
		add(log);
		return;
	}
	if (ret == -ENODATA) { /* it died before it had begun */
		unlinkat(folder_fd, name, 0);
		moverecord_free(log);
		return;
	}
	log_warn("moves/%s: this journal of a rename in the cache directory cannot be read, and is "
		 "left as it is: %s; see skyshim recover",
		 name, strerror(-ret));
	log->is_unreadable = log->is_parked = true;
	log->is_over = false;
	log->error = ret;
	add(log);
}

int movelog_start(int dir_fd)
{
	int fd = journals_open(dir_fd, "moves", adopt);

	if (fd < 0)
		return fd;
	logs_fd = fd;
	return 0;
}

void movelog_stop(void)
{
	pthread_mutex_lock(&lock);
	while (logs) {
		struct movelog *next = logs->next;

		moverecord_free(logs);
		logs = next;
	}
	__atomic_store_n(&going, 0, __ATOMIC_SEQ_CST);
	if (logs_fd >= 0)
		close(logs_fd);
	logs_fd = -1;
	pthread_mutex_unlock(&lock);
}

/* number: 0: any. Uses up log, which is free otherwise; it is in the list then. */
static int make(struct movelog *log, uint64_t number)
{
	int ret;

	if (number)
		snprintf(log->name, sizeof(log->name), "%016llx", (unsigned long long)number);
	else
		journals_name(log->name);
	moverecord_name_scratch(log);
	log->fd = journals_create(logs_fd, log->name, O_EXCL);
	ret = log->fd < 0 ? log->fd : moverecord_begin(log);
	if (ret) {
		if (log->fd >= 0)
			unlinkat(logs_fd, log->name, 0);
		moverecord_free(log);
		return ret;
	}
	is_mine(log);
	add(log);
	return 0;
}

static struct movelog *blank(const uint8_t *ctx, const char *from, const char *to)
{
	struct movelog *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->fd = -1;
	memcpy(log->ctx, ctx, WIRE_CTX_BYTES);
	snprintf(log->from, sizeof(log->from), "%s", from);
	snprintf(log->to, sizeof(log->to), "%s", to);
	return log;
}

static bool related(const char *a, const char *b)
{
	return name_is_above(a, b) || name_is_above(b, a);
}

static bool touches(const struct movelog *log, const char *object)
{
	return related(log->from, object) || related(log->to, object) ||
	       (log->scratch[0] && related(log->scratch, object));
}

/* Is something else on its way that has to do with these, or was it interrupted? */
static bool is_taken(const char *from, const char *to)
{
	const struct movelog *log = logs;

	while (log && (is_still(log) || !(touches(log, from) || touches(log, to))))
		log = log->next;
	return log;
}

/* Whoever goes on with it may wait for names that this thread holds. */
static void wait_for_owner(void)
{
	namelock_leave();
	pthread_cond_wait(&changed, &lock);
}

static struct movelog *find(const uint8_t *ctx, const char *from, const char *to)
{
	struct movelog *log = logs;

	while (log && (log->is_unreadable || log->is_exchange ||
		       memcmp(log->ctx, ctx, WIRE_CTX_BYTES) != 0 || strcmp(log->from, from) != 0 ||
		       strcmp(log->to, to) != 0))
		log = log->next;
	return log;
}

int movelog_begin(const uint8_t *ctx, const char *from, const char *to, struct movelog **out)
{
	struct movelog *log;
	bool waited = false;
	int ret = 0;

	pthread_mutex_lock(&lock);
	while ((log = find(ctx, from, to)) && log->is_active) {
		waited = true;
		wait_for_owner();
	}
	if (log) {
		is_mine(log);
		*out = log;
	} else if (waited) {
		ret = 1;
	} else if (is_taken(from, to)) {
		ret = -EDEADLK;
	} else {
		log = blank(ctx, from, to);
		ret = log ? make(log, 0) : -ENOMEM;
		if (!ret)
			*out = log;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int movelog_begin_exchange(const uint8_t *ctx, const char *const object[2], const bool is_dir[2],
			   uint64_t number, struct movelog **out)
{
	struct movelog *log;
	int ret;

	pthread_mutex_lock(&lock);
	if (is_taken(object[0], object[1])) {
		pthread_mutex_unlock(&lock);
		return -EDEADLK;
	}
	log = blank(ctx, object[0], object[1]);
	ret = log ? 0 : -ENOMEM;
	if (!ret) {
		log->is_exchange = true;
		memcpy(log->is_dir, is_dir, sizeof(log->is_dir));
		ret = make(log, number);
	}
	if (!ret)
		*out = log;
	pthread_mutex_unlock(&lock);
	return ret;
}

int movelog_again(uint64_t number, struct movelog **out, int *result)
{
	struct movelog *log;
	bool waited = false;
	char name[24];
	int ret = 0;

	snprintf(name, sizeof(name), "%016llx", (unsigned long long)number);
	pthread_mutex_lock(&lock);
	for (;;) {
		log = logs;
		while (log &&
		       (!log->is_exchange || log->is_unreadable || strcmp(log->name, name) != 0))
			log = log->next;
		if (!log || !log->is_active)
			break;
		waited = true;
		wait_for_owner();
	}
	if (!log && waited) {
		*result = -EDEADLK;
		ret = 1;
	} else if (log && log->is_over) {
		*result = log->result;
		ret = 1;
	} else if (log) {
		is_mine(log);
		*out = log;
		ret = 2;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static struct movelog *waiting(const char *at)
{
	int64_t now = clock_ns();
	struct movelog *log = logs;

	while (log && (log->is_active || is_still(log) || !context_find(log->ctx) ||
		       !(at ? touches(log, at) : log->due_ns <= now)))
		log = log->next;
	return log;
}

static void forget_over(void)
{
	int64_t now = clock_ns();
	struct movelog *next;

	for (struct movelog *log = logs; log; log = next) {
		next = log->next;
		if (log->is_over && log->due_ns <= now)
			drop(log);
	}
}

bool movelog_pending(void)
{
	bool is;

	pthread_mutex_lock(&lock);
	forget_over();
	is = waiting(NULL);
	pthread_mutex_unlock(&lock);
	return is;
}

struct movelog *movelog_take(const char *at)
{
	struct movelog *log;

	pthread_mutex_lock(&lock);
	log = waiting(at);
	if (log)
		is_mine(log);
	pthread_mutex_unlock(&lock);
	return log;
}

/* What this try has noted, for the next. */
static void read_again(struct movelog *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(log->copies[i].key);
	log->count = 0;
	log->is_resumed = true;
	close(log->fd);
	if (moverecord_read(logs_fd, log))
		log_warn("%s: the journal of its renaming cannot be read", log->from);
}

void movelog_end(struct movelog *log)
{
	pthread_mutex_lock(&lock);
	drop(log);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	/* after a power cut it would come back, and remove what has the same bytes by then */
	if (fsync(logs_fd))
		log_debug("the end of a renaming may not be on disk yet: %s", strerror(errno));
}

void movelog_fail(struct movelog *log, int error, const char *why)
{
	pthread_mutex_lock(&lock);
	if (error == -ENOENT || error == -EEXIST)
		moverecord_parked(log, error, why);
	read_again(log);
	if (log->is_parked)
		__atomic_sub_fetch(&going, 1, __ATOMIC_SEQ_CST);
	log->error = error;
	snprintf(log->why, sizeof(log->why), "%s", why);
	log->is_active = log->is_copying = false;
	log->due_ns = clock_ns() + AGAIN_NS;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void movelog_over(struct movelog *log, int result)
{
	pthread_mutex_lock(&lock);
	__atomic_sub_fetch(&going, 1, __ATOMIC_SEQ_CST);
	if (moverecord_over(log, result))
		log_warn("%s: the end of its exchange cannot be noted", log->from);
	log->is_active = log->is_copying = false;
	log->due_ns = clock_ns() + OVER_NS;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* --- names in use --- */

bool movelog_any(void)
{
	return __atomic_load_n(&going, __ATOMIC_SEQ_CST);
}

/* Is object the directory that has the other in it? */
static bool is_parent(const char *object, const char *other)
{
	const char *rest, *slash;

	if (!name_is_above(object, other) || name_is_above(other, object))
		return false;
	rest = other + strlen(object);
	slash = strchr(*rest == '/' ? rest + 1 : rest, '/');
	return !slash || !slash[1];
}

static bool is_own(const struct movelog *log)
{
	return log->is_active && pthread_equal(log->owner, pthread_self());
}

static const struct movelog *find_own(void)
{
	const struct movelog *log = logs;

	while (log && !is_own(log))
		log = log->next;
	return log;
}

void movelog_copies(struct movelog *log, bool copies)
{
	pthread_mutex_lock(&lock);
	log->is_copying = copies;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

bool movelog_is_mine(void)
{
	bool is;

	if (!movelog_any())
		return false;
	pthread_mutex_lock(&lock);
	is = find_own();
	pthread_mutex_unlock(&lock);
	return is;
}

static bool matters(const struct movelog *log, const char *object, const char *side,
		    enum movelog_use use)
{
	if (!*side)
		return false;
	if (name_is_above(side, object))
		return log->is_exchange || use >= MOVELOG_WRITES;
	if (use == MOVELOG_REMOVES)
		return name_is_above(object, side);
	return use == MOVELOG_LISTS && log->is_exchange && is_parent(object, side);
}

enum movelog_state movelog_state(const char *object, enum movelog_use use)
{
	enum movelog_state state = MOVELOG_FREE;
	bool moves;
	int64_t now;

	if (!movelog_any())
		return MOVELOG_FREE;
	now = clock_ns();
	pthread_mutex_lock(&lock);
	moves = find_own();
	for (const struct movelog *log = logs; log; log = log->next) {
		if (is_still(log) || is_own(log) || (moves && !log->is_copying) ||
		    !(matters(log, object, log->from, use) || matters(log, object, log->to, use) ||
		      matters(log, object, log->scratch, use)))
			continue;
		if (log->is_active)
			state = MOVELOG_MOVES;
		else if (!state && log->due_ns <= now && context_find(log->ctx))
			state = MOVELOG_WAITS;
	}
	pthread_mutex_unlock(&lock);
	return state;
}

bool movelog_is_stuck(const char *object)
{
	const struct movelog *log;

	pthread_mutex_lock(&lock);
	log = logs;
	while (log &&
	       (is_still(log) || log->is_active || context_find(log->ctx) || !touches(log, object)))
		log = log->next;
	pthread_mutex_unlock(&lock);
	return log;
}

void movelog_pause(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PAUSE_NS;
	until.tv_sec += until.tv_nsec / CLOCK_NS_PER_S;
	until.tv_nsec %= CLOCK_NS_PER_S;
	pthread_mutex_lock(&lock);
	pthread_cond_timedwait(&changed, &lock, &until);
	pthread_mutex_unlock(&lock);
}

bool movelog_hides(const char *object)
{
	const struct movelog *log;

	if (!movelog_any())
		return false;
	pthread_mutex_lock(&lock);
	log = logs;
	while (log && (is_still(log) || strcmp(log->scratch, object) != 0))
		log = log->next;
	pthread_mutex_unlock(&lock);
	return log;
}

/* --- for the user --- */

/* A number that JSON and shells take for what it is. */
static int64_t id_of(const struct movelog *log)
{
	return (int64_t)(strtoull(log->name, NULL, 16) & INT64_MAX);
}

int movelog_each_left(int (*each)(void *arg, const struct movelog_left *left), void *arg)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	for (const struct movelog *log = logs; log && !ret; log = log->next) {
		const struct movelog_left left = {id_of(log), log, context_find(log->ctx)};

		if (!log->is_over)
			ret = each(arg, &left);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

/* 0, -ENOENT or -EBUSY. */
static int find_left(int64_t id, struct movelog **out)
{
	struct movelog *log = logs;

	while (log && (log->is_over || id_of(log) != id))
		log = log->next;
	if (!log)
		return -ENOENT;
	*out = log;
	return log->is_active ? -EBUSY : 0;
}

/* By other credentials from now on, and by the next daemon. */
static int use_others(struct movelog *log, const uint8_t *ctx)
{
	uint8_t own[WIRE_CTX_BYTES];
	int ret;

	if (!context_find(ctx))
		return -EKEYREJECTED;
	memcpy(own, log->ctx, sizeof(own));
	memcpy(log->ctx, ctx, sizeof(log->ctx));
	ret = moverecord_begin(log);
	if (ret)
		memcpy(log->ctx, own, sizeof(own));
	return ret;
}

int movelog_take_left(int64_t id, const uint8_t *ctx, struct movelog **out)
{
	struct movelog *log;
	bool waited = false;
	int ret;

	pthread_mutex_lock(&lock);
	while ((ret = find_left(id, &log)) == -EBUSY) {
		waited = true;
		pthread_cond_wait(&changed, &lock);
	}
	if (ret && waited)
		ret = 1;
	if (!ret && log->is_unreadable)
		ret = -EBADMSG;
	if (!ret && !context_find(log->ctx))
		ret = use_others(log, ctx);
	if (!ret) {
		is_mine(log);
		*out = log;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int movelog_discard(int64_t id)
{
	struct movelog *log;
	int ret;

	pthread_mutex_lock(&lock);
	ret = find_left(id, &log);
	if (!ret)
		drop(log);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return ret;
}
