/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why this is reversible: an escaped component never holds "%~" but as the start of one of our
 * marks, since
 * "%~" itself is written "%~~"; and a cut never falls inside a mark or makes a new one.
 */
#include "fs/escape.h"

#include <errno.h>
#include <string.h>

#define MARK_BYTES 3 /* each of "%~0", "%~~", "%~+", "%~d" */

struct sink {
	char *out;
	size_t len;
	size_t cap; /* with the NUL */
};

static int put(struct sink *s, const char *text, size_t len)
{
	if (s->cap - s->len <= len)
		return -ENAMETOOLONG;
	memcpy(s->out + s->len, text, len);
	s->len += len;
	s->out[s->len] = '\0';
	return 0;
}

static bool is_dots(const char *comp, size_t len)
{
	return (len == 1 && comp[0] == '.') || (len == 2 && comp[0] == '.' && comp[1] == '.');
}

static bool is_intro(const char *text, size_t len)
{
	return len >= 2 && text[0] == '%' && text[1] == '~';
}

int escape_component(const char *comp, size_t len, char *out, size_t out_bytes)
{
	struct sink s = {.out = out, .cap = out_bytes};
	int ret = 0;

	if (len == 0)
		ret = put(&s, "%~0", MARK_BYTES);
	else if (is_dots(comp, len))
		ret = put(&s, "%~", 2);
	for (size_t i = 0; i < len && !ret; i++) {
		if (is_intro(comp + i, len - i)) {
			ret = put(&s, "%~~", MARK_BYTES);
			i++;
		} else {
			ret = put(&s, comp + i, 1);
		}
	}
	return ret ? ret : (int)s.len;
}

/* Does a cut before text[at] fall inside a UTF-8 sequence? Only of a well-formed one: in other
 * bytes any place is as good. */
static bool splits_utf8(const char *text, size_t len, size_t at)
{
	const unsigned char *t = (const unsigned char *)text;
	size_t lead, need;

	if ((t[at] & 0xc0) != 0x80)
		return false;
	for (lead = at; lead > 0 && at - lead < 3;) {
		lead--;
		if ((t[lead] & 0xc0) != 0x80)
			break;
	}
	need = t[lead] >= 0xf0 ? 4 : t[lead] >= 0xe0 ? 3 : t[lead] >= 0xc0 ? 2 : 1;
	return lead + need > at && lead + need <= len;
}

size_t escape_cut(const char *text, size_t len)
{
	size_t at = ESCAPE_NAME_MAX - MARK_BYTES;

	if (len <= ESCAPE_NAME_MAX)
		return len;
	while (splits_utf8(text, len, at))
		at--;
	/* not inside "%~~" (nor the "%~d" that may end the text) */
	if (is_intro(text + at - 1, 2))
		at -= 1;
	else if (at >= 2 && is_intro(text + at - 2, 2))
		at -= 2;
	return at;
}

/* Writes an escaped component in pieces. */
static int put_pieces(struct sink *s, const char *text, size_t len)
{
	int ret = 0;

	while (!ret) {
		size_t n = escape_cut(text, len);

		ret = put(s, text, n);
		if (n == len || ret)
			break;
		ret = put(s, ESCAPE_PIECE_END "/", MARK_BYTES + 1);
		text += n;
		len -= n;
	}
	return ret;
}

int escape_key(const char *key, char *out, size_t out_bytes)
{
	struct sink s = {.out = out, .cap = out_bytes};
	char text[4096];

	for (;;) {
		size_t len = strcspn(key, "/");
		int n = escape_component(key, len, text, sizeof(text));
		int ret = n < 0 ? n : put_pieces(&s, text, (size_t)n);

		if (ret)
			return ret;
		key += len;
		if (!*key)
			return (int)s.len;
		key++;
		ret = put(&s, "/", 1);
		if (ret)
			return ret;
	}
}

static bool ends_in(const char *text, size_t len, const char *mark)
{
	/* "%~~d": those last three bytes are not the mark; the '%' of a mark is never inside one */
	return len >= MARK_BYTES && !memcmp(text + len - MARK_BYTES, mark, MARK_BYTES);
}

/* Undoes escape_component() on one piece. */
static int put_plain(struct sink *s, const char *text, size_t len, bool whole)
{
	int ret = 0;

	if (whole && len == MARK_BYTES && !memcmp(text, "%~0", MARK_BYTES))
		return 0;
	if (whole && is_intro(text, len) && is_dots(text + 2, len - 2))
		return put(s, text + 2, len - 2);
	for (size_t i = 0; i < len && !ret; i++) {
		if (!is_intro(text + i, len - i)) {
			ret = put(s, text + i, 1);
		} else {
			if (len - i < MARK_BYTES || text[i + 2] != '~')
				return -ENOENT;
			ret = put(s, "%~", 2);
			i += 2;
		}
	}
	return ret;
}

/* One component of the key, which may be several names of the path. *path moves behind it. */
static int take_component(const char **path, struct sink *s, struct escape_result *res)
{
	char joined[4096], again[4096];
	struct sink all = {.out = joined, .cap = sizeof(joined)};
	struct sink cut = {.out = again, .cap = sizeof(again)};
	const char *start = *path;
	int ret;

	for (;;) {
		size_t len = strcspn(*path, "/");

		res->is_pieces = ends_in(*path, len, ESCAPE_PIECE_END);
		ret = put(&all, *path, res->is_pieces ? len - MARK_BYTES : len);
		if (ret)
			return ret;
		*path += len;
		if (!res->is_pieces || **path != '/')
			break;
		(*path)++;
	}
	if (!res->is_pieces) {
		/* only the cuts that escape_key() makes: one key, one path */
		ret = put_pieces(&cut, joined, all.len);
		if (ret)
			return ret;
		if (cut.len != (size_t)(*path - start) || memcmp(again, start, cut.len) != 0)
			return -ENOENT;
	} else if (all.len < ESCAPE_NAME_MAX - 2 * MARK_BYTES) {
		return -ENOENT;
	}
	res->is_dir = !res->is_pieces && ends_in(joined, all.len, ESCAPE_DIR_END);
	return put_plain(s, joined, all.len - (res->is_dir ? MARK_BYTES : 0), !res->is_pieces);
}

int unescape_key(const char *path, char *key, size_t key_bytes, struct escape_result *out)
{
	struct sink s = {.out = key, .cap = key_bytes};
	struct escape_result res = {0};
	const char *at = path;

	if (!key_bytes)
		return -ENAMETOOLONG;
	key[0] = '\0';
	for (;;) {
		int ret = take_component(&at, &s, &res);

		if (ret)
			return ret;
		if (*at != '/')
			break;
		at++;
		ret = put(&s, "/", 1);
		if (ret)
			return ret;
	}
	res.key_len = s.len;
	*out = res;
	return 0;
}
