/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See begun.h. A file for each, of five strings with their NULs.
 *
 * What was only asked for has no id, but the time. A service's list of uploads tells of each its
 * key and when it was begun, and nothing that who begins it could mark it with. So those are taken
 * for ours that were begun for this key at about that time, and that after an hour nobody has sent
 * a part for: whoever else had begun one of them would have by then. Where the answer that was lost
 * was not the last one, the upload of the last is known, and none of them.
 */
#include "fs/begun.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/base/wire.h"
#include "core/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/backends.h"
#include "fs/journals.h"
#include "fs/names.h"

#define TEXT_BYTES  (NAME_OBJECT_MAX + 4096)
#define AGAIN_S	    10 /* twice as long each time, up to */
#define AGAIN_MAX_S 3600
#define GIVE_UP_S   (7 * 86400) /* where what was only asked for cannot be looked for */
#define ABOUT_S	    120		/* a request is tried again for less, and clocks differ */
#define SILENT_S    3600 /* without a part; SKYSHIM_UPLOAD_SILENT_S says another, for tests */
#define PAGES_MAX   1000 /* of 1,000 uploads of keys that begin as ours; then it is tried again */

struct begun {
	struct begun *next;
	char name[JOURNALS_NAME_BYTES];
	uint8_t ctx[WIRE_CTX_BYTES];
	char object[NAME_OBJECT_MAX];
	char *upload_id; /* owned; "": it was asked for at asked_s, by this machine's clock */
	char *known;	 /* owned; "": id of the one that the last answer told of */
	int64_t asked_s;
	int64_t due_ns;
	unsigned tries;
	int error; /* of the last try */
	char *why; /* owned, or NULL */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct begun *left; /* by an earlier daemon */
static bool is_running;
static int begun_fd = -1;

static void begun_free(struct begun *b)
{
	free(b->upload_id);
	free(b->known);
	free(b->why);
	free(b);
}

/* Up to n strings with their NULs. How many there are. */
static int split(const char *at, const char *end, const char **out, int n)
{
	int count = 0;

	while (count < n) {
		const char *nul = memchr(at, 0, (size_t)(end - at));

		if (!nul)
			break;
		out[count++] = at;
		at = nul + 1;
	}
	return count;
}

/* "HEX\0OBJECT\0ID\0SECONDS\0KNOWN\0"; earlier daemons wrote no time, or nothing known. */
static int parse(struct begun *b, const char *text, const char *end)
{
	const char *field[5] = {NULL, NULL, NULL, "", ""};
	int count = split(text, end, field, 5);

	if (count < 3 || (count == 3 && !field[2][0]) || strlen(field[1]) >= NAME_OBJECT_MAX ||
	    journals_read_ctx(field[0], b->ctx))
		return -EBADMSG;
	strcpy(b->object, field[1]);
	b->asked_s = strtoll(field[3], NULL, 10);
	b->upload_id = strdup(field[2]);
	b->known = strdup(field[4]);
	return b->upload_id && b->known ? 0 : -ENOMEM;
}

/* With the lock, or before there are threads: for begun_sweep(). */
static void leave(struct begun *b)
{
	const char *text = getenv("SKYSHIM_UPLOAD_SILENT_S");
	int64_t silent = text && *text ? strtoll(text, NULL, 10) : SILENT_S;
	int64_t age = clock_wall_s() - b->asked_s;

	b->due_ns = 0;
	if (!b->upload_id[0]) /* a clock that was set back must not make it wait for ever */
		b->due_ns = clock_ns() + (age < 0	 ? silent
					  : age < silent ? silent - age
							 : 0) *
						 CLOCK_NS_PER_S;
	b->next = left;
	left = b;
}

static void adopt(int folder_fd, const char *name)
{
	SCOPE_FREE char *text = malloc(TEXT_BYTES);
	struct begun *b = calloc(1, sizeof(*b));
	SCOPE_FD int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = text && fd >= 0 ? read(fd, text, TEXT_BYTES) : -1;
	int ret;

	if (!b || n < 0) {
		free(b);
		return;
	}
	snprintf(b->name, sizeof(b->name), "%s", name);
	ret = parse(b, text, text + n);
	if (!ret) {
		leave(b);
		return;
	}
	if (ret == -EBADMSG)
		unlinkat(folder_fd, name, 0); /* it died before it was noted */
	begun_free(b);
}

int begun_start(int dir_fd)
{
	int fd = journals_open(dir_fd, "uploads", adopt);

	if (fd < 0)
		return fd;
	begun_fd = fd;
	return 0;
}

/* Under a name that no daemon reads until it is whole: one that is cut short, and then the daemon
 * killed, would be taken for another. */
static int write_file(const char *name, const char *text, size_t bytes)
{
	char part[JOURNALS_NAME_BYTES + 1];
	SCOPE_FD int fd = -1;
	int ret;

	snprintf(part, sizeof(part), ".%s", name);
	fd = journals_create(begun_fd, part, O_EXCL);
	if (fd < 0)
		return fd;
	ret = journals_append(fd, text, bytes);
	if (!ret && renameat(begun_fd, part, begun_fd, name))
		ret = -errno;
	if (ret)
		unlinkat(begun_fd, part, 0);
	return ret;
}

/* Makes its file, under a new name. 0 or an error. */
static int write_note(struct begun *b)
{
	SCOPE_FREE char *text = NULL;
	char hex[JOURNALS_HEX_BYTES];
	int n;

	journals_name(b->name);
	journals_write_ctx(b->ctx, hex);
	n = asprintf(&text, "%s%c%s%c%s%c%lld%c%s", hex, 0, b->object, 0, b->upload_id, 0,
		     (long long)b->asked_s, 0, b->known);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return write_file(b->name, text, (size_t)n + 1);
}

struct begun *begun_note(const struct store_call *call, const char *upload_id)
{
	struct begun *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->asked_s = clock_wall_s();
	memcpy(b->ctx, context_id(call->ctx), WIRE_CTX_BYTES);
	snprintf(b->object, sizeof(b->object), "%s/%s/%s", call->scheme, call->bucket, call->key);
	b->upload_id = strdup(upload_id);
	b->known = strdup("");
	if (b->upload_id && b->known && !write_note(b))
		return b;
	log_warn("%s://%s: an upload cannot be noted", call->scheme, call->bucket);
	begun_free(b);
	return NULL;
}

struct begun *begun_intend(const struct store_call *call)
{
	return backends_keeps_uploads(call->scheme) ? begun_note(call, "") : NULL;
}

/* Is it certain that nothing was begun that nobody knows of? */
static bool is_settled(const struct store_call *call)
{
	int error = call->error;

	return !call->is_unsure &&
	       (!error || error == -EACCES || error == -ENOENT || error == -EINVAL ||
		error == -E2BIG || error == -ENAMETOOLONG || error == -EOPNOTSUPP);
}

/* It is not to be taken for the one that was lost. */
static int note_known(struct begun *b, const char *upload_id)
{
	char name[JOURNALS_NAME_BYTES];
	char *known = strdup(upload_id);
	int ret;

	if (!known)
		return -ENOMEM;
	memcpy(name, b->name, sizeof(name));
	free(b->known);
	b->known = known;
	unlinkat(begun_fd, name, 0); /* rather none than one by which this would be aborted */
	ret = write_note(b);
	if (ret)
		log_warn("%s: an upload cannot be noted", b->object);
	return ret;
}

void begun_intended(struct begun *b, const struct store_call *call)
{
	bool is_over = is_settled(call);

	if (!b || is_over || call->error == -ECANCELED) {
		begun_end(b, is_over);
		return;
	}
	if (!call->error && note_known(b, call->upload_id)) {
		begun_free(b);
		return;
	}
	pthread_mutex_lock(&lock);
	leave(b);
	pthread_mutex_unlock(&lock);
}

void begun_end(struct begun *b, bool is_over)
{
	if (!b)
		return;
	if (is_over)
		unlinkat(begun_fd, b->name, 0);
	begun_free(b);
}

void begun_leave(struct begun *b)
{
	pthread_mutex_lock(&lock);
	leave(b);
	b->due_ns = clock_ns() + AGAIN_S * CLOCK_NS_PER_S;
	pthread_mutex_unlock(&lock);
}

/* With the lock: where in the list one stands that can be ended now, or the list's end. */
static struct begun **due(void)
{
	int64_t now = clock_ns();
	struct begun **at = &left;

