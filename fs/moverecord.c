/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See moverecord.h. A record is a letter and three strings with their NULs, since keys may hold
 * anything else. One that a death has cut short is none.
 */
#include "fs/moverecord.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/scope.h"
#include "fs/journals.h"

#define LOG_BYTES_MAX (UINT64_C(1) << 31)

#define HEAD   'H' /* context, from, to */
#define COPIED 'C' /* key, ETag, ETag of its copy */
#define STATE  'S' /* "delete" or "undo" */

void moverecord_free(struct movelog *log)
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

int moverecord_read(int dir_fd, struct movelog *log)
{
	SCOPE_FREE char *text = NULL;
	struct stat st;
	ssize_t n;

	log->fd = openat(dir_fd, log->name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
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

const struct movelog_copy *moverecord_find(const struct movelog *log, const char *key,
					   const char *was)
{
	const struct movelog_copy wanted = {.key = (char *)key};
	const struct movelog_copy *found =
		log->count ? bsearch(&wanted, log->copies, log->count, sizeof(wanted), by_key)
			   : NULL;

	return found && !strcmp(found->was, was) ? found : NULL;
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

int moverecord_begin(struct movelog *log)
{
	char hex[JOURNALS_HEX_BYTES];

	journals_write_ctx(log->ctx, hex);
	return note(log, HEAD, hex, log->from, log->to);
}

void moverecord_copied(struct movelog *log, const char *key, const char *was, const char *now)
{
	if (note(log, COPIED, key, was, now))
		log_debug("%s: that it was copied cannot be noted", key);
}

void moverecord_deletes(struct movelog *log)
{
	log->deletes = true;
	note(log, STATE, "delete", "", "");
}

void moverecord_undoes(struct movelog *log)
{
	log->undoes = true;
	note(log, STATE, "undo", "", "");
}
