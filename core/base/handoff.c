/* SPDX-License-Identifier: Apache-2.0 */
/* Building and reading the one environment string that goes from runtime to runtime. */
#include "core/base/handoff.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define JOB_DIGITS 8

struct writer {
	char *at;
	char *end;
	bool bad; /* a newline where none may be */
	bool full;
};

static void put(struct writer *w, const char *text, size_t len)
{
	if ((size_t)(w->end - w->at) < len) {
		w->full = true;
		return;
	}
	memcpy(w->at, text, len);
	w->at += len;
}

static void put_field(struct writer *w, const char *name, const char *value)
{
	if (!value)
		return;
	if (strchr(value, '\n'))
		w->bad = true;
	put(w, name, strlen(name));
	put(w, value, strlen(value));
	put(w, "\n", 1);
}

int handoff_build(const struct handoff *h, char *out, size_t out_bytes)
{
	static const char digits[] = "0123456789abcdef";
	struct writer w = {.at = out, .end = out + out_bytes};
	char hex[2 * WIRE_CTX_BYTES + 1], job[JOB_DIGITS + 1];

	for (size_t i = 0; i < WIRE_CTX_BYTES; i++) {
		hex[2 * i] = digits[h->ctx[i] >> 4];
		hex[2 * i + 1] = digits[h->ctx[i] & 15];
	}
	hex[2 * WIRE_CTX_BYTES] = '\0';
	for (int i = 0; i < JOB_DIGITS; i++)
		job[i] = digits[h->job >> (28 - 4 * i) & 15];
	job[JOB_DIGITS] = '\0';

	put(&w, HANDOFF_NAME "1\n", sizeof(HANDOFF_NAME "1\n") - 1);
	put_field(&w, "ctx=", hex);
	put_field(&w, "job=", job);
	put_field(&w, "root=", h->root);
	put_field(&w, "sock=", h->sock);
	put_field(&w, "cache=", h->cache);
	put_field(&w, "bin=", h->bin);
	put_field(&w, "rt=", h->rt);
	put_field(&w, "rtid=", h->rtid);
	put_field(&w, "cwd=", h->cwd);
	put_field(&w, "mask=", h->mask);
	put_field(&w, "fd=", h->fd);
	put_field(&w, "strict=", h->strict);
	put_field(&w, "report=", h->report);
	put_field(&w, "late=", h->late);
	put_field(&w, "enforce=", h->enforce);
	put_field(&w, "uring=", h->uring);
	put_field(&w, "home=", h->home);
	put_field(&w, "filtered=", h->filtered);
	put_field(&w, "high=", h->high);
	put_field(&w, "name=", h->name);
	put(&w, "exec=", 5);
	put(&w, h->exec, strlen(h->exec) + 1);
	if (w.bad)
		return -EINVAL;
	if (w.full)
		return -ENAMETOOLONG;
	return (int)(w.at - out) - 1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int parse_ctx(const char *hex, uint8_t *out)
{
	if (strlen(hex) != 2 * WIRE_CTX_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < WIRE_CTX_BYTES; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int parse_job(const char *hex, uint32_t *out)
{
	uint32_t job = 0;

	if (strlen(hex) != JOB_DIGITS)
		return -EINVAL;
	for (int i = 0; i < JOB_DIGITS; i++) {
		int digit = hex_digit(hex[i]);

		if (digit < 0)
			return -EINVAL;
		job = job << 4 | (unsigned)digit;
	}
	*out = job;
	return 0;
}

/* The field at *at, its newline made a NUL; *at moves behind it. NULL if it is not called name. */
static const char *take_field(char **at, const char *name)
{
	size_t len = strlen(name);
	char *value = *at + len;
	char *end;

	if (strncmp(*at, name, len) != 0)
		return NULL;
	end = strchr(value, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return value;
}

int handoff_parse(char *text, struct handoff *out)
{
	const char start[] = HANDOFF_NAME "1\n";
	struct handoff h = {0};
	const char *hex, *job;

	if (strncmp(text, start, sizeof(start) - 1) != 0)
		return -EINVAL;
	text += sizeof(start) - 1;
	hex = take_field(&text, "ctx=");
	job = take_field(&text, "job=");
	h.root = take_field(&text, "root=");
	h.sock = take_field(&text, "sock=");
	h.cache = take_field(&text, "cache=");
	h.bin = take_field(&text, "bin=");
	h.rt = take_field(&text, "rt=");
	h.rtid = take_field(&text, "rtid=");
	h.cwd = take_field(&text, "cwd=");
	h.mask = take_field(&text, "mask=");
	h.fd = take_field(&text, "fd=");
	h.strict = take_field(&text, "strict=");
	h.report = take_field(&text, "report=");
	h.late = take_field(&text, "late=");
	h.enforce = take_field(&text, "enforce=");
	h.uring = take_field(&text, "uring=");
	h.home = take_field(&text, "home=");
	h.filtered = take_field(&text, "filtered=");
	h.high = take_field(&text, "high=");
	h.name = take_field(&text, "name=");
	if (!hex || !job || !h.root || !h.sock || !h.cache || !h.bin || !h.rt || !h.rtid ||
	    parse_ctx(hex, h.ctx) || parse_job(job, &h.job))
		return -EINVAL;
	if (strncmp(text, "exec=", 5) != 0)
		return -EINVAL;
	h.exec = text + 5;

	*out = h;
	return 0;
}

const char *handoff_find_home(const char *text)
{
	while ((text = strchr(text, '\n'))) {
		text++;
		if (!strncmp(text, "exec=", 5)) /* a path, with whatever bytes */
			return NULL;
		if (!strncmp(text, "home=", 5))
			return text + 5;
	}
	return NULL;
}

uint64_t handoff_home(const char *hex)
{
	uint64_t at = 0;

	for (int i = 0; hex[i] && hex[i] != '\n'; i++) {
		int digit = hex_digit(hex[i]);

		if (digit < 0 || at >> 60)
			return 0;
		at = at << 4 | (unsigned)digit;
	}
	return at >= HANDOFF_HOME_LOW && at < HANDOFF_HOME_HIGH && at % HANDOFF_HOME_BYTES == 0 ? at
												: 0;
}