	while (*at && ((*at)->due_ns > now || !context_find((*at)->ctx)))
		at = &(*at)->next;
	return at;
}

/* With the lock: out of the list; or NULL. */
static struct begun *take(void)
{
	struct begun **at = due(), *b = *at;

	if (b)
		*at = b->next;
	return b;
}

static int abort_upload(struct store_call call, const char *upload_id,
			char message[STORE_MESSAGE_BYTES])
{
	int ret;

	call.verb = STORE_ABORT;
	call.upload = upload_id;
	ret = store_run(&call);
	if (ret)
		memcpy(message, call.message, STORE_MESSAGE_BYTES);
	store_call_reset(&call);
	return ret;
}

/* One of a list: was it asked for by us, and forgotten? 1, 0, or the error that hides it. */
static int is_ours(const struct begun *b, struct store_call call, const struct store_entry *entry)
{
	int64_t about = entry->object.mtime_ns / CLOCK_NS_PER_S - b->asked_s;
	int ret;

	if (strcmp(entry->name, call.key) != 0 || about < -ABOUT_S || about > ABOUT_S ||
	    !strcmp(entry->upload, b->known))
		return 0;
	call.upload = entry->upload;
	call.max_entries = 1;
	ret = store_run(&call);
	if (!ret)
		ret = !call.list.count;
	store_call_reset(&call);
	return ret == -ENOENT ? 0 : ret;
}

/* One of a list, if it is ours; who looked for it may have been faster. */
static int abort_if_ours(const struct begun *b, const struct store_call *call,
			 const struct store_entry *entry, char message[STORE_MESSAGE_BYTES])
{
	int ret = is_ours(b, *call, entry);

	if (ret <= 0)
		return ret;
	log_info("%s: an upload that a daemon had begun when it died is aborted", b->object);
	ret = abort_upload(*call, entry->upload, message);
	return ret == -ENOENT ? 0 : ret;
}

/* call: STORE_UPLOADS. One that cannot be aborted does not keep the others: the first error. */
static int abort_ours(const struct begun *b, struct store_call call,
		      char message[STORE_MESSAGE_BYTES])
{
	SCOPE_FREE char *token = NULL;
	int ret = 0, first = 0;

	for (int i = 0; !ret; i++) {
		struct store_call page = call;

		page.token = token;
		ret = store_run(&page);
		for (size_t k = 0; k < page.list.count && !ret; k++) {
			int one = abort_if_ours(b, &call, &page.list.entries[k], message);

			first = first ? first : one;
		}
		free(token);
		token = page.list.next_token ? strdup(page.list.next_token) : NULL;
		if (!token && page.list.next_token)
			ret = -ENOMEM;
		if (ret)
			memcpy(message, page.message, STORE_MESSAGE_BYTES);
		store_call_reset(&page);
		if (!token)
			break;
		if (i == PAGES_MAX && !ret)
			ret = -EFBIG; /* not all were looked at */
	}
	return first ? first : ret;
}

/* A refusal need not be for ever (a token that has expired), and what is not aborted costs as long
 * as it is there. */
static bool is_over(const struct begun *b, int error)
{
	return !error || error == -ENOENT ||
	       (error == -EACCES && !b->upload_id[0] && clock_wall_s() - b->asked_s > GIVE_UP_S);
}

static int64_t next_pause(struct begun *b)
{
	int64_t pause_s = AGAIN_S;

	for (unsigned i = 0; i < b->tries && pause_s < AGAIN_MAX_S; i++)
		pause_s *= 2;
	b->tries++;
	return (pause_s < AGAIN_MAX_S ? pause_s : AGAIN_MAX_S) * CLOCK_NS_PER_S;
}

/* By its own credentials, or else these. Uses it up: it is over, or in the list again. */
static int end_one(struct begun *b, struct context *other, char message[STORE_MESSAGE_BYTES])
{
	struct context *own = context_find(b->ctx);
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_UPLOADS,
		.ctx = own ? own : other,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(b->object, scheme, bucket),
	};
	int ret = -EKEYREJECTED;

