// SPDX-License-Identifier: Apache-2.0
/* What all credentials have in common. */
#include "core/creds.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORDS_BYTES    320 /* of what is said of a failure */
#define SHOWN_WHOLE_ID 12  /* a shorter id shows only its start, so that most of it stays hidden */

void creds_show_id(const char *id, char out[CREDS_SHOWN_BYTES])
{
	size_t len = strlen(id);

	if (len >= SHOWN_WHOLE_ID)
		snprintf(out, CREDS_SHOWN_BYTES, "%.4s...%.4s", id, id + len - 4);
	else
		snprintf(out, CREDS_SHOWN_BYTES, "%.2s...", id);
}

static int copy(char *out, size_t out_bytes, const char *value)
{
	size_t len = strlen(value);

	if (len >= out_bytes)
		return -EMSGSIZE;
	memcpy(out, value, len + 1);
	return 0;
}

int creds_fill(struct creds *out, const char *id, const char *secret, const char *token)
{
	if (copy(out->id, sizeof(out->id), id) < 0 ||
	    copy(out->secret, sizeof(out->secret), secret) < 0)
		return -EMSGSIZE;
	return copy(out->token, sizeof(out->token), token);
}

/* What services and files say may be anything. */
static void keep_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void creds_note(struct creds *out, const char *source, const char *format, ...)
{
	size_t len = strlen(out->tried);
	size_t start;
	va_list args;

	len += (size_t)snprintf(out->tried + len, sizeof(out->tried) - len, "%s\t", source);
	if (len >= sizeof(out->tried) - 1)
		return;
	start = len;
	va_start(args, format);
	vsnprintf(out->tried + len, sizeof(out->tried) - len - 1, format, args);
	va_end(args);
	keep_printable(out->tried + start);
	strcat(out->tried, "\n");
}

void creds_fail(struct creds *out, char *message, size_t message_bytes, const char *source,
		const char *format, va_list args)
{
	char words[WORDS_BYTES];

	vsnprintf(words, sizeof(words), format, args);
	snprintf(message, message_bytes, "no credentials: %s: %s", source, words);
	keep_printable(message);
	creds_note(out, source, "failed: %s", words);
}

void creds_wipe(struct creds *creds)
{
	OPENSSL_cleanse(creds->secret, sizeof(creds->secret));
	OPENSSL_cleanse(creds->token, sizeof(creds->token));
	OPENSSL_cleanse(creds->object_key, sizeof(creds->object_key));
	OPENSSL_cleanse(creds->from_key, sizeof(creds->from_key));
}
