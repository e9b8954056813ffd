/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See movelog.h. A file is a row of records, each a letter and one or three strings with their
 * NULs, since keys may hold anything else. A record that a death has cut short is none.
 */
#include "fs/movelog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/journals.h"

#define LOG_BYTES_MAX (UINT64_C(1) << 31)
#define AGAIN_NS      (10 * CLOCK_NS_PER_S)

#define HEAD   'H' /* context, from, to */
#define COPIED 'C' /* key, ETag, ETag of its copy */
#define STATE  'S' /* "delete" or "undo" */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct movelog *logs;
static int logs_fd = -1;

static void log_free(struct movelog *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(log->copies[i].key);
	free(log->copies);
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}

/* --- reading --- */

static int add_copy(struct movelog *log, const char *key, const char *was, const char *now)
{
	size_t a = strlen(key) + 1, b = strlen(was) + 1, c = strlen(now) + 1;
	char *text;

	if (log->count == log->cap) {
		size_t cap = log->cap ? 2 * log->cap : 256;
		struct movelog_copy *grown = reallocarray(log->copies, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		log->copies = grown;
		log->cap = cap;
	}
	text = malloc(a + b + c);
	if (!text)
		return -ENOMEM;
	memcpy(text, key, a);
	memcpy(text + a, was, b);
	memcpy(text + a + b, now, c);
	log->copies[log->count++] = (struct movelog_copy){text, text + a, text + a + b};
	return 0;
}

static int apply(struct movelog *log, char kind, const char *const text[3])
{
	switch (kind) {
	case HEAD:
		if (strlen(text[1]) >= NAME_OBJECT_MAX || strlen(text[2]) >= NAME_OBJECT_MAX)
			return -EBADMSG;
		strcpy(log->from, text[1]);
		strcpy(log->to, text[2]);
		return journals_read_ctx(text[0], log->ctx);
	case COPIED:
		return add_copy(log, text[0], text[1], text[2]);
	case STATE:
		log->deletes |= !strcmp(text[0], "delete");
		log->undoes |= !strcmp(text[0], "undo");
		return 0;
	default:
		return -EBADMSG;
	}
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct movelog_copy *)a)->key, ((const struct movelog_copy *)b)->key);
}

static int parse(struct movelog *log, const char *at, const char *end)
{
	int ret = 0;

	while (!ret && at < end) {
		char kind = *at++;
		const char *text[3];

		for (int i = 0; i < 3; i++) {
			const char *nul = memchr(at, 0, (size_t)(end - at));

			if (!nul) {
				at = end; /* cut short */
				kind = 0;
				break;
			}
			text[i] = at;
			at = nul + 1;
		}
		if (kind)
			ret = apply(log, kind, text);
	}
	if (log->count)
		qsort(log->copies, log->count, sizeof(*log->copies), by_key);
	return ret || log->from[0] ? ret : -EBADMSG;
}

/* folder_fd: of all of them. */
static int read_log(struct movelog *log, int folder_fd)
{
	SCOPE_FREE char *text = NULL;
	struct stat st;
	ssize_t n;

	log->fd = openat(folder_fd, log->name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (log->fd < 0 || fstat(log->fd, &st))
		return -errno;
	if ((uint64_t)st.st_size > LOG_BYTES_MAX)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = pread(log->fd, text, (size_t)st.st_size, 0);
	return n < 0 ? -errno : parse(log, text, text + n);
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
	ret = read_log(log, folder_fd);
	if (!ret) {
		log_info("%s: was being renamed to %s when a daemon died", log->from, log->to);
		log->next = logs;
		logs = log;
		return;
	}
	if (ret == -EBADMSG) /* it died before it had begun */
		unlinkat(folder_fd, name, 0);
	log_free(log);
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

		log_free(logs);
		logs = next;
	}
	if (logs_fd >= 0)
		close(logs_fd);
	logs_fd = -1;
	pthread_mutex_unlock(&lock);
}

/* --- writing --- */

static int note(struct movelog *log, char kind, const char *a, const char *b, const char *c)
{
	SCOPE_FREE char *record = NULL;
	int bytes = asprintf(&record, "%c%s%c%s%c%s", kind, a, 0, b, 0, c);
	ssize_t n;

	if (bytes < 0) {
		record = NULL;
		return -ENOMEM;
	}
	n = write(log->fd, record, (size_t)bytes + 1);
	if (n == bytes + 1)
		return 0;
	return n < 0 ? -errno : -ENOSPC;
}

void movelog_copied(struct movelog *log, const char *key, const char *was, const char *now)
{
	if (note(log, COPIED, key, was, now))
		log_debug("%s: that it was copied cannot be noted", key);
}

void movelog_deletes(struct movelog *log)
{
	log->deletes = true;
	note(log, STATE, "delete", "", "");
}

void movelog_undoes(struct movelog *log)
{
	log->undoes = true;
	note(log, STATE, "undo", "", "");
}

const struct movelog_copy *movelog_find(const struct movelog *log, const char *key, const char *was)
{
	const struct movelog_copy wanted = {.key = (char *)key};
	const struct movelog_copy *found =
		log->count ? bsearch(&wanted, log->copies, log->count, sizeof(wanted), by_key)
			   : NULL;

	return found && !strcmp(found->was, was) ? found : NULL;
}

static int make(const uint8_t *ctx, const char *from, const char *to, struct movelog **out)
{
	struct movelog *log = calloc(1, sizeof(*log));
	char hex[JOURNALS_HEX_BYTES];
	int ret = 0;

	if (!log)
		return -ENOMEM;
	memcpy(log->ctx, ctx, WIRE_CTX_BYTES);
	snprintf(log->from, sizeof(log->from), "%s", from);
	snprintf(log->to, sizeof(log->to), "%s", to);
	journals_name(log->name);
	journals_write_ctx(ctx, hex);
	log->fd = openat(logs_fd, log->name,
			 O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	ret = log->fd < 0 ? -errno : note(log, HEAD, hex, from, to);
	if (ret) {
		unlinkat(logs_fd, log->name, 0);
		log_free(log);
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
	if (read_log(log, logs_fd))
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
		log_free(log);
	} else {
		read_again(log);
		log->is_active = false;
		log->due_ns = clock_ns() + AGAIN_NS;
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}
