/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential, whoever issued it. Each store's folder knows where the vendor's own tools would
 * find one (s3/creds/ for AWS); what takes time to get, and expires, is kept by core/keeper.h.
 */
#ifndef CORE_CREDS_H
#define CORE_CREDS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CREDS_VALUE_BYTES      512
#define CREDS_TOKEN_BYTES      8192 /* session tokens have no stated maximum; 2 KiB occur */
#define CREDS_SOURCE_BYTES     384
#define CREDS_TRIED_BYTES      2048
#define CREDS_PROJECT_BYTES    64
#define CREDS_OBJECT_KEY_BYTES 45 /* with NUL */
#define CREDS_SHOWN_BYTES      16 /* of a key id with dots and NUL */

struct keeper_entry;

struct creds {
	bool anonymous;
	char id[CREDS_VALUE_BYTES];
	char secret[CREDS_VALUE_BYTES];
	char token[CREDS_TOKEN_BYTES]; /* "" for none */
	/* Keys that encrypt the object, and the one that is copied from: 32 bytes as base64, "" for
	 * none. */
	char object_key[CREDS_OBJECT_KEY_BYTES], from_key[CREDS_OBJECT_KEY_BYTES];
	/* For messages, never a secret: "environment (key AKIA...MPLE)", "profile dev in FILE (key
	 * ...)", "none (AWS_NO_SIGN_REQUEST)". */
	char source[CREDS_SOURCE_BYTES];
	int64_t expires_s; /* since 1970; 0: never, or nobody knows */

	/* What came with it: a project, and the one to be billed; "" for none. */
	char project[CREDS_PROJECT_BYTES], payer[CREDS_PROJECT_BYTES];

	/* What was looked at, in order, as lines "SOURCE\tRESULT\n"; never a secret. Also of a
	 * search that found nothing; creds_wipe() leaves it. Cut when it is too much. */
	char tried[CREDS_TRIED_BYTES];

	struct keeper_entry *entry; /* who renews it; NULL: it is read anew for each request */
	uint64_t serial;	    /* the keeper's */
};

/* A key id with most of it hidden. */
void creds_show_id(const char *id, char out[CREDS_SHOWN_BYTES]);

/* Sets key and token. Returns 0, or -EMSGSIZE: one of them is too long. */
int creds_fill(struct creds *out, const char *id, const char *secret, const char *token);

/* Adds a line to tried. */
void creds_note(struct creds *out, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A source has failed: message says so, in one line, and so does tried. */
void creds_fail(struct creds *out, char *message, size_t message_bytes, const char *source,
		const char *format, va_list args) __attribute__((format(printf, 5, 0)));

/* Overwrites the secrets. */
void creds_wipe(struct creds *creds);

#endif
