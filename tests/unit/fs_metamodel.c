/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on the metadata cache beside a model of it, which forgets nothing by itself:
 * once with room for all, and once where others press, so that records move and go. Then what is
 * known must be what the model knows.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "core/memory.h"
#include "fs/meta.h"

#define CONTEXTS 3
#define NAMES	 160

static const uint8_t ctxs[CONTEXTS][WIRE_CTX_BYTES] = {{1}, {2}, {1, 1}};

struct known {
	struct meta_fact fact; /* kind META_UNKNOWN: nothing */
	bool is_believed, is_listed;
	int64_t changed_ns;
};

static char names[NAMES][600];
static struct known model[CONTEXTS][NAMES];
static uint64_t state;
static bool is_pressed;

static uint32_t any(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(state >> 33) % below;
}

/* Paths of up to five parts, some long, some that are directories as such. */
static void make_name(char *out, size_t size)
{
	static const char *const parts[] = {"a", "b", "dir", "a longer part", "x"};
	size_t depth = 1 + any(4), len = 0;

	len = (size_t)snprintf(out, size, "%ss3/bucket/", any(3) ? "" : "/");
	for (size_t i = 0; i < depth; i++)
		len += (size_t)snprintf(out + len, size - len, "%s/", parts[any(5)]);
	if (out[0] == '/')
		return;
	for (uint32_t i = 0, n = any(5) ? any(30) + 1 : any(300) + 1; i < n; i++)
		out[len++] = (char)('a' + any(26));
	out[len] = '\0';
}

static void make_names(void)
{
	for (int i = 0; i < NAMES; i++) {
		make_name(names[i], sizeof(names[i]));
		for (int k = 0; k < i; k++) {
			if (!strcmp(names[i], names[k])) {
				i--;
				break;
			}
		}
	}
}

static void make_etag(char out[STORE_ETAG_BYTES])
{
	size_t len = 0;
	uint32_t form = any(6), n = form == 1 ? 64 : form == 2 ? any(120) : 32;

	*out = '\0';
	if (!form)
		return;
	out[len++] = '"';
	for (uint32_t i = 0; i < n; i++)
		out[len++] = "0123456789abcdefABCDEF"[any(form == 3 ? 22 : 16)];
	if (form == 4)
		len += (size_t)sprintf(out + len, "-%u", any(70000));
	memcpy(out + len, "\"", 2);
}

static struct meta_fact make_fact(void)
{
	static const uint64_t sizes[] = {
		0, 5, 1u << 20, UINT64_C(1) << 47, UINT64_C(1) << 48, UINT64_MAX};
	struct meta_fact fact = {.kind = META_NONE + any(3)};

	if (fact.kind == META_NONE)
		return fact;
	fact.object.mtime_ns = any(3) ? (int64_t)any(1000) * 1000000007 : 0;
	if (fact.kind == META_DIR)
		return fact;
	fact.object.size = sizes[any(6)];
	make_etag(fact.object.etag);
	fact.is_told = any(2);
	fact.is_link = any(2);
	fact.has_xattr = any(2);
	fact.has_foreign = any(2);
	fact.has_mtime = any(2);
	fact.has_mode = any(2);
	fact.mode = fact.has_mode ? any(07777) : 0;
	fact.has_uid = any(2);
	fact.uid = fact.has_uid ? any(UINT32_MAX) : 0;
	fact.has_gid = any(2);
	fact.gid = fact.has_gid ? any(UINT32_MAX) : 0;
	return fact;
}

static bool is_same_version(const struct known *k, const struct meta_fact *fact)
{
	return k->fact.kind == META_FILE && fact->kind == META_FILE &&
	       k->fact.object.size == fact->object.size && *fact->object.etag &&
	       !strcmp(k->fact.object.etag, fact->object.etag);
}

static void told(struct known *k, const struct meta_fact *fact, bool listed)
{
	struct meta_fact before = k->fact;
	bool stays = listed && before.is_told && is_same_version(k, fact);

	k->fact = *fact;
	if (stays) {
		k->fact = before;
		k->fact.is_ahead = false;
	}
	k->is_believed = true;
	k->is_listed = listed;
}

