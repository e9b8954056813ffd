/* SPDX-License-Identifier: Apache-2.0 */
/* See gonelog.h. A row of strings with their NULs, since keys may hold anything else: five for each
 * that was begun, "A" first, four for each that was refused, "R" first, two for each that has
 * ended, "D" first. What a death has cut short is
 * none: nobody was told of it. */
#include "fs/gonelog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/journals.h"
#include "fs/names.h"

#define LOG_BYTES_MAX (1u << 28)
#define BEGUN_FIELDS  5		/* "A", number and process, context, ETag, object */
#define ENDED_FIELDS  2		/* "D", number */
#define TOLD_FIELDS   4		/* "R", number, errno, message */
#define SHRINK_BYTES  (1 << 20) /* with less it is not written anew for what has ended */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what is written */
static int log_fd = -1;
static uint64_t next_serial = 1;

/* --- reading --- */

static struct gonelog_left *parse_begun(const char *const field[BEGUN_FIELDS])
{
	size_t len = strlen(field[4]);
	struct gonelog_left *l = calloc(1, sizeof(*l) + len + 1);
	unsigned long long serial;

	if (!l)
		return NULL;
	if (sscanf(field[1], "%llu %d", &serial, &l->pid) != 2 || len >= NAME_OBJECT_MAX ||
	    strlen(field[3]) >= sizeof(l->etag) || journals_read_ctx(field[2], l->ctx)) {
		free(l);
		return NULL;
	}
	l->serial = serial;
	strcpy(l->etag, field[3]);
	memcpy(l->object, field[4], len + 1);
	return l;
}

struct list {
	struct gonelog_left *first, **last;
};

/* They end nearly in the order in which they were begun. */
static void drop(struct list *list, uint64_t serial)
{
	struct gonelog_left **at = &list->first, *l;

	while (*at && (*at)->serial != serial)
		at = &(*at)->next;
	l = *at;
	if (!l)
		return;
	*at = l->next;
	if (list->last == &l->next)
		list->last = at;
	free(l);
}

static void note_refused(const struct list *list, const char *const field[TOLD_FIELDS])
{
	uint64_t serial = strtoull(field[1], NULL, 10);

	for (struct gonelog_left *l = list->first; l; l = l->next) {
		if (l->serial != serial)
			continue;
		l->error = -abs(atoi(field[2]));
		snprintf(l->message, sizeof(l->message), "%s", field[3]);
	}
}

/* Up to max strings of a record. How many there are. */
static size_t take_fields(const char **at, const char *end, const char **field, size_t max)
{
	size_t n = 0;

	while (n < max) {
		const char *nul = memchr(*at, 0, (size_t)(end - *at));

		if (!nul)
			break;
		field[n++] = *at;
		*at = nul + 1;
	}
	return n;
}

/* *at: behind the last whole record then. */
static struct gonelog_left *parse(const char **at, const char *end)
{
	struct list list = {.last = &list.first};
	const char *field[BEGUN_FIELDS], *p = *at;

	while (p < end && strchr("ADR", *p) && *p) {
		size_t wanted = *p == 'A' ? BEGUN_FIELDS : *p == 'D' ? ENDED_FIELDS : TOLD_FIELDS;

		if (take_fields(&p, end, field, wanted) < wanted)
			break;
		*at = p;
		if (*field[0] == 'D') {
			drop(&list, strtoull(field[1], NULL, 10));
		} else if (*field[0] == 'R') {
			note_refused(&list, field);
		} else {
			*list.last = parse_begun(field);
			if (*list.last)
				list.last = &(*list.last)->next;
		}
	}
	return list.first;
}

static int read_log(struct gonelog_left **out)
{
	SCOPE_FREE char *text = NULL;
	struct stat st;
	const char *end;
	ssize_t n;

	if (fstat(log_fd, &st))
		return -errno;
	if (st.st_size > LOG_BYTES_MAX)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = pread(log_fd, text, (size_t)st.st_size, 0);
	if (n < 0)
		return -errno;
	end = text;
	*out = parse(&end, text + n);
	/* what comes next must not stand behind half a record */
	return ftruncate(log_fd, end - text) ? -errno : 0;
}

