/* SPDX-License-Identifier: Apache-2.0 */
/* See movelog.h: the list of them, and who goes on with which. */
#include "fs/movelog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/journals.h"
#include "fs/moverecord.h"

#define AGAIN_NS (10 * CLOCK_NS_PER_S)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct movelog *logs;
static int logs_fd = -1;

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
		log_info("%s: was being renamed to %s when a daemon died", log->from, log->to);
		log->next = logs;
		logs = log;
		return;
	}
	if (ret == -EBADMSG) /* it died before it had begun */
		unlinkat(folder_fd, name, 0);
	moverecord_free(log);
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
	if (logs_fd >= 0)
		close(logs_fd);
	logs_fd = -1;
	pthread_mutex_unlock(&lock);
}

static int make(const uint8_t *ctx, const char *from, const char *to, struct movelog **out)
{
	struct movelog *log = calloc(1, sizeof(*log));
	int ret = 0;

	if (!log)
		return -ENOMEM;
	memcpy(log->ctx, ctx, WIRE_CTX_BYTES);
	snprintf(log->from, sizeof(log->from), "%s", from);
	snprintf(log->to, sizeof(log->to), "%s", to);
	journals_name(log->name);
	log->fd = openat(logs_fd, log->name,
			 O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	ret = log->fd < 0 ? -errno : moverecord_begin(log);
	if (ret) {
		unlinkat(logs_fd, log->name, 0);
		moverecord_free(log);
		return ret;
	}
	log->is_active = true;
	*out = log;
	return 0;
}

static struct movelog *find(const uint8_t *ctx, const char *from, const char *to)
{
	struct movelog *log = logs;

	while (log && (memcmp(log->ctx, ctx, WIRE_CTX_BYTES) != 0 || strcmp(log->from, from) != 0 ||
		       strcmp(log->to, to) != 0))
		log = log->next;
	return log;
}

int movelog_begin(const uint8_t *ctx, const char *from, const char *to, struct movelog **out)
{
	struct movelog *log;
	bool waited = false, resumed = false;
	int ret = 0;

	pthread_mutex_lock(&lock);
	while ((log = find(ctx, from, to)) && log->is_active) {
		waited = true;
		resumed |= log->is_resumed;
		pthread_cond_wait(&changed, &lock);
	}
	if (log) {
		log->is_active = true;
		*out = log;
	} else if (waited) {
		ret = resumed ? 1 : -ENOENT;
	} else {
		ret = make(ctx, from, to, out);
		if (!ret) {
			(*out)->next = logs;
			logs = *out;
		}
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static bool meets(const char *a, const char *b)
{
	size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return !strncmp(a, b, n);
}

/* With the lock. */
static struct movelog *waiting(const char *at)
{
	int64_t now = clock_ns();
	struct movelog *log = logs;

	while (log && (log->is_active || !context_find(log->ctx) ||
		       !(at ? meets(at, log->from) || meets(at, log->to) : log->due_ns <= now)))
		log = log->next;
	return log;
}

bool movelog_pending(void)
{
	bool is;

	pthread_mutex_lock(&lock);
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
		log->is_active = true;
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

void movelog_end(struct movelog *log, bool is_done)
{
	struct movelog **at = &logs;

	pthread_mutex_lock(&lock);
	if (is_done) {
		while (*at != log)
			at = &(*at)->next;
		*at = log->next;
		unlinkat(logs_fd, log->name, 0);
		moverecord_free(log);
	} else {
		read_again(log);
		log->is_active = false;
		log->due_ns = clock_ns() + AGAIN_NS;
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}