static void check_same(const struct meta_fact *a, const struct meta_fact *b, const char *name)
{
	cr_assert_eq(a->kind, b->kind, "%s: %d, not %d", name, a->kind, b->kind);
	cr_assert_eq(a->object.size, b->object.size, "%s", name);
	cr_assert_eq(a->object.mtime_ns, b->object.mtime_ns, "%s", name);
	cr_assert_str_eq(a->object.etag, b->object.etag, "%s", name);
	cr_assert(a->is_told == b->is_told && a->is_link == b->is_link &&
			  a->has_xattr == b->has_xattr && a->has_foreign == b->has_foreign &&
			  a->has_mode == b->has_mode && a->has_uid == b->has_uid &&
			  a->has_gid == b->has_gid && a->has_mtime == b->has_mtime &&
			  a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
			  a->is_ahead == b->is_ahead,
		  "%s", name);
}

/* What had to go is unknown to the model, too. */
static void check(int c, int n)
{
	struct known *k = &model[c][n];
	struct meta_fact out;
	bool is_known = meta_peek(ctxs[c], names[n], &out);

	if (is_pressed && !is_known && k->fact.kind != META_UNKNOWN)
		*k = (struct known){.changed_ns = k->changed_ns};
	cr_assert_eq(is_known, k->fact.kind != META_UNKNOWN, "%s", names[n]);
	if (is_known)
		check_same(&out, &k->fact, names[n]);
	cr_assert_eq(meta_was_there(ctxs[c], names[n]), k->fact.kind >= META_FILE);
	cr_assert_eq(meta_is_fresh(ctxs[c], names[n]), is_known && k->is_believed);
	cr_assert_eq(meta_get(ctxs[c], names[n], &out), is_known && k->is_believed, "%s", names[n]);
	if (is_known && k->is_believed)
		check_same(&out, &k->fact, names[n]);
}

static void forget_below(void)
{
	const char *of = names[any(NAMES)];
	char prefix[600];
	size_t len;

	snprintf(prefix, sizeof(prefix), "%s", of + (of[0] == '/'));
	strrchr(prefix, '/')[1] = '\0';
	for (int c = 0; c < CONTEXTS; c++) {
		for (int n = 0; n < NAMES; n++)
			check(c, n); /* what has gone is not marked */
	}
	len = strlen(prefix);
	meta_forget_below(prefix);
	for (int c = 0; c < CONTEXTS; c++) {
		for (int n = 0; n < NAMES; n++) {
			const char *name = names[n] + (names[n][0] == '/');

			if (strncmp(name, prefix, len) != 0 || !name[len])
				continue;
			if (model[c][n].fact.kind != META_UNKNOWN)
				model[c][n].changed_ns = clock_ns();
			model[c][n].fact.kind = META_UNKNOWN;
			model[c][n].is_believed = false;
			cr_assert_not(meta_peek(ctxs[c], names[n], &(struct meta_fact){0}));
		}
	}
}

static void look_up(int c, int n, struct known *k, const struct meta_fact *fact)
{
	char message[STORE_MESSAGE_BYTES];
	struct meta_fact out;
	int ret = meta_enter(ctxs[c], names[n], any(2), &out, message);

	if (ret == 1) {
		check_same(&out, &k->fact, names[n]);
		return;
	}
	cr_assert_eq(ret, 0);
	switch (any(3)) {
	case 0:
		meta_leave(ctxs[c], names[n], -5, NULL, "no");
		k->is_believed = false;
		break;
	case 1:
		meta_forget(ctxs[c], names[n]);
		k->is_believed = false;
		k->changed_ns = clock_ns();
		meta_leave(ctxs[c], names[n], 0, fact, NULL);
		break;
	default:
		meta_leave(ctxs[c], names[n], 0, fact, NULL);
		told(k, fact, false);
	}
}

