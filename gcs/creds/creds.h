/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google credentials: Application Default Credentials, from where the vendor's libraries take them
 * and in their order (AIP-4110, and AIP-4112 to 4117 for the kinds). All end as an access token,
 * which takes asking for and is kept (core/keeper.h).
 */
#ifndef GCS_CREDS_CREDS_H
#define GCS_CREDS_CREDS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/config.h"
#include "core/context.h"
#include "core/creds.h"
#include "core/fetch.h"

/* What a token is asked for: objects and their metadata, which a patch wants this for. */
#define GOOGLE_SCOPE "https://www.googleapis.com/auth/devstorage.full_control"

/* The credential of a context: token, or anonymous. Never blocks. Returns 0; -EINPROGRESS: see
 * keeper_get(); -EACCES with one line in message that says where it looked and what to set;
 * -ENOMEM, -ECANCELED. */
int google_creds_get(const struct context *ctx, struct creds *out, char *message,
		     size_t message_bytes);

/* Whose buckets are listed, and who is billed: what the environment says, or the credential. */
void google_projects(const struct context *ctx, const struct creds *creds,
		     char project[CREDS_PROJECT_BYTES], char payer[CREDS_PROJECT_BYTES]);

/* --- what follows is for the sources --------------------------------------- */

/* One search. */
struct google_search {
	const struct context *ctx;
	struct creds *out; /* zeroed but for tried */
	const char *path;  /* of the file that is read, "" for none */
	char *message;
	size_t message_bytes;
};

/* The cloud of Google's making that is spoken to: "googleapis.com", or as the environment says. */
#define GOOGLE_UNIVERSE "googleapis.com"
const char *google_universe(const struct context *ctx);

/* The variable's value, "" when it is not set. */
const char *google_env(const struct context *ctx, const char *name);

/* Says in message and notes that a source has failed. Returns -EACCES. */
int google_fail(struct google_search *s, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Names the source and notes the success. Returns 1. */
int google_found(struct google_search *s, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* file.c: what a file's JSON says is how to get a token. depth: of files that hold another. Returns
 * 1 with s->out filled, or as google_fail(). */
int google_from_json(struct google_search *s, const json_t *json, const char *scope,
		     unsigned depth);

/* metadata.c: the metadata server's. Returns 1; 0: there is none, which is noted; -ECANCELED... */
int google_from_metadata(struct google_search *s);

/* external.c: what somebody else vouches for is exchanged. Returns as google_from_json(). */
int google_from_external(struct google_search *s, const json_t *json, const char *scope);

/* subject_aws.c, subject_command.c: what an external account proves itself by, by AWS's word or by
 * a command's. *out is to be wiped and freed. Returns 0, or as google_fail(). */
int google_subject_aws(struct google_search *s, const json_t *json, char **out);
int google_subject_command(struct google_search *s, const json_t *json, char **out);

/* external.c: one small question; fields may be NULL. Returns 0 with an answer of status 200, to
 * fetch_clear(), or as google_fail(). */
int google_fetch(struct google_search *s, const char *method, const char *url,
		 const struct header_list *fields, struct fetch *out);

/* The account in "https://.../serviceAccounts/NAME:generateAccessToken". */
void google_account_of(const char *url, char *out, size_t bytes);

/* As the account of url, which s->out's token may impersonate. */
int google_impersonate(struct google_search *s, const char *url, const json_t *delegates,
		       const char *lifetime, const char *scope);

/* token.c: asking a token server. */

/* Appends NAME=VALUE to a form. Returns as buffer_add(). */
int google_form_add(struct buffer *form, const char *name, const char *value);

/* Posts a form, or JSON with bearer (NULL: none), and gives the answer, to json_decref(). Returns 0
 * (status 200), or as google_fail(). ahead_s, unless NULL: what its clock is ahead of this one,
 * also of a refusal. */
int google_ask(struct google_search *s, const char *url, const struct buffer *body,
	       const char *bearer, json_t **out, int64_t *ahead_s);

/* Takes access_token and expires_in. Returns 0, or as google_fail(). */
int google_take_token(struct google_search *s, const json_t *answer);

/* A string member, "" when there is none. */
const char *google_text(const json_t *json, const char *name);

#define GOOGLE_JWT_LIFE_S 3600

/* jwt.c: "HEADER.CLAIMS.SIGNATURE", RS256 (RFC 7515, RFC 7518 section 3.3), to free and wipe.
 * pem: a private RSA key. Returns 0, -EINVAL (no such key), -EIO, -ENOMEM. */
int google_jwt_sign(const char *pem, const char *key_id, const json_t *claims, char **out);

/* The claims by which a service account asks for a token. audience NULL: they are to be a token
 * themselves ("Self-signed JWT" of AIP-4111, with a scope). */
json_t *google_jwt_claims(const char *account, const char *audience, const char *scope,
			  int64_t now_s);

#endif
