/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See moverecord.h. A record is a letter and three strings with their NULs, since keys may hold
 * anything else. One that a death has cut short is none.
 */
#include "fs/moverecord.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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
#define PAIR   'E' /* context with the kinds of both, from, to: an exchange */
#define COPIED 'C' /* key, ETag, ETag of its copy */
#define STATE  'S' /* "delete" or "undo" */
#define WHERE  'W' /* the service's address */
#define MARK   'M' /* the new name was a directory by its mark */
#define FREE   'F' /* nothing else had the new names */
#define LEG    'L' /* which of the chain, "on" or "back", the error that sends it back or 0 */
#define OVER   'O' /* the result */
#define PARKED 'P' /* the error, why; until the next of H, E, L */

#define HEX_BYTES (JOURNALS_HEX_BYTES - 1)
#define KIND_DIR  'd'
#define KIND_FILE 'f'

/* Of whoever adds a record to any of them: copies end on several threads. */
static pthread_mutex_t writes = PTHREAD_MUTEX_INITIALIZER;

static void forget_copies(struct movelog *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(log->copies[i].key);
	log->count = 0;
}

void moverecord_free(struct movelog *log)
{
	forget_copies(log);
	free(log->copies);
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}

/* --- reading --- */

/* What one of two files' chain leaves behind, the next expects. */
static void pass(struct movelog *log, const char *was, const char *now)
{
	if (!log->is_exchange || log->is_dir[0] || log->is_dir[1] || log->is_back ||
	    log->leg >= MOVELOG_LEGS_MAX)
		return;
	snprintf(log->passed[log->leg].was, STORE_ETAG_BYTES, "%s", was);
	snprintf(log->passed[log->leg].now, STORE_ETAG_BYTES, "%s", now);
}

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
	pass(log, was, now);
	return 0;
}

static int take_head(struct movelog *log, const char *const text[3])
{
	char hex[JOURNALS_HEX_BYTES];

	snprintf(hex, sizeof(hex), "%s", text[0]); /* of an exchange more follows */
	if (strlen(text[1]) >= NAME_OBJECT_MAX || strlen(text[2]) >= NAME_OBJECT_MAX)
		return -EBADMSG;
	log->is_parked = false;
	strcpy(log->from, text[1]);
	strcpy(log->to, text[2]);
	return journals_read_ctx(hex, log->ctx);
}

static int take_pair(struct movelog *log, const char *const text[3])
{
	if (strlen(text[0]) != HEX_BYTES + 2)
		return -EBADMSG;
	log->is_exchange = true;
	for (size_t i = 0; i < 2; i++) {
		char kind = text[0][HEX_BYTES + i];

		if (kind != KIND_DIR && kind != KIND_FILE)
			return -EBADMSG;
		log->is_dir[i] = kind == KIND_DIR;
	}
	return take_head(log, text);
}

/* A number without a sign. */
static int parse_number(const char *text, unsigned max, unsigned *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n > max)
		return -EBADMSG;
	*out = (unsigned)n;
	return 0;
}

static void next_leg(struct movelog *log, unsigned leg, bool is_back, int error)
{
	forget_copies(log);
	log->deletes = log->undoes = log->has_mark = log->is_checked = log->misses = false;
	log->leg = leg;
	log->is_back = is_back;
	if (error)
		log->result = error;
}

static int take_leg(struct movelog *log, const char *const text[3])
{
	unsigned leg, error;
	bool is_back = !strcmp(text[1], "back");

	if (!log->is_exchange || parse_number(text[0], MOVELOG_LEGS_MAX, &leg) ||
	    parse_number(text[2], 4095, &error) || (!is_back && strcmp(text[1], "on") != 0))
		return -EBADMSG;
	next_leg(log, leg, is_back, -(int)error);
	log->is_parked = false;
	return 0;
}

static int take_over(struct movelog *log, const char *const text[3])
{
	unsigned error;

	if (!log->is_exchange || parse_number(text[0], 4095, &error))
		return -EBADMSG;
	log->is_over = true;
	log->result = -(int)error;
	return 0;
}

