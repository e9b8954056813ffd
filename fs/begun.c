/* SPDX-License-Identifier: Apache-2.0 */
/* See begun.h. A file for each, of four strings with their NULs. */
#include "fs/begun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/base/wire.h"
#include "core/context.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/names.h"

#define TEXT_BYTES (NAME_OBJECT_MAX + 4096)
#define AGAIN_NS   (10 * CLOCK_NS_PER_S)

struct begun {
	struct begun *next;
	char name[24];
	uint8_t ctx[WIRE_CTX_BYTES];
	char object[NAME_OBJECT_MAX];
	char *upload_id; /* owned */
	int64_t due_ns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct begun *left; /* by an earlier daemon */
static bool is_running;
static int begun_fd = -1;

static void begun_free(struct begun *b)
{
	free(b->upload_id);
	free(b);
}

/* "HEX\0OBJECT\0ID\0" */
static int parse(struct begun *b, const char *text, const char *end)
{
	const char *hex = text, *object = memchr(hex, 0, (size_t)(end - hex)), *id;

	if (!object || object - hex != (ptrdiff_t)(2 * WIRE_CTX_BYTES))
		return -EBADMSG;
	object++;
	id = memchr(object, 0, (size_t)(end - object));
	if (!id || id - object >= NAME_OBJECT_MAX || !memchr(id + 1, 0, (size_t)(end - id - 1)))
		return -EBADMSG;
	for (size_t i = 0; i < WIRE_CTX_BYTES; i++) {
		if (sscanf(hex + 2 * i, "%2hhx", &b->ctx[i]) != 1)
			return -EBADMSG;
	}
	strcpy(b->object, object);
	b->upload_id = strdup(id + 1);
	return b->upload_id ? 0 : -ENOMEM;
}

static void adopt(const char *name)
{
	SCOPE_FREE char *text = malloc(TEXT_BYTES);
	struct begun *b = calloc(1, sizeof(*b));
	SCOPE_FD int fd = openat(begun_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = text && fd >= 0 ? read(fd, text, TEXT_BYTES) : -1;

	if (!b || n < 0 || strlen(name) >= sizeof(b->name)) {
		free(b);
		return;
	}
	strcpy(b->name, name);
	if (!parse(b, text, text + n)) {
		b->next = left;
		left = b;
		return;
	}
	unlinkat(begun_fd, name, 0); /* it died before it was noted */
	begun_free(b);
}

int begun_start(int dir_fd)
{
	DIR *dir;
	int fd;

	if (mkdirat(dir_fd, "uploads", 0700) && errno != EEXIST)
		return -errno;
	begun_fd = openat(dir_fd, "uploads", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (begun_fd < 0)
		return -errno;
	fd = openat(begun_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (d->d_name[0] != '.')
			adopt(d->d_name);
	}
	closedir(dir);
	return 0;
}

struct begun *begun_note(const struct store_call *call, const char *upload_id)
{
	SCOPE_FREE char *text = NULL;
	struct begun *b = calloc(1, sizeof(*b));
	const uint8_t *ctx = context_id(call->ctx);
	char hex[2 * WIRE_CTX_BYTES + 1];
	uint64_t number = 0;
	SCOPE_FD int fd = -1;
	int n;

	if (!b)
		return NULL;
	while (getrandom(&number, sizeof(number), 0) != sizeof(number))
		;
	snprintf(b->name, sizeof(b->name), "%016llx", (unsigned long long)number);
	for (size_t i = 0; i < WIRE_CTX_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", ctx[i]);
	n = asprintf(&text, "%s%c%s/%s/%s%c%s", hex, 0, call->scheme, call->bucket, call->key, 0,
		     upload_id);
	if (n < 0)
		text = NULL;
	fd = openat(begun_fd, b->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (n >= 0 && fd >= 0 && write(fd, text, (size_t)n + 1) == n + 1)
		return b;
	log_warn("%s://%s: an upload cannot be noted", call->scheme, call->bucket);
	unlinkat(begun_fd, b->name, 0);
	begun_free(b);
	return NULL;
}

void begun_end(struct begun *b, bool is_over)
{
	if (!b)
		return;
	if (is_over)
		unlinkat(begun_fd, b->name, 0);
	begun_free(b);
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

static void end_one(struct begun *b)
{
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_ABORT,
		.ctx = context_find(b->ctx),
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(b->object, scheme, bucket),
		.upload = b->upload_id,
	};
	int ret = store_run(&call);

	store_call_reset(&call);
	if (!ret || ret == -EACCES || ret == -ENOENT) { /* nobody can do more */
		begun_end(b, true);
		return;
	}
	b->due_ns = clock_ns() + AGAIN_NS;
	pthread_mutex_lock(&lock);
	b->next = left;
	left = b;
	pthread_mutex_unlock(&lock);
}

static void *end_all(void *arg)
{
	struct begun *b;

	pthread_mutex_lock(&lock);
	while ((b = take())) {
		pthread_mutex_unlock(&lock);
		end_one(b);
		pthread_mutex_lock(&lock);
	}
	is_running = false;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return arg;
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