static void look_ahead(int c, int n, struct known *k, const struct meta_fact *fact)
{
	bool leads = meta_enter_ahead(ctxs[c], names[n]);

	cr_assert_eq(leads, k->fact.kind == META_FILE);
	if (!leads)
		return;
	meta_leave_ahead(ctxs[c], names[n], fact);
	told(k, fact, false);
	k->fact.is_ahead = true;
}

static void step(void)
{
	int c = (int)any(CONTEXTS), n = (int)any(NAMES);
	struct meta_fact fact = make_fact(), out;
	struct known *k = &model[c][n];

	check(c, n);
	if (k->fact.kind == META_FILE && any(2)) { /* often the same version again */
		snprintf(fact.object.etag, STORE_ETAG_BYTES, "%s", k->fact.object.etag);
		fact.object.size = k->fact.object.size;
		fact.kind = META_FILE;
	}
	switch (any(12)) {
	case 0:
		meta_put(ctxs[c], names[n], &fact);
		told(k, &fact, false);
		break;
	case 1:
		meta_put_own(ctxs[c], names[n], &fact);
		told(k, &fact, false);
		for (int i = 0; i < CONTEXTS; i++)
			model[i][n].changed_ns = clock_ns();
		break;
	case 2:
	case 3:
		cr_assert(meta_put_listed(ctxs[c], names[n], &fact, clock_ns()));
		told(k, &fact, true);
		break;
	case 4:
		if (k->changed_ns)
			cr_assert_not(meta_put_listed(ctxs[c], names[n], &fact, 1));
		break;
	case 5:
		if (is_same_version(k, &fact) && k->is_believed)
			break;
		if (k->is_believed && fact.kind != META_FILE && fact.kind == k->fact.kind)
			break;
		meta_put_seen(ctxs[c], names[n], &fact, clock_ns());
		told(k, &fact, true);
		k->is_believed = false;
		break;
	case 6:
		meta_forget(ctxs[c], names[n]);
		k->is_believed = false;
		k->changed_ns = clock_ns();
		break;
	case 7:
		if (!any(8))
			forget_below();
		break;
	case 8:
		look_up(c, n, k, &fact);
		break;
	case 9:
		look_ahead(c, n, k, &fact);
		break;
	case 10:
		meta_read(ctxs[c], names[n]);
		meta_hide(ctxs[c], names[n]);
		break;
	default:
		cr_assert_eq(meta_take_listed(ctxs[c], names[n], &out),
			     k->fact.kind == META_DIR && k->is_listed && k->is_believed);
		k->is_listed &= k->fact.kind != META_DIR || !k->is_believed;
	}
	check(c, n);
}

/* Many names of another directory, or of as many directories. */
static void press(uint32_t n)
{
	struct meta_fact fact = make_fact();
	bool one_each = any(4) == 0;
	char name[64];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "s3/other/%u/%s%x", any(1000000), one_each ? "d/" : "",
			 any(1000));
		meta_put_listed(ctxs[any(CONTEXTS)], name, &fact, clock_ns());
	}
}

static void run(uint64_t seed, unsigned steps)
{
	state = seed;
	memset(model, 0, sizeof(model));
	make_names();
	setenv("SKYSHIM_META_TTL_MS", "1000000000", 1);
	meta_start();
	for (unsigned i = 0; i < steps; i++) {
		step();
		if (is_pressed && i % 64 == 0)
			press(any(6000));
	}
	for (int c = 0; c < CONTEXTS; c++) {
		for (int n = 0; n < NAMES; n++)
			check(c, n);
	}
	meta_stop();
}

Test(fs_metamodel, with_room_for_all, .timeout = 300)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(seed, 40000);
}

Test(fs_metamodel, where_others_press, .timeout = 300)
{
	struct meta_stats stats;

	memory_set_cap(MEMORY_CAP_MIN);
	is_pressed = true;
	for (uint64_t seed = 11; seed <= 13; seed++)
		run(seed, 10000);
	meta_stats(&stats);
	cr_assert_eq(stats.bytes, 0, "%lu bytes are left", (unsigned long)stats.bytes);
	cr_assert_eq(memory_of(MEMORY_NAMES), 0);
}
