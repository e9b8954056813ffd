/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4 in header fields (AWS IAM User Guide, "Create a signed AWS API request").
 */
#ifndef CORE_SIGV4_H
#define CORE_SIGV4_H

#include <stdint.h>

#include "core/http/header.h"

/* SHA-256 of an empty body */
#define SIGV4_EMPTY_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct sigv4_key {
	const char *id, *secret;
	const char *token; /* "" for none */
	const char *region, *service;
};

struct sigv4_subject {
	const char *method;
	const char *host;      /* the Host field's value, which is signed but not added */
	const char *target;    /* path and query as on the wire, strictly escaped (uri_encode()) */
	const char *body_hash; /* SHA-256 of the body in hex, or "UNSIGNED-PAYLOAD" */
};

/* Adds X-Amz-Date, X-Amz-Security-Token (with a token) and Authorization to fields; all fields are
 * signed. The path is signed as it is, never normalised, as S3 wants. now_s: seconds since 1970.
 * Returns 0, -ENOMEM, -EMSGSIZE, -EINVAL (a value that no header can hold), -EIO (the crypto
 * library). */
int sigv4_sign(const struct sigv4_key *key, const struct sigv4_subject *subject, int64_t now_s,
	       struct header_list *fields);

#endif
