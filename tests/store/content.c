/* SPDX-License-Identifier: Apache-2.0 */
/* Immutable bytes in shared segments: see content.h. */
#include "tests/store/content.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "tests/store/crc32c.h"
#include "tests/store/scope.h"

#define DIGEST_STEP_BYTES (256u << 10)
#define CRC_STEP_BYTES	  (16u << 10) /* on the stack */

struct blob {
	atomic_uint refs;
	bool generated;
	enum generate_kind kind;
	uint64_t seed;
	void *data; /* NULL when generated */
};

struct segment {
	struct blob *blob;
	uint64_t blob_offset;
	uint64_t start; /* in the content */
	uint64_t bytes;
};

struct content {
	atomic_uint refs;
	uint64_t bytes;
	size_t count;
	struct segment seg[];
};

static void blob_put(struct blob *b)
{
	if (atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	free(b->data);
	free(b);
}

static struct content *content_new(size_t segments)
{
	struct content *c = calloc(1, sizeof(*c) + segments * sizeof(c->seg[0]));

	if (c)
		c->refs = 1;
	return c;
}

/* Appends a range of another content's segment; the caller made room. */
static void append(struct content *c, const struct segment *from, uint64_t skip, uint64_t bytes)
{
	if (!bytes)
		return;
	atomic_fetch_add(&from->blob->refs, 1);
	c->seg[c->count++] = (struct segment){.blob = from->blob,
					      .blob_offset = from->blob_offset + skip,
					      .start = c->bytes,
					      .bytes = bytes};
	c->bytes += bytes;
}

/* One content over one fresh blob; takes the blob's only reference. */
static struct content *content_over(struct blob *blob, uint64_t bytes)
{
	struct content *c = content_new(1);

	if (c)
		append(c, &(struct segment){.blob = blob}, 0, bytes);
	blob_put(blob);
	return c;
}

struct content *content_memory(void *data, size_t bytes)
{
	struct blob *blob = calloc(1, sizeof(*blob));

	if (!blob) {
		free(data);
		return NULL;
	}
	blob->refs = 1;
	blob->data = data;
	return content_over(blob, bytes);
}

struct content *content_generated(enum generate_kind kind, uint64_t seed, uint64_t bytes)
{
	struct blob *blob = calloc(1, sizeof(*blob));

	if (!blob)
		return NULL;
	blob->refs = 1;
	blob->generated = true;
	blob->kind = kind;
	blob->seed = seed;
	return content_over(blob, bytes);
}

/* The segment that holds offset; there is one. */
static size_t segment_at(const struct content *c, uint64_t offset)
{
	size_t low = 0, high = c->count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (c->seg[mid].start <= offset)
			low = mid;
		else
			high = mid;
	}
	return low;
}

struct content *content_slice(const struct content *c, uint64_t offset, uint64_t bytes)
{
	size_t first = segment_at(c, offset);
	struct content *out = content_new(c->count - first);

	if (!out)
		return NULL;
	for (size_t i = first; i < c->count && bytes; i++) {
		uint64_t skip = offset - c->seg[i].start;
		uint64_t rest = c->seg[i].bytes - skip;
		uint64_t take = rest < bytes ? rest : bytes;

		append(out, &c->seg[i], skip, take);
		offset += take;
		bytes -= take;
	}
	return out;
}

struct content *content_join(struct content *const *items, size_t count)
{
	struct content *out;
	size_t segments = 0;

	for (size_t i = 0; i < count; i++)
		segments += items[i]->count;
	out = content_new(segments);
	if (!out)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < items[i]->count; j++)
			append(out, &items[i]->seg[j], 0, items[i]->seg[j].bytes);
	}
	return out;
}

struct content *content_get(struct content *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void content_put(struct content *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (size_t i = 0; i < c->count; i++)
		blob_put(c->seg[i].blob);
	free(c);
}

uint64_t content_bytes(const struct content *c)
{
	return c->bytes;
}

void content_read(const struct content *c, uint64_t offset, void *out, size_t bytes)
{
	char *to = out;

	for (size_t i = segment_at(c, offset); bytes && i < c->count; i++) {
		const struct segment *s = &c->seg[i];
		uint64_t skip = offset - s->start;
		size_t take = s->bytes - skip < bytes ? (size_t)(s->bytes - skip) : bytes;

		if (s->blob->generated)
			generate_bytes(s->blob->kind, s->blob->seed, s->blob_offset + skip, to,
				       take);
		else
			memcpy(to, (char *)s->blob->data + s->blob_offset + skip, take);
		to += take;
		offset += take;
		bytes -= take;
	}
}

const void *content_direct(const struct content *c, uint64_t offset, uint64_t bytes)
{
	const struct segment *s;

	if (!bytes)
		return NULL;
	s = &c->seg[segment_at(c, offset)];
	if (s->blob->generated || offset - s->start + bytes > s->bytes)
		return NULL;
	return (char *)s->blob->data + s->blob_offset + (offset - s->start);
}

static bool digest_all(const struct content *c, EVP_MD_CTX *ctx, char *step)
{
	for (uint64_t at = 0; at < c->bytes;) {
		uint64_t rest = c->bytes - at;
		size_t take = rest < DIGEST_STEP_BYTES ? (size_t)rest : DIGEST_STEP_BYTES;

		content_read(c, at, step, take);
		if (!EVP_DigestUpdate(ctx, step, take))
			return false;
		at += take;
	}
	return true;
}

uint32_t content_crc32c(const struct content *c)
{
	char step[CRC_STEP_BYTES];
	uint32_t crc = 0;

	for (uint64_t at = 0; at < c->bytes;) {
		uint64_t rest = c->bytes - at;
		size_t take = rest < sizeof(step) ? (size_t)rest : sizeof(step);

		content_read(c, at, step, take);
		crc = crc32c(crc, step, take);
		at += take;
	}
	return crc;
}

int content_digest(const struct content *c, const char *name, char *hex_out, size_t hex_bytes)
{
	SCOPE_FREE char *step = malloc(DIGEST_STEP_BYTES);
	const EVP_MD *md = EVP_get_digestbyname(name);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok = step && md && ctx && EVP_DigestInit_ex(ctx, md, NULL) &&
		  digest_all(c, ctx, step) && EVP_DigestFinal_ex(ctx, raw, &len);

	EVP_MD_CTX_free(ctx);
	if (!step)
		return -ENOMEM;
	if (!ok || hex_bytes < 2 * (size_t)len + 1)
		return -EIO;
	for (unsigned i = 0; i < len; i++)
		snprintf(hex_out + 2 * (size_t)i, 3, "%02x", raw[i]);
	return 0;
}
