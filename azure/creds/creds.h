/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of Microsoft Entra ID for Azure Storage, from where DefaultAzureCredential of Microsoft's
 * own libraries takes them and in its order. One file a source; chain.c has the order.
 */
#ifndef AZURE_CREDS_CREDS_H
#define AZURE_CREDS_CREDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/context.h"
#include "core/creds.h"
#include "core/fetch.h"
#include "core/http/uri.h"

/* The message of azure_creds_get() when no source is set up. */
#define AZURE_CREDS_NOTHING "no identity of Microsoft Entra ID was found (skyshim creds: why)"

/* A token, in out->token; out->id stays "". Never blocks (core/keeper.h). Returns 0; -EINPROGRESS:
 * see keeper_get(); -EACCES with one line in message; -ENOMEM, -ECANCELED. */
int azure_creds_get(const struct context *ctx, struct creds *out, char *message,
		    size_t message_bytes);

/* May a token or a secret go there: by TLS, or to this machine itself (an emulator)? */
bool azure_creds_may_go(const struct uri_origin *origin);

/* --- what follows is for the sources --------------------------------------- */

#define AZURE_CREDS_RESOURCE  "https://storage.azure.com/"
#define AZURE_CREDS_FORM_MAX  65536
#define AZURE_CREDS_URL_BYTES 1024

/* One search. */
struct azure_search {
	const struct context *ctx;
	struct creds *out; /* zeroed but for tried */
	char *message;
	size_t message_bytes;
};

/* A source. Returns 1: *out is filled. 0: it is not set up, and that is noted. Another error: it
 * is, and has failed; message says how. May block. */
typedef int (*azure_source)(struct azure_search *s);

int azure_from_secret(struct azure_search *s);
int azure_from_certificate(struct azure_search *s);
int azure_from_workload(struct azure_search *s);
int azure_from_app_service(struct azure_search *s);
int azure_from_instance(struct azure_search *s);
int azure_from_az(struct azure_search *s);

/* chain.c: a variable, "" when it is not set. */
const char *azure_creds_env(const struct azure_search *s, const char *name);

/* Says in message and notes that a source has failed. Returns -EACCES. */
int azure_creds_fail(struct azure_search *s, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* token.c: the address of the authority's token endpoint. Returns 0 or as azure_creds_fail(). */
int azure_token_url(struct azure_search *s, const char *source, char url[AZURE_CREDS_URL_BYTES]);

/* Adds "NAME=VALUE" to a form. Returns as buffer_add(). */
int azure_token_add(struct buffer *form, const char *name, const char *value);

/* Adds what asks for a token in the client's own name, by its assertion (NULL: another proof). */
int azure_token_form(struct azure_search *s, const char *assertion, struct buffer *form);

/* Sends the form to url and takes the token. Returns 1 or as azure_creds_fail(). */
int azure_token_post(struct azure_search *s, const char *source, const char *url,
		     const struct buffer *form);

/* Takes a token from an answer in JSON; its source is then "SOURCE" or "SOURCE (client ID)".
 * Returns as azure_token_post(). */
int azure_token_take(struct azure_search *s, const char *source, const struct fetch *f);

/* The same of text: a token of that name, and when it expires. Returns NULL, or what is wrong. */
const char *azure_token_read(const char *text, size_t bytes, const char *name, struct creds *out);

/* assertion.c: a JSON Web Token that the key of a certificate signs, both in the file: "Microsoft
 * identity platform application authentication certificate credentials". Returns 0 with *out to
 * wipe and free, -ENOMEM, or -EINVAL with what is wrong in *wrong_out. */
int azure_assertion(const char *path, const char *password, const char *client,
		    const char *audience, char **out, const char **wrong_out);

#endif
