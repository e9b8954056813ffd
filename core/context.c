// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts. A context is immutable once registered and never freed before the daemon ends, so only
 * the registry itself needs a lock. Its id must not depend on the order in which a program's
 * environment happens to stand: entries are filtered, of each name the first one is kept (as
 * getenv(3) would find it), and they are sorted before they are digested.
 */
#include "core/context.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/credenv.h"
#include "core/digest.h"
#include "core/memory.h"
#include "core/scope.h"

#define SLOTS	    (2 * CONTEXTS_MAX) /* of the table by id, so that half of it is free */
#define ENTRIES_MAX 1024	       /* variables of one */

struct context {
	uint8_t id[WIRE_CTX_BYTES];
	char *text; /* owned: the entries, sorted, each with its NUL */
	size_t bytes;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
/* under registry_lock */
static struct context *registry[CONTEXTS_MAX];
static size_t registry_count;
static uint16_t slot[SLOTS]; /* 1 + index in the registry, 0: free; looked at from slot_of() on */

static bool same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return !strncmp(a, b, len + 1);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Collects the entries that count, sorted. Returns how many, or -EINVAL. */
static int collect(const char *text, size_t bytes, const char *entry[ENTRIES_MAX])
{
	const char *end = text + bytes;
	int count = 0;

	if (bytes && end[-1])
		return -EINVAL;
	for (; text < end; text += strlen(text) + 1) {
		bool known = false;

		if (!strchr(text, '=') || *text == '=')
			return -EINVAL;
		for (int i = 0; i < count && !known; i++)
			known = same_name(entry[i], text);
		if (known || !credenv_wanted(text))
			continue;
		if (count == ENTRIES_MAX)
			return -EINVAL;
		entry[count++] = text;
	}
	qsort(entry, (size_t)count, sizeof(entry[0]), by_text);
	return count;
}

static void context_free(struct context *ctx)
{
	if (!ctx)
		return;
	if (ctx->text)
		OPENSSL_cleanse(ctx->text, ctx->bytes);
	free(ctx->text);
	free(ctx);
}

static struct context *context_new(const char *const *entry, size_t count)
{
	uint8_t digest[DIGEST_SHA256_BYTES];
	struct context *ctx = calloc(1, sizeof(*ctx));
	char *out;

	if (!ctx)
		return NULL;
	for (size_t i = 0; i < count; i++)
		ctx->bytes += strlen(entry[i]) + 1;
	ctx->text = malloc(ctx->bytes + 1);
	if (!ctx->text) {
		context_free(ctx);
		return NULL;
	}
	out = ctx->text;
	for (size_t i = 0; i < count; i++)
		out = stpcpy(out, entry[i]) + 1;
	if (digest_sha256(ctx->text, ctx->bytes, digest) < 0) {
		context_free(ctx);
		return NULL;
	}
	memcpy(ctx->id, digest, sizeof(ctx->id));
	return ctx;
}

/* An id is a digest: any of its bytes spread well. */
static size_t slot_of(const uint8_t id[WIRE_CTX_BYTES])
{
	uint32_t word;

	memcpy(&word, id, sizeof(word));
	return word % SLOTS;
}

static struct context *find_locked(const uint8_t id[WIRE_CTX_BYTES])
{
	for (size_t at = slot_of(id); slot[at]; at = (at + 1) % SLOTS) {
		struct context *ctx = registry[slot[at] - 1];

		if (!memcmp(ctx->id, id, WIRE_CTX_BYTES))
			return ctx;
	}
	return NULL;
}

static int64_t bytes_of(const struct context *ctx)
{
	return (int64_t)(sizeof(*ctx) + ctx->bytes + 1);
}

static void add_locked(struct context *ctx)
{
	size_t at = slot_of(ctx->id);

	memory_add(MEMORY_CONTEXTS, bytes_of(ctx));
	while (slot[at])
		at = (at + 1) % SLOTS;
	registry[registry_count++] = ctx;
	slot[at] = (uint16_t)registry_count;
}

int context_register(const char *text, size_t text_bytes, struct context **out,
		     uint8_t id_out[WIRE_CTX_BYTES])
{
	const char *entry[ENTRIES_MAX];
	struct context *ctx;
	struct context *known;
	int count;
	int ret = 0;

	if (text_bytes > WIRE_MSG_MAX)
		return -EINVAL;
	count = collect(text, text_bytes, entry);
	if (count < 0)
		return count;
	ctx = context_new(entry, (size_t)count);
	if (!ctx)
		return -ENOMEM;

	pthread_mutex_lock(&registry_lock);
	known = find_locked(ctx->id);
	if (!known && registry_count == CONTEXTS_MAX)
		ret = -EMFILE;
	else if (!known)
		add_locked(ctx);
	pthread_mutex_unlock(&registry_lock);

	if (known || ret < 0)
		context_free(ctx);
	if (ret < 0)
		return ret;
	*out = known ? known : ctx;
	memcpy(id_out, (*out)->id, WIRE_CTX_BYTES);
	return 0;
}

size_t context_total(void)
{
	size_t count;

	pthread_mutex_lock(&registry_lock);
	count = registry_count;
	pthread_mutex_unlock(&registry_lock);
	return count;
}

struct context *context_next(size_t *at)
{
	struct context *ctx = NULL;

	pthread_mutex_lock(&registry_lock);
	if (*at < registry_count)
		ctx = registry[(*at)++];
	pthread_mutex_unlock(&registry_lock);
	return ctx;
}

struct context *context_find(const uint8_t id[WIRE_CTX_BYTES])
{
	struct context *ctx;

	pthread_mutex_lock(&registry_lock);
	ctx = find_locked(id);
	pthread_mutex_unlock(&registry_lock);
	return ctx;
}

const uint8_t *context_id(const struct context *ctx)
{
	return ctx->id;
}

const char *context_env(const struct context *ctx, const char *name)
{
	const char *end = ctx->text + ctx->bytes;
	size_t len = strlen(name);

	for (const char *entry = ctx->text; entry < end; entry += strlen(entry) + 1) {
		if (!strncmp(entry, name, len) && entry[len] == '=')
			return entry + len + 1;
	}
	return NULL;
}

const char *context_text(const struct context *ctx, size_t *bytes)
{
	*bytes = ctx->bytes;
	return ctx->text;
}

void context_free_all(void)
{
	pthread_mutex_lock(&registry_lock);
	for (size_t i = 0; i < registry_count; i++) {
		memory_add(MEMORY_CONTEXTS, -bytes_of(registry[i]));
		context_free(registry[i]);
		registry[i] = NULL;
	}
	registry_count = 0;
	memset(slot, 0, sizeof(slot));
	pthread_mutex_unlock(&registry_lock);
}
