/* SPDX-License-Identifier: Apache-2.0 */
/* See cut.h. A name is a fraction of 1: its first character has the greatest weight. */
#include "fs/cut.h"

#include <string.h>

#define CODE_MAX       0x10ffff
#define SURROGATES     0xd800
#define SURROGATES_END 0xe000
#define ASCII_END      0x80
#define SPACE_NO_BREAK 0xa0 /* the first that is no control character behind ASCII */

#define MANY 16 /* characters at a place: what stands there is drawn from them */

#define WEIGHT_MIN 1e-15 /* what a double tells of a fraction of 1 */
#define COUNT_MAX  1e9
#define FINE	   (1.0 / 64) /* of the way between two names: no cut has to be finer */

#define DIGITS (UINT64_C(0x3ff) << '0') /* of ascii[0] */
#define SLASH  (UINT64_C(1) << '/')
#define BLANK  (UINT64_C(1) << ' ') /* and what is below are control characters */
/* of ascii[1] */
#define UPPER	   (UINT64_C(0x3ffffff) << ('A' - 64))
#define LOWER	   (UINT64_C(0x3ffffff) << ('a' - 64))
#define UPPER_HEX  (UINT64_C(0x3f) << ('A' - 64))
#define LOWER_HEX  (UINT64_C(0x3f) << ('a' - 64))
#define DELETE_BIT (UINT64_C(1) << 63)

struct text {
	uint32_t code[CUT_PLACES];
	unsigned count;
};

/* The character at *at, which moves on; 0: the end, or none. */
static uint32_t next_code(const char **at)
{
	static const uint32_t least[] = {0, ASCII_END, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)*at;
	unsigned more = *s < 0x80 ? 0 : *s < 0xc2 ? 4 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
	uint32_t code = more ? *s & (0x3f >> more) : *s;

	if (more > 3)
		return 0;
	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code > CODE_MAX || code < least[more] || (code >= SURROGATES && code < SURROGATES_END))
		return 0;
	*at += more + (code != 0);
	return code;
}

static void read_text(const char *name, struct text *out)
{
	out->count = 0;
	while (out->count < CUT_PLACES) {
		uint32_t code = next_code(&name);

		if (!code)
			break;
		out->code[out->count++] = code;
	}
}

