/* SPDX-License-Identifier: Apache-2.0 */
/* All hashes are the same, with an index of one slot instead of fs/metaindex.c's: entries, lookups
 * and directories are told apart by what they are. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/meta.h"
#include "fs/metaindex.h"
#include "fs/metalog.h"
#include "fs/metarec.h"

static uint32_t slot;

bool metaindex_start(size_t bytes)
{
	slot = 0;
	return bytes;
}

void metaindex_stop(void)
{
	slot = 0;
}

size_t metaindex_slots(void)
{
	return 4096;
}

uint32_t metaindex_first(uint64_t hash)
{
	(void)hash;
	return slot;
}

void metaindex_add(uint64_t hash, uint32_t ref)
{
	struct metarec *rec = metalog_at(ref);

	(void)hash;
	rec->next = slot;
	slot = ref;
}

void metaindex_replace(uint64_t hash, uint32_t ref, uint32_t to)
{
	const struct metarec *rec = metalog_at(ref);
	uint32_t *at = &slot;

	(void)hash;
	while (*at != ref)
		at = &((struct metarec *)metalog_at(*at))->next;
	*at = to ? to : rec->next;
}

uint64_t metaindex_hash(uint64_t state, const char *text, size_t len)
{
	(void)text;
	(void)len;
	return state;
}

uint64_t metaindex_basis(void)
{
	return 7;
}

uint64_t metaindex_mix(uint64_t state)
{
	(void)state;
	return 7;
}

#define CONTEXTS 3
#define NAMES	 (sizeof(names) / sizeof(names[0]))

/* They differ in the first byte, in the last one. */
static const uint8_t ctxs[CONTEXTS][WIRE_CTX_BYTES] = {{1}, {2}, {1, [WIRE_CTX_BYTES - 1] = 1}};

/* The same last part, or directory, or one of the other's length; the directory as such; a name
 * with the slash. */
static const char *const names[] = {
	"s3/b/key",   "s3/b/kez",  "s3/b/ke",	"s3/b/key/",   "/s3/b/key/", "s3/c/key",
	"s3/b/c/key", "s3/bb/key", "s3/b//key", "s3/key",      "key",	     "s3/b/key/key",
	"/s3/b/",     "s3/b",	   "/s3/",	"azure/b/key", "/s3/c/",     "/s3/b/c/",
};

static struct meta_fact fact_of(size_t ctx, size_t name)
{
	struct meta_fact fact = {.kind = META_FILE, .object.size = 1000 * (ctx + 1) + name};

	snprintf(fact.object.etag, sizeof(fact.object.etag), "\"%zu of %zu\"", name, ctx);
	return fact;
}

static void put_all(void)
{
	struct meta_fact fact;

	meta_start();
	for (size_t n = 0; n < NAMES; n++) {
		for (size_t c = 0; c < CONTEXTS; c++) {
			fact = fact_of(c, n);
			meta_put(ctxs[c], names[n], &fact);
		}
	}
}

Test(fs_metachain, each_has_its_own_fact, .fini = meta_stop)
{
	struct meta_fact fact, out;

	put_all();
	for (size_t n = 0; n < NAMES; n++) {
		for (size_t c = 0; c < CONTEXTS; c++) {
			fact = fact_of(c, n);
			cr_assert(meta_peek(ctxs[c], names[n], &out), "%s of %zu", names[n], c);
			cr_assert_eq(out.object.size, fact.object.size, "%s of %zu", names[n], c);
			cr_assert_str_eq(out.object.etag, fact.object.etag);
		}
	}
}

Test(fs_metachain, what_only_others_know_is_not_known, .fini = meta_stop)
{
	struct meta_fact fact = fact_of(0, 0), out;
	char message[STORE_MESSAGE_BYTES];

	meta_start();
	meta_put(ctxs[0], names[0], &fact);
	meta_put(ctxs[1], names[1], &fact); /* the others are contexts that have numbers, too */
	meta_put(ctxs[2], names[1], &fact);
	for (size_t c = 1; c < CONTEXTS; c++) {
		cr_assert_not(meta_peek(ctxs[c], names[0], &out));
		cr_assert_not(meta_get(ctxs[c], names[0], &out));
		cr_assert_not(meta_was_there(ctxs[c], names[0]));
		cr_assert_eq(meta_enter(ctxs[c], names[0], false, &out, message), 0, "leads");
	}
	for (size_t c = 1; c < CONTEXTS; c++)
		meta_leave(ctxs[c], names[0], 0, &(struct meta_fact){.kind = META_NONE}, NULL);
	cr_assert(meta_peek(ctxs[0], names[0], &out));
	cr_assert_eq(out.kind, META_FILE);
	cr_assert(meta_peek(ctxs[1], names[0], &out));
	cr_assert_eq(out.kind, META_NONE);
}

Test(fs_metachain, what_one_forgets_others_know, .fini = meta_stop)
{
	struct meta_fact out;
	const size_t one = 1, name = 4;

	setenv("SKYSHIM_META_TTL_MS", "600000", 1);
	put_all();
	meta_forget(ctxs[one], names[name]);
	for (size_t n = 0; n < NAMES; n++) {
		for (size_t c = 0; c < CONTEXTS; c++)
			cr_assert_eq(meta_is_fresh(ctxs[c], names[n]), c != one || n != name,
				     "%s of %zu", names[n], c);
	}
	cr_assert(meta_peek(ctxs[one], names[name], &out));
}

/* "/s3/b/key/" lies in s3/b/, s3/b/key/key in s3/b/key/. */
Test(fs_metachain, only_what_is_below_moves, .fini = meta_stop)
{
	struct meta_fact out;

	put_all();
	meta_forget_below("s3/b/key/");
	for (size_t n = 0; n < NAMES; n++) {
		for (size_t c = 0; c < CONTEXTS; c++)
			cr_assert_eq(meta_peek(ctxs[c], names[n], &out),
				     strcmp(names[n], "s3/b/key/key") != 0, "%s", names[n]);
	}
}
