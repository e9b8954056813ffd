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

#define READ_BYTES   ((size_t)1 << 20) /* at a time: more than any record has */
#define BEGUN_FIELDS 5		       /* "A", number, process and time, context, ETag, object */
#define ENDED_FIELDS 2		       /* "D", number */
#define TOLD_FIELDS  4		       /* "R", number, errno, message */
#define SHRINK_BYTES (1 << 20)	       /* with less it is not written anew for what has ended */
#define NEW_NAME     "gone.new"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what is written */
static int log_fd = -1, folder_fd = -1;
static uint64_t next_serial = 1;
static off_t kept_bytes; /* its size when it was last written anew */
static bool is_torn;	 /* it ends in half a record, which cannot be taken away */

/* --- reading --- */

/* *out: NULL if it makes no sense. 0 or -ENOMEM. */
static int parse_begun(const char *const field[BEGUN_FIELDS], struct gonelog_left **out)
{
	size_t len = strlen(field[4]);
	struct gonelog_left *l = calloc(1, sizeof(*l) + len + 1);
	unsigned long long serial;
	long long asked_s = 0;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	if (sscanf(field[1], "%llu %d %lld", &serial, &l->pid, &asked_s) < 2 ||
	    len >= NAME_OBJECT_MAX || strlen(field[3]) >= sizeof(l->etag) ||
	    journals_read_ctx(field[2], l->ctx)) {
		free(l);
		return 0;
	}
	l->serial = serial;
	l->asked_s = asked_s;
	strcpy(l->etag, field[3]);
	memcpy(l->object, field[4], len + 1);
	*out = l;
	return 0;
}

struct list {
	struct gonelog_left *first, **last;
	struct gonelog_left **ended; /* where one stood that has ended */
};

static struct gonelog_left **find(struct gonelog_left **at, uint64_t serial)
{
	while (*at && (*at)->serial != serial)
		at = &(*at)->next;
	return at;
}

/* They end nearly in the order in which they were begun, but for what nobody can end: so the next
 * stands mostly where the last one stood. */