	message[0] = '\0';
	if (call.ctx)
		ret = b->upload_id[0] ? abort_upload(call, b->upload_id, message)
				      : abort_ours(b, call, message);
	if (is_over(b, ret)) {
		begun_end(b, true);
		return 0;
	}
	b->error = ret;
	free(b->why);
	b->why = strdup(message);
	b->due_ns = clock_ns() + next_pause(b);
	pthread_mutex_lock(&lock);
	b->next = left;
	left = b;
	pthread_mutex_unlock(&lock);
	return ret;
}

static void *end_all(void *arg)
{
	char message[STORE_MESSAGE_BYTES];
	struct begun *b;

	pthread_mutex_lock(&lock);
	while ((b = take())) {
		pthread_mutex_unlock(&lock);
		end_one(b, NULL, message);
		pthread_mutex_lock(&lock);
	}
	is_running = false;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return arg;
}

void begun_retry(const char *object)
{
	char message[STORE_MESSAGE_BYTES];
	struct begun *mine = NULL;
	struct begun **at = &left;

	pthread_mutex_lock(&lock);
	while (*at) {
		struct begun *b = *at;

		/* of what was only asked for, those that are young may be anybody's */
		if (strcmp(b->object, object) != 0 || !context_find(b->ctx) || !b->upload_id[0]) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		b->next = mine;
		mine = b;
	}
	pthread_mutex_unlock(&lock);
	while (mine) {
		struct begun *b = mine;

		mine = b->next;
		end_one(b, NULL, message);
	}
}