static size_t put_code(char *out, uint32_t code)
{
	if (code < ASCII_END) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

void cut_learn(struct cut_names *c, const char *name)
{
	c->is_open = false;
	for (unsigned i = 0; i < CUT_PLACES; i++) {
		struct cut_place *p = &c->at[i];
		uint32_t code = next_code(&name);

		if (!code)
			return;
		if (code < ASCII_END) {
			p->ascii[code / 64] |= UINT64_C(1) << code % 64;
			continue;
		}
		if (!p->low || code < p->low)
			p->low = code;
		if (code > p->high)
			p->high = code;
	}
}

/* Which letters are digits, where some stand among digits: those of hexadecimal numbers. */
static uint64_t hex_letters(struct cut_names *c)
{
	uint64_t letters = 0;

	for (unsigned i = 0; i < CUT_PLACES; i++) {
		if (c->at[i].ascii[0] & DIGITS)
			letters |= c->at[i].ascii[1] & (UPPER | LOWER);
	}
	if (letters & ~(UPPER_HEX | LOWER_HEX))
		return 0;
	return (letters & UPPER ? UPPER_HEX : 0) | (letters & LOWER ? LOWER_HEX : 0);
}

static unsigned bits(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

static double size_of(const struct cut_place *p)
{
	return bits(p->ascii[0]) + bits(p->ascii[1]) + (p->low ? p->high - p->low + 1.0 : 0);
}

/* What may stand at a place, by itself. */
static struct cut_place widen(struct cut_place p, uint64_t hex)
{
	uint64_t upper = p.ascii[1] & UPPER, lower = p.ascii[1] & LOWER;

	if (p.ascii[0] & DIGITS) {
		p.ascii[0] |= DIGITS;
		p.ascii[1] |= hex;
	} else {
		if (upper & (upper - 1))
			p.ascii[1] |= UPPER;
		if (lower & (lower - 1))
			p.ascii[1] |= LOWER;
	}
	p.ascii[0] &= ~(SLASH | (BLANK - 1));
	p.ascii[1] &= ~DELETE_BIT;
	return p;
}

static bool is_within(const struct cut_place *p, const struct cut_place *of)
{
	return !(p->ascii[0] & ~of->ascii[0]) && !(p->ascii[1] & ~of->ascii[1]) &&
	       (!p->low || (of->low && p->low >= of->low && p->high <= of->high));
}

static const struct cut_place *place(struct cut_names *c, unsigned i)
{
	uint64_t hex;

	if (c->is_open)
		return &c->open[i];
	hex = hex_letters(c);
	for (unsigned k = CUT_PLACES; k--;) {
		struct cut_place *p = &c->open[k];

		*p = widen(c->at[k], hex);
		if (k + 1 < CUT_PLACES && size_of(p) > 0 && size_of(p + 1) >= MANY &&
		    is_within(p, p + 1))
			*p = p[1];
	}
	c->is_open = true;
	return &c->open[i];
}

static bool holds(const struct cut_place *p, uint32_t code)
{
	if (code < ASCII_END)
		return p->ascii[code / 64] >> code % 64 & 1;
	return p->low && code >= p->low && code <= p->high;
}

/* How many of them are less. */
static double rank_of(const struct cut_place *p, uint32_t code)
{
	double rank = 0;

	if (code < 64)
		return bits(p->ascii[0] & ((UINT64_C(1) << code) - 1));
	rank += bits(p->ascii[0]);
	if (code < ASCII_END)
		return rank + bits(p->ascii[1] & ((UINT64_C(1) << (code - 64)) - 1));
	rank += bits(p->ascii[1]);
	if (!p->low || code < p->low)
		return rank;
	return rank + (code > p->high ? p->high - p->low + 1.0 : code - p->low);
}

/* The one that has so many less. */
static uint32_t code_at(const struct cut_place *p, unsigned rank)
{
	for (uint32_t code = 0; code < ASCII_END; code++) {
		if (holds(p, code) && !rank--)
			return code;
	}
	rank += p->low;
	return rank >= SURROGATES && rank < SURROGATES_END ? SURROGATES_END : rank;
}

/* The name as a fraction, of those that begin as it does up to the place `from`. */
static double value_of(struct cut_names *c, unsigned from, const struct text *t)
{
	double value = 0, weight = 1;

	for (unsigned i = from; i < t->count && weight > WEIGHT_MIN; i++) {
		const struct cut_place *p = place(c, i);
		double size = size_of(p);

		if (size == 0)
			break;
		value += weight * rank_of(p, t->code[i]) / size;
		if (!holds(p, t->code[i]))
			break;
		weight /= size;
	}
	return value;
}

static unsigned common(const struct text *a, const struct text *b)
{
	unsigned n = 0;

	while (n < a->count && n < b->count && a->code[n] == b->code[n])
		n++;
	return n;
}

/* The first place at which names may differ; CUT_PLACES: none. */
static unsigned first_open(struct cut_names *c)
{
	unsigned i = 0;

	for (; i < CUT_PLACES; i++) {
		const struct cut_place *p = place(c, i);
		double size = size_of(p);

		if (size > 1)
			return i;
		if (size == 0)
			break;
	}
	return CUT_PLACES;
}

/* Where two names part, and what they are from there on. False: beyond what is looked at. */
static bool measure(struct cut_names *c, const struct text *low, const char *high,
		    unsigned *from_out, double *end_out)
{
	struct text top;

	*end_out = 1;
	*from_out = first_open(c);
	if (high) {
		read_text(high, &top);
		*from_out = common(low, &top);
		*end_out = value_of(c, *from_out, &top);
	}
	return *from_out < CUT_PLACES && *from_out <= low->count;
}

double cut_count(struct cut_names *c, const char *first, const char *low, const char *high,
		 unsigned names)
{
	struct text at, begin;
	double begun = 0, now, end;
	unsigned from;

	read_text(low, &at);
	read_text(first, &begin);
	if (!measure(c, &at, high, &from, &end))
		return 0;
	now = value_of(c, from, &at);
	if (common(&begin, &at) >= from)
		begun = value_of(c, from, &begin);
	if (end <= now)
		return 0;
	if (now - begun <= (end - now) * names / COUNT_MAX)
		return COUNT_MAX;
	return names * (end - now) / (now - begun);
}

/* Is it a cut? What it begins with may have what no cut can. */
static bool hand_out(const char *name, const char *low, const char *high, char out[CUT_NAME_BYTES])
{
	if (strcmp(name, low) <= 0 || (high && strcmp(name, high) >= 0))
		return false;
	for (const char *c = name; *c; c++) {
		if (*c == '/' || *c == 0x7f || (unsigned char)*c < ' ')
			return false;
	}
	memcpy(out, name, strlen(name) + 1);
	return true;
}

bool cut_between(struct cut_names *c, const char *low, const char *high, double fraction,
		 char out[CUT_NAME_BYTES])
{
	double now, end, value, weight = 1, fine;
	char name[CUT_NAME_BYTES];
	struct text at;
	unsigned from;
	size_t len = 0;

	read_text(low, &at);
	if (!measure(c, &at, high, &from, &end))
		return false;
	now = value_of(c, from, &at);
	fine = (end - now) * (fraction < 0.5 ? fraction : 1 - fraction) * FINE;
	if (fine <= WEIGHT_MIN)
		return false;
	value = now + (end - now) * fraction;
	for (unsigned i = 0; i < from; i++)
		len += put_code(name + len, at.code[i]);
	for (unsigned i = from; i < CUT_PLACES && weight > fine; i++) {
		const struct cut_place *p = place(c, i);
		double size = size_of(p), rank;

		if (size == 0)
			break;
		rank = (double)(unsigned)(value * size);
		if (rank >= size)
			rank = size - 1;
		len += put_code(name + len, code_at(p, (unsigned)rank));
		value = value * size - rank;
		weight /= size;
	}
	name[len] = '\0';
	return hand_out(name, low, high, out);
}

bool cut_beyond(struct cut_names *c, const char *low, char out[CUT_NAME_BYTES])
{
	unsigned from = first_open(c);
	char name[CUT_NAME_BYTES];
	const struct cut_place *p;
	struct text at;
	uint32_t code;
	size_t len = 0;

	read_text(low, &at);
	if (from == CUT_PLACES || from > at.count)
		return false;
	p = place(c, from);
	code = p->low ? p->high + 1 : code_at(p, (unsigned)size_of(p) - 1) + 1;
	if (code == '/')
		code++;
	else if (code >= ASCII_END - 1 && code < SPACE_NO_BREAK)
		code = SPACE_NO_BREAK;
	else if (code == SURROGATES)
		code = SURROGATES_END;
	if (code > CODE_MAX)
		return false;
	for (unsigned i = 0; i < from; i++)
		len += put_code(name + len, at.code[i]);
	len += put_code(name + len, code);
	name[len] = '\0';
	return hand_out(name, low, NULL, out);
}
