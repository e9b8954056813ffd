/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's signatures: "Authorize with Shared Key" of the REST reference, in the form for Blob
 * Storage since 2015-02-21. */
#ifndef AZURE_SHAREDKEY_H
#define AZURE_SHAREDKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/http/header.h"

struct sharedkey_subject {
	const char *method;
	const char *target;  /* path and query, as on the wire */
	uint64_t body_bytes; /* Content-Length, which is not among the fields */
};

/* Is that an account's key, as far as can be told without the service? */
bool sharedkey_is_key(const char *key);

/* The text that is signed. fields: all that are sent but Host and Content-Length. Returns 0,
 * -EMSGSIZE (more parameters than any request has) or -ENOMEM. */
int sharedkey_text(const char *account, const struct sharedkey_subject *subject,
		   const struct header_list *fields, struct buffer *out);

/* Adds x-ms-date and Authorization. key: in base64, as the portal gives it. Returns 0, -EACCES
 * (that is no base64), -EINVAL, -EMSGSIZE, -ENOMEM, -EIO. */
int sharedkey_sign(const char *account, const char *key, const struct sharedkey_subject *subject,
		   int64_t now_s, struct header_list *fields);

/* The HMAC of a text by an account's key, in base64 (DIGEST_BASE64_BYTES). Returns 0, -EACCES or
 * -EIO. */
int sharedkey_mac(const char *key, const struct buffer *text, char *out);

#endif