static int64_t id_of(const struct begun *b)
{
	return (int64_t)(strtoull(b->name, NULL, 16) & INT64_MAX);
}

/* What is only about to be tried by itself is none. With the lock. */
static bool is_left(const struct begun *b)
{
	return b->error || (b->upload_id[0] && !context_find(b->ctx));
}

int begun_each(int (*each)(void *arg, const struct begun_left *left), void *arg)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	for (const struct begun *b = left; b && !ret; b = b->next) {
		const struct begun_left one = {.id = id_of(b),
					       .object = b->object,
					       .upload_id = b->upload_id,
					       .asked_s = b->asked_s,
					       .error = b->error,
					       .why = b->why ? b->why : ""};

		if (is_left(b))
			ret = each(arg, &one);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

/* Out of the list, or NULL. */
static struct begun *take_id(int64_t id)
{
	struct begun **at = &left, *b;

	pthread_mutex_lock(&lock);
	while (*at && (id_of(*at) != id || !is_left(*at)))
		at = &(*at)->next;
	b = *at;
	if (b)
		*at = b->next;
	pthread_mutex_unlock(&lock);
	return b;
}

int begun_retry_id(int64_t id, const uint8_t *ctx, char message[STORE_MESSAGE_BYTES])
{
	struct begun *b = take_id(id);

	return b ? end_one(b, context_find(ctx), message) : -ENOENT;
}

int begun_discard(int64_t id)
{
	struct begun *b = take_id(id);

	if (b)
		begun_end(b, true);
	return b ? 0 : -ENOENT;
}

void begun_sweep(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&lock);
	if (*due() && !is_running)
		is_running = !pthread_create(&thread, &attr, end_all, NULL);
	pthread_mutex_unlock(&lock);
	pthread_attr_destroy(&attr);
}

void begun_stop(void)
{
	pthread_mutex_lock(&lock);
	while (is_running)
		pthread_cond_wait(&ended, &lock);
	while (left) {
		struct begun *next = left->next;

		begun_free(left);
		left = next;
	}
	if (begun_fd >= 0)
		close(begun_fd);
	begun_fd = -1;
	pthread_mutex_unlock(&lock);
}