int gonelog_start(int dir_fd, struct gonelog_left **left_out)
{
	int ret;

	*left_out = NULL;
	log_fd = openat(dir_fd, "gone", O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (log_fd < 0)
		return -errno;
	ret = read_log(left_out);
	if (ret)
		return ret;
	if (!*left_out)
		gonelog_empty(NULL);
	for (struct gonelog_left *l = *left_out; l; l = l->next) {
		if (l->serial >= next_serial)
			next_serial = l->serial + 1;
	}
	return 0;
}

void gonelog_stop(void)
{
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
}

/* --- writing --- */

/* With the lock. Whole or not at all: after half a record the next would not be understood. */
static int put(const char *text, size_t bytes)
{
	off_t end = lseek(log_fd, 0, SEEK_END);
	ssize_t n = write(log_fd, text, bytes);

	if (n == (ssize_t)bytes)
		return 0;
	if (n > 0 && ftruncate(log_fd, end))
		log_warn("the journal of what is removed is damaged");
	return n < 0 ? -errno : -ENOSPC;
}

/* With the lock. */
static int add(uint64_t serial, const uint8_t *ctx, pid_t pid, const char *etag, const char *object)
{
	SCOPE_FREE char *record = NULL;
	char hex[JOURNALS_HEX_BYTES];
	int bytes;

	if (log_fd < 0)
		return -EBADF;
	journals_write_ctx(ctx, hex);
	bytes = asprintf(&record, "A%c%llu %d%c%s%c%s%c%s", 0, (unsigned long long)serial, (int)pid,
			 0, hex, 0, etag, 0, object);
	if (bytes < 0) {
		record = NULL;
		return -ENOMEM;
	}
	return put(record, (size_t)bytes + 1);
}

int gonelog_add(const uint8_t *ctx, pid_t pid, const char *etag, const char *object,
		uint64_t *serial_out)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = add(next_serial, ctx, pid, etag, object);
	if (!ret)
		*serial_out = next_serial++;
	pthread_mutex_unlock(&lock);
	return ret;
}

/* With the lock. */
static int add_refused(uint64_t serial, int error, const char *message)
{
	char record[STORE_MESSAGE_BYTES + 64];
	int bytes = snprintf(record, sizeof(record), "R%c%llu%c%d%c%.*s", 0,
			     (unsigned long long)serial, 0, -error, 0, STORE_MESSAGE_BYTES - 1,
			     message);

	return put(record, (size_t)bytes + 1);
}

int gonelog_refused(uint64_t serial, int error, const char *message)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = add_refused(serial, error, message);
	pthread_mutex_unlock(&lock);
	return ret;
}

void gonelog_done(const uint64_t *serials, size_t n)
{
	SCOPE_BUFFER struct buffer records = BUFFER_INIT(n * 32);
	char text[32];
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		int len =
			snprintf(text, sizeof(text), "D%c%llu", 0, (unsigned long long)serials[i]);

		ret = buffer_add(&records, text, (size_t)len + 1);
	}
	pthread_mutex_lock(&lock);
	if (!ret && n)
		ret = put(records.data, records.len);
	pthread_mutex_unlock(&lock);
	if (ret)
		log_debug("that files were removed cannot be noted: %s", strerror(-ret));
}

void gonelog_empty(const struct gonelog_left *but)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (!but || lseek(log_fd, 0, SEEK_END) > SHRINK_BYTES) {
		if (ftruncate(log_fd, 0))
			log_debug("the journal of what is removed stays: %s", strerror(errno));
		for (; but && !ret; but = but->next) {
			ret = add(but->serial, but->ctx, but->pid, but->etag, but->object);
			if (!ret)
				ret = add_refused(but->serial, but->error, but->message);
		}
	}
	pthread_mutex_unlock(&lock);
	if (ret)
		log_warn("what could not be removed cannot be noted: %s", strerror(-ret));
}