static void drop(struct list *list, uint64_t serial)
{
	struct gonelog_left **at = find(list->ended, serial), *l;

	if (!*at)
		at = find(&list->first, serial);
	l = *at;
	if (!l)
		return;
	*at = l->next;
	if (list->last == &l->next)
		list->last = at;
	list->ended = at;
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

/* *at: behind the last whole record then. 0 or -ENOMEM. */
static int parse(struct list *list, const char **at, const char *end)
{
	const char *field[BEGUN_FIELDS], *p = *at;
	int ret = 0;

	while (!ret && p < end && strchr("ADR", *p) && *p) {
		size_t wanted = *p == 'A' ? BEGUN_FIELDS : *p == 'D' ? ENDED_FIELDS : TOLD_FIELDS;

		if (take_fields(&p, end, field, wanted) < wanted)
			break;
		*at = p;
		if (*field[0] == 'D') {
			drop(list, strtoull(field[1], NULL, 10));
		} else if (*field[0] == 'R') {
			note_refused(list, field);
		} else {
			ret = parse_begun(field, list->last);
			if (*list->last)
				list->last = &(*list->last)->next;
		}
	}
	return ret;
}

/* However long it is. *size_out: up to the end of its last whole record. */
static int read_log(struct list *list, off_t *size_out)
{
	SCOPE_FREE char *text = malloc(READ_BYTES);
	size_t have = 0;
	off_t at = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while ((n = pread(log_fd, text + have, READ_BYTES - have, at + (off_t)have)) > 0) {
		const char *end = text;
		int ret;

		have += (size_t)n;
		ret = parse(list, &end, text + have);
		if (ret)
			return ret;
		have -= (size_t)(end - text);
		at += end - text;
		memmove(text, end, have);
	}
	*size_out = at;
	return n < 0 ? -errno : 0;
}

static void free_list(struct gonelog_left *l)
{
	while (l) {
		struct gonelog_left *next = l->next;

		free(l);
		l = next;
	}
}

static int open_log(int dir_fd)
{
	folder_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (folder_fd < 0)
		return -errno;
	is_torn = false;
	log_fd = journals_create(dir_fd, "gone", 0);
	return log_fd < 0 ? log_fd : 0;
}

int gonelog_start(int dir_fd, struct gonelog_left **left_out)
{
	struct list list = {.last = &list.first, .ended = &list.first};
	off_t size;
	int ret;

	*left_out = NULL;
	ret = open_log(dir_fd);
	if (!ret)
		ret = read_log(&list, &size);
	/* what comes next must not stand behind half a record */
	if (!ret && ftruncate(log_fd, size))
		ret = -errno;
	if (ret) {
		free_list(list.first);
		return ret;
	}
	*left_out = list.first;
	if (!list.first)
		gonelog_empty();
	for (struct gonelog_left *l = list.first; l; l = l->next) {
		if (l->serial >= next_serial)
			next_serial = l->serial + 1;
	}
	return 0;
}

void gonelog_stop(void)
{
	if (log_fd >= 0)
		close(log_fd);
	if (folder_fd >= 0)
		close(folder_fd);
	log_fd = folder_fd = -1;
	kept_bytes = 0;
}

/* --- writing --- */

/* With the lock. Whole or not at all: after half a record the next would not be understood. */
static int put(const char *text, size_t bytes)
{
	int ret = is_torn ? -EUCLEAN : journals_append(log_fd, text, bytes);

	if (ret == -EUCLEAN && !is_torn) {
		log_warn("the journal of what is removed is damaged");
		is_torn = true;
	}
	return ret == -EUCLEAN ? -EIO : ret;
}

static int add_fields(struct buffer *text, const char *const *fields, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = buffer_add(text, fields[i], strlen(fields[i]) + 1);
	return ret;
}

int gonelog_keep_begun(struct buffer *text, const struct gonelog_begun *begun)
{
	char number[72], hex[JOURNALS_HEX_BYTES];
	const char *const fields[BEGUN_FIELDS] = {"A", number, hex, begun->etag, begun->object};

	snprintf(number, sizeof(number), "%llu %d %lld", (unsigned long long)begun->serial,
		 (int)begun->pid, (long long)begun->asked_s);
	journals_write_ctx(begun->ctx, hex);
	return add_fields(text, fields, BEGUN_FIELDS);
}

static int keep_refused(struct buffer *text, uint64_t serial, int error, const char *message)
{
	char number[24], code[16], said[STORE_MESSAGE_BYTES];
	const char *const fields[TOLD_FIELDS] = {"R", number, code, said};

	snprintf(number, sizeof(number), "%llu", (unsigned long long)serial);
	snprintf(code, sizeof(code), "%d", -error);
	snprintf(said, sizeof(said), "%s", message);
	return add_fields(text, fields, TOLD_FIELDS);
}

int gonelog_keep(struct buffer *text, const struct gonelog_left *l)
{
	int ret = gonelog_keep_begun(text, &(struct gonelog_begun){l->serial, l->ctx, l->pid,
								   l->asked_s, l->etag, l->object});

	return ret || !l->error ? ret : keep_refused(text, l->serial, l->error, l->message);
}

int gonelog_add(struct gonelog_begun *begun)
{
	SCOPE_BUFFER struct buffer record = BUFFER_INIT(READ_BYTES);
	int ret;

	pthread_mutex_lock(&lock);
	begun->serial = next_serial;
	ret = gonelog_keep_begun(&record, begun);
	if (!ret)
		ret = log_fd < 0 ? -EBADF : put(record.data, record.len);
	if (!ret)
		next_serial++;
	pthread_mutex_unlock(&lock);
	return ret;
}

int gonelog_refused(uint64_t serial, int error, const char *message)
{
	SCOPE_BUFFER struct buffer record = BUFFER_INIT(READ_BYTES);
	int ret = keep_refused(&record, serial, error, message);

	pthread_mutex_lock(&lock);
	if (!ret)
		ret = put(record.data, record.len);
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

void gonelog_empty(void)
{
	pthread_mutex_lock(&lock);
	if (ftruncate(log_fd, 0))
		log_debug("the journal of what is removed stays: %s", strerror(errno));
	else
		kept_bytes = is_torn = 0;
	pthread_mutex_unlock(&lock);
}

bool gonelog_is_long(void)
{
	off_t size;

	pthread_mutex_lock(&lock);
	size = lseek(log_fd, 0, SEEK_END);
	pthread_mutex_unlock(&lock);
	return size > SHRINK_BYTES && size > 2 * kept_bytes;
}

/* With the lock. The whole text under the other name, on disk. A descriptor or an error. */
static int write_new(const struct buffer *text)
{
	SCOPE_FD int fd = openat(folder_fd, NEW_NAME,
				 O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
				 0600);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	if (fdatasync(fd) || renameat(folder_fd, NEW_NAME, folder_fd, "gone"))
		return -errno;
	return take_fd(&fd);
}

void gonelog_replace(const struct buffer *text)
{
	int fd;

	pthread_mutex_lock(&lock);
	fd = write_new(text);
	if (fd >= 0) {
		close(log_fd);
		log_fd = fd;
		is_torn = false;
	} else {
		unlinkat(folder_fd, NEW_NAME, 0);
		log_warn("the journal of what is removed stays as long as it is: %s",
			 strerror(-fd));
	}
	kept_bytes = lseek(log_fd, 0, SEEK_END); /* also then: not again at once */
	pthread_mutex_unlock(&lock);
}
