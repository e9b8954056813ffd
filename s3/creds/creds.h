/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS credentials, from where the vendor's own tools take them and in their order: AWS SDKs and
 * Tools Reference Guide, "Standardized credential providers", and botocore where that leaves a
 * choice. One file a source; chain.c has the order.
 */
#ifndef S3_CREDS_CREDS_H
#define S3_CREDS_CREDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/context.h"
#include "core/creds.h"
#include "core/fetch.h"

/* The credential of a context. config: config_read()'s of it. Never blocks: what must be asked for
 * is kept (core/keeper.h). Returns 0; -EINPROGRESS: see keeper_get(); -EACCES with one line in
 * message that says where it looked and what to set; -ENOMEM, -ECANCELED. */
int aws_creds_get(const struct context *ctx, const struct config *config, struct creds *out,
		  char *message, size_t message_bytes);

/* --- what follows is for the sources --------------------------------------- */

/* One search. */
struct aws_search {
	const struct context *ctx;
	const struct config *config; /* of the profile that counts */
	const char *region;	     /* of the first profile, "" for none */
	bool may_wait;		     /* may ask somebody; else -EINPROGRESS is the answer */
	bool is_nested;		     /* for the keys of a role: the environment does not count */
	unsigned depth;		     /* of roles that are assumed to assume roles */
	struct creds *out;	     /* zeroed but for tried */
	char *message;
	size_t message_bytes;
};

/* A source. Returns 1: *out is filled. 0: it is not set up, and that is noted. -EINPROGRESS: it is,
 * and would have to ask. Another error: it is, and has failed; message says how. */
typedef int (*aws_source)(struct aws_search *s);

int aws_from_environment(struct aws_search *s);
int aws_from_role(struct aws_search *s);
int aws_from_web_identity(struct aws_search *s);
int aws_from_sso(struct aws_search *s);
int aws_from_credentials_file(struct aws_search *s);
int aws_from_process(struct aws_search *s);
int aws_from_config_file(struct aws_search *s);
int aws_from_container(struct aws_search *s);
int aws_from_instance(struct aws_search *s);

/* chain.c: what a profile alone has to offer: everything but the environment's, the container's and
 * the instance's. Returns as a source. */
int aws_from_profile(struct aws_search *s);

/* Says in message and notes that a source has failed. Returns -EACCES. */
int aws_fail(struct aws_search *s, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Names the source and notes the success: "WORDS (key ...)". Returns 1. */
int aws_found(struct aws_search *s, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Makes out->expires_s, which is by the clock of who answered, one by this machine's. */
void aws_local_expiry(struct creds *out, const struct fetch *f);

/* json.c: how the names are spelt. */
struct aws_names {
	const char *id, *secret, *token, *expires;
};
/* Reads a credential from a JSON object (inner: from the object of that name in it; NULL: itself).
 * expires is a date or, as a number, milliseconds. Returns NULL, or what is wrong with it in words
 * that hold nothing of it. */
const char *aws_read_json(const char *text, size_t bytes, const char *inner,
			  const struct aws_names *names, struct creds *out);

/* "2030-01-02T03:04:05Z", with "UTC" or an offset in place of Z as well. Returns 0 or -EINVAL. */
int aws_read_date(const char *text, int64_t *out_s);

/* sts.c: asks STS for a session of the role. base: signs it; NULL: web_token does. Fills s->out.
 * Returns 1 or as aws_fail(). */
struct aws_role {
	const char *arn, *session_name, *external_id, *duration_seconds; /* "": not said */
};
int aws_assume_role(struct aws_search *s, const char *source, const struct aws_role *role,
		    const struct creds *base, const char *web_token);

#endif
