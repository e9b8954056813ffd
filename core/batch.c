// SPDX-License-Identifier: Apache-2.0
/* Many requests in one: see batch.h. What is carried from one of them to the next is a letter for
 * each key. */
#include "core/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/http/status.h"
#include "core/scope.h"

#define BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */

/* "--BOUNDARY" of an answer; "" when it has none. */
static void read_boundary(const struct store_answer *answer, char out[BOUNDARY_MAX + 3])
{
	const char *type = header_get(answer->fields, "Content-Type");
	const char *at = type ? strcasestr(type, "boundary=") : NULL;
	size_t len;

	out[0] = '\0';
	if (!at || strncasecmp(type, "multipart/", strlen("multipart/")) != 0)
		return;
	at += strlen("boundary=");
	at += *at == '"';
	len = strcspn(at, "\"; ");
	if (len && len <= BOUNDARY_MAX)
		snprintf(out, BOUNDARY_MAX + 3, "--%.*s", (int)len, at);
}

static int read_status(struct batch_part *part)
{
	const char *line = memmem(part->text, part->bytes, "HTTP/1.", strlen("HTTP/1."));
	char *after;
	long status;

	if (!line || part->text + part->bytes - line < (ptrdiff_t)strlen("HTTP/1.1 200"))
		return -EBADMSG;
	status = strtol(line + strlen("HTTP/1.1"), &after, 10);
	if (status < 100 || status > 599)
		return -EBADMSG;
	part->status = (int)status;
	return 0;
}

int batch_read(const struct store_answer *answer, struct batch_part *parts, size_t count)
{
	char boundary[BOUNDARY_MAX + 3];
	const char *at, *next;
	size_t seen = 0;
	int ret = 0;

	read_boundary(answer, boundary);
	if (!boundary[0])
		return -EBADMSG;
	for (at = strstr(answer->body, boundary); at && !ret; at = next) {
		at += strlen(boundary);
		if (!strncmp(at, "--", 2))
			break;
		next = strstr(at, boundary);
		if (!next || seen == count)
			return -EBADMSG;
		parts[seen] = (struct batch_part){.text = at, .bytes = (size_t)(next - at)};
		ret = read_status(&parts[seen++]);
	}
	return ret ? ret : at && seen == count ? 0 : -EBADMSG;
}

void batch_field(const struct batch_part *part, const char *name, char *out, size_t out_bytes)
{
	const char *at = part->text, *end = part->text + part->bytes;
	size_t name_len = strlen(name);

	out[0] = '\0';
	while (at && at < end) {
		size_t len = strcspn(at, "\r\n");

		if (at + len > end)
			return;
		if (len > name_len && at[name_len] == ':' && !strncasecmp(at, name, name_len)) {
			at += name_len + 1;
			len -= name_len + 1;
			while (len && *at == ' ') {
				at++;
				len--;
			}
			if (len < out_bytes)
				snprintf(out, out_bytes, "%.*s", (int)len, at);
			return;
		}
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
}

int batch_error(int status)
{
	struct status_meaning meaning = status_meaning(status);

	if (status == 404 || (status >= 200 && status < 300))
		return 0;
	if (meaning.retry)
		return -EAGAIN;
	return meaning.error == -EACCES || meaning.error == -ESTALE ? meaning.error : -EIO;
}

static const struct {
	char letter;
	int error;
} results[] = {{'-', 0}, {'a', -EACCES}, {'b', -EBUSY}, {'s', -ESTALE}, {'e', -EIO}};

/* Of keys of which nothing is known: how often they were asked. */
#define NEVER_ASKED '0'
#define TOO_OFTEN   '9' /* the driver ends the call long before */

static bool is_open(char letter)
{
	return letter >= NEVER_ASKED && letter < TOO_OFTEN;
}

static char letter_of(int error)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].error == error)
			return results[i].letter;
	}
	return 'e';
}

/* What is open has that error. */
static int error_of(char letter, int error)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].letter == letter)
			return results[i].error;
	}
	return is_open(letter) ? error : -EIO;
}

int *batch_errors(const char *carry, size_t key_count, int error)
{
	int *errors = calloc(key_count, sizeof(*errors));
	size_t known = strlen(carry);

	for (size_t i = 0; i < key_count && errors; i++)
		errors[i] = i < known ? error_of(carry[i], error) : error;
	return errors;
}

/* The letter of the open keys that were asked least often; TOO_OFTEN: none is open. */
static char round_of(const char *letters, size_t count)
{
	char least = TOO_OFTEN;

	for (size_t i = 0; i < count; i++) {
		if (is_open(letters[i]) && letters[i] < least)
			least = letters[i];
	}
	return least;
}

size_t batch_pick(const struct store_call *call, size_t max, size_t *picked)
{
	char round = call->carry ? round_of(call->carry, call->key_count) : NEVER_ASKED;
	size_t count = 0;

	for (size_t i = 0; i < call->key_count && count < max; i++) {
		if (!call->carry || (is_open(round) && call->carry[i] == round))
			picked[count++] = i;
	}
	return count;
}

static int finish(struct store_call *call, const char *letters)
{
	int worst = 0;

	call->key_errors = batch_errors(letters, call->key_count, -EIO);
	if (!call->key_errors)
		return -ENOMEM;
	for (size_t i = 0; i < call->key_count && !worst; i++)
		worst = call->key_errors[i];
	return worst;
}

int batch_note(struct store_call *call, const size_t *picked, const int *errors, size_t count)
{
	SCOPE_FREE char *letters = call->carry ? strdup(call->carry)
					       : calloc(call->key_count + 1, 1);
	char round;

	if (!letters)
		return -ENOMEM;
	if (!call->carry)
		memset(letters, NEVER_ASKED, call->key_count);
	round = round_of(letters, call->key_count);
	for (size_t i = 0; i < count; i++) {
		char *letter = &letters[picked[i]];

		*letter = errors[i] == -EAGAIN ? (char)(*letter + 1) : letter_of(errors[i]);
	}
	if (round_of(letters, call->key_count) == TOO_OFTEN)
		return finish(call, letters);
	call->carry_out = take_ptr(&letters);
	return round_of(call->carry_out, call->key_count) == round ? -EINPROGRESS : -EAGAIN;
}
