/* SPDX-License-Identifier: Apache-2.0 */
/* The model, chance, and what is said when something differs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/apps/fsx/fsx.h"

#define LAST 40 /* operations that a report shows */

struct noted {
	unsigned long op;
	const char *what;
	size_t offset, length, size;
};

static struct noted last[LAST];
static unsigned long noted;

/* xorshift64* */
uint64_t draw(struct fsx *x)
{
	x->random ^= x->random >> 12;
	x->random ^= x->random << 25;
	x->random ^= x->random >> 27;
	return x->random * UINT64_C(0x2545f4914f6cdd1d);
}

size_t draw_below(struct fsx *x, size_t end)
{
	return (draw(x) >> 11) % end;
}

size_t draw_offset(struct fsx *x, size_t end)
{
	size_t at = draw_below(x, end);

	switch (draw_below(x, 4)) {
	case 0: /* around a border */
		at = (at + BLOCK / 2) / BLOCK * BLOCK + draw_below(x, 5);
		at = at > 2 ? at - 2 : 0;
		break;
	case 1:
		at = at / 4096 * 4096;
		break;
	default:
		break;
	}
	return at < end ? at : end - 1;
}

size_t draw_length(struct fsx *x, size_t offset, size_t limit)
{
	static const size_t longest[] = {1, 10, 5000, BLOCK, 2 * BLOCK + 3, 7 * BLOCK};
	size_t most = longest[draw_below(x, sizeof(longest) / sizeof(*longest))];
	size_t length = 1 + draw_below(x, most);

	if (draw_below(x, 6) == 0) /* up to a border */
		length = BLOCK - offset % BLOCK;
	return length < limit - offset ? length : limit - offset;
}

void draw_bytes(struct fsx *x, size_t length)
{
	uint64_t word = draw(x);

	for (size_t i = 0; i < length; i++) {
		if (i % 8 == 0)
			word = word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		x->buffer[i] = (unsigned char)(word >> (8 * (i % 8)));
	}
}

void model_size(struct fsx *x, size_t size)
{
	if (size < x->size)
		memset(x->model + size, 0, x->size - size);
	x->size = size;
}

void model_write(struct fsx *x, size_t offset, const unsigned char *bytes, size_t length)
{
	memmove(x->model + offset, bytes, length);
	if (offset + length > x->size)
		x->size = offset + length;
}

void model_zero(struct fsx *x, size_t offset, size_t length, bool grows)
{
	size_t end = offset + length;

	if (!grows && end > x->size)
		end = x->size;
	if (end > offset)
		memset(x->model + offset, 0, end - offset);
	if (end > x->size)
		x->size = end;
}

void model_compare(struct fsx *x, const unsigned char *bytes, size_t offset, size_t length,
		   const char *how)
{
	size_t at = 0, end;

	if (!memcmp(bytes, x->model + offset, length))
		return;
	while (bytes[at] == x->model[offset + at])
		at++;
	for (end = length; bytes[end - 1] == x->model[offset + end - 1]; end--)
		;
	fail(x, "%s [%zu, %zu): differs from %zu to %zu: %02x instead of %02x", how, offset,
	     offset + length, offset + at, offset + end, bytes[at], x->model[offset + at]);
}

void note(struct fsx *x, const char *what, size_t offset, size_t length)
{
	last[noted++ % LAST] = (struct noted){x->op, what, offset, length, x->size};
}

void fail(struct fsx *x, const char *why, ...)
{
	int error = errno;
	va_list list;

	fprintf(stderr, "fsx: operation %lu of %s: ", x->op, x->path);
	va_start(list, why);
	vfprintf(stderr, why, list);
	va_end(list);
	fprintf(stderr, " (%s)\n", strerror(error));
	for (unsigned long i = noted > LAST ? noted - LAST : 0; i < noted; i++) {
		const struct noted *n = &last[i % LAST];

		fprintf(stderr, "  %6lu %-12s %9zu +%-8zu size %zu\n", n->op, n->what, n->offset,
			n->length, n->size);
	}
	_exit(1);
}

void save_model(struct fsx *x)
{
	int fd = open(x->model_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t at = 0;
	ssize_t n;

	if (fd < 0)
		fail(x, "the model's file cannot be made");
	for (; at < x->size; at += (size_t)n) {
		n = write(fd, x->model + at, x->size - at);
		if (n <= 0)
			fail(x, "the model cannot be written");
	}
	close(fd);
}

void ask(struct fsx *x, const char *what)
{
	char line[8];

	note(x, what, 0, 0);
	if (printf("%s\n", what) < 0 || fflush(stdout) || !fgets(line, sizeof(line), stdin))
		fail(x, "the runner is gone");
}