static int take_parked(struct movelog *log, const char *const text[3])
{
	unsigned error;

	if (parse_number(text[0], 4095, &error))
		return -EBADMSG;
	log->is_parked = true;
	log->error = -(int)error;
	snprintf(log->why, sizeof(log->why), "%s", text[1]);
	return 0;
}

static int apply(struct movelog *log, char kind, const char *const text[3])
{
	switch (kind) {
	case HEAD:
		return strlen(text[0]) == HEX_BYTES ? take_head(log, text) : -EBADMSG;
	case PAIR:
		return take_pair(log, text);
	case COPIED:
		return add_copy(log, text[0], text[1], text[2]);
	case STATE:
		log->deletes |= !strcmp(text[0], "delete");
		log->undoes |= !strcmp(text[0], "undo");
		return 0;
	case WHERE:
		snprintf(log->where, sizeof(log->where), "%s", text[0]);
		return 0;
	case MARK:
		log->has_mark = true;
		return 0;
	case FREE:
		log->is_checked = true;
		return 0;
	case LEG:
		return take_leg(log, text);
	case OVER:
		return take_over(log, text);
	case PARKED:
		return take_parked(log, text);
	default:
		return -EBADMSG;
	}
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct movelog_copy *)a)->key, ((const struct movelog_copy *)b)->key);
}

/* *whole: where the last one ends that is whole. */
static int parse(struct movelog *log, const char *at, const char *end, const char **whole)
{
	const char *start = at;
	int ret = 0;

	*whole = at;

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
		if (kind) {
			ret = apply(log, kind, text);
			*whole = at;
			if (strchr((char[]){HEAD, PAIR, WHERE, MARK, FREE, LEG, 0}, kind))
				log->base = at - start;
		}
	}
	if (log->count)
		qsort(log->copies, log->count, sizeof(*log->copies), by_key);
	return ret || log->from[0] ? ret : *whole == start ? -ENODATA : -EBADMSG;
}

int moverecord_read(int dir_fd, struct movelog *log)
{
	SCOPE_FREE char *text = NULL;
	const char *whole;
	struct stat st;
	ssize_t n;
	int ret;

	log->fd = openat(dir_fd, log->name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (log->fd < 0 || fstat(log->fd, &st))
		return -errno;
	if ((uint64_t)st.st_size > LOG_BYTES_MAX)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = pread(log->fd, text, (size_t)st.st_size, 0);
	if (n < 0)
		return -errno;
	ret = parse(log, text, text + n, &whole);
	if (!ret && whole != text + n && ftruncate(log->fd, whole - text))
		ret = -errno; /* what is noted next would be taken for its rest */
	log->is_torn = log->misses = false;
	moverecord_name_scratch(log);
	return ret;
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

bool moverecord_is_copy(const struct movelog *log, const char *key, const char *now)
{
	const struct movelog_copy wanted = {.key = (char *)key};
	const struct movelog_copy *at =
		log->count ? bsearch(&wanted, log->copies, log->count, sizeof(wanted), by_key)
			   : NULL;

	while (at && at > log->copies && !strcmp(at[-1].key, key))
		at--;
	for (; at && at < log->copies + log->count && !strcmp(at->key, key); at++) {
		if (*now && !strcmp(at->now, now))
			return true;
	}
	return false;
}

/* --- writing --- */

static int note(struct movelog *log, char kind, const char *a, const char *b, const char *c)
{
	SCOPE_FREE char *record = NULL;
	int bytes = asprintf(&record, "%c%s%c%s%c%s", kind, a, 0, b, 0, c);
	int ret;

	if (bytes < 0) {
		record = NULL;
		return -ENOMEM;
	}
	pthread_mutex_lock(&writes);
	ret = log->is_torn ? -EUCLEAN : journals_append(log->fd, record, (size_t)bytes + 1);
	log->is_torn = ret == -EUCLEAN; /* nobody could read what came behind half of one */
	pthread_mutex_unlock(&writes);
	return ret == -EUCLEAN ? -EIO : ret;
}

/* One with which everything begins anew. */
static int note_base(struct movelog *log, char kind, const char *a, const char *b, const char *c)
{
	int ret = note(log, kind, a, b, c);
	struct stat st;

	if (!ret)
		log->base = fstat(log->fd, &st) ? 0 : st.st_size;
	return ret;
}

int moverecord_begin(struct movelog *log)
{
	char who[HEX_BYTES + 3];

	journals_write_ctx(log->ctx, who);
	if (log->is_exchange)
		snprintf(who + HEX_BYTES, 3, "%c%c", log->is_dir[0] ? KIND_DIR : KIND_FILE,
			 log->is_dir[1] ? KIND_DIR : KIND_FILE);
	return note_base(log, log->is_exchange ? PAIR : HEAD, who, log->from, log->to);
}

/* Beside what has the second name: whoever may write there may write this. */
void moverecord_name_scratch(struct movelog *log)
{
	size_t len = strlen(log->to);

	log->scratch[0] = '\0';
	if (!log->is_exchange || log->is_dir[0] != log->is_dir[1])
		return;
	len -= len && log->is_dir[1];
	while (len && log->to[len - 1] != '/')
		len--;
	if (snprintf(log->scratch, sizeof(log->scratch), "%.*s.exchange-%s%s", (int)len, log->to,
		     log->name, log->is_dir[1] ? "/" : "") >= (int)sizeof(log->scratch))
		log->scratch[0] = '\0';
}

void moverecord_copied(struct movelog *log, const char *key, const char *was, const char *now)
{
	pass(log, was, now);
	if (!note(log, COPIED, key, was, now))
		return;
	__atomic_store_n(&log->misses, true, __ATOMIC_RELAXED);
	log_debug("%s: that it was copied cannot be noted", key);
}

/* Until the disk has it: after a power cut too, what was done must not come after what is noted. */
static int note_on_disk(struct movelog *log, const char *state)
{
	int ret = note(log, STATE, state, "", "");

	return !ret && fdatasync(log->fd) ? -errno : ret;
}

int moverecord_deletes(struct movelog *log)
{
	int ret = 0;

	if (!log->deletes)
		ret = __atomic_load_n(&log->misses, __ATOMIC_RELAXED) ? -ENOSPC
								      : note_on_disk(log, "delete");
	if (!ret)
		log->deletes = true;
	return ret;
}

int moverecord_undoes(struct movelog *log)
{
	int ret = log->undoes ? 0 : note_on_disk(log, "undo");

	if (ret && log->base && !ftruncate(log->fd, log->base)) {
		log->is_torn = false;
		ret = note_on_disk(log, "undo");
	}
	if (!ret)
		log->undoes = true;
	return ret;
}

void moverecord_where(struct movelog *log, const char *where)
{
	if (!note_base(log, WHERE, where, "", ""))
		snprintf(log->where, sizeof(log->where), "%s", where);
}

int moverecord_mark(struct movelog *log)
{
	int ret = note_base(log, MARK, "", "", "");

	log->has_mark |= !ret;
	return ret;
}

int moverecord_checked(struct movelog *log)
{
	int ret = log->is_checked ? 0 : note_base(log, FREE, "", "", "");

	log->is_checked |= !ret;
	return ret;
}

int moverecord_leg(struct movelog *log, unsigned leg, bool is_back, int error)
{
	char number[16], why[16];
	int ret;

	snprintf(number, sizeof(number), "%u", leg);
	snprintf(why, sizeof(why), "%d", -error);
	ret = note_base(log, LEG, number, is_back ? "back" : "on", why);
	if (ret)
		return ret;
	next_leg(log, leg, is_back, error);
	log->is_resumed = false;
	return 0;
}

int moverecord_over(struct movelog *log, int result)
{
	char why[16];

	log->is_over = true;
	log->result = result;
	snprintf(why, sizeof(why), "%d", -result);
	return note(log, OVER, why, "", "");
}

void moverecord_parked(struct movelog *log, int error, const char *why)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", -error);
	if (note(log, PARKED, number, why, ""))
		log_debug("%s: that it cannot go on cannot be noted", log->from);
}
