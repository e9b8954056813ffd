/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user's configuration (core/settings.h) says of a realm: of all of a scheme ([s3://]), an
 * account, or a bucket. The narrower section wins, each setting by itself.
 *
 * Most settings stand for a variable that the vendor's tools know, so what a back end already does
 * with its environment holds for one bucket as well: it asks the realm's context, not the call's.
 */
#ifndef CORE_REALM_H
#define CORE_REALM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/context.h"
#include "core/ini.h"

#define REALM_VALUE_BYTES 512 /* of a value, with NUL */
#define REALM_RULES_MAX	  1024
#define REALM_FROM_BYTES  160

enum realm_setting {
	REALM_PROFILE,	       /* of the AWS shared files */
	REALM_CREDENTIALS,     /* path of a Google credentials file */
	REALM_ENDPOINT,	       /* http(s)://host[:port] */
	REALM_REGION,	       /* as AWS_REGION */
	REALM_ADDRESSING,      /* "path", "virtual" */
	REALM_ANONYMOUS,       /* bool */
	REALM_REQUESTER_PAYS,  /* bool */
	REALM_ARN,	       /* of an access point, which the name stands for */
	REALM_ENCRYPTION,      /* "AES256", "aws:kms", "aws:kms:dsse", "customer" */
	REALM_KMS_KEY,	       /* id or ARN */
	REALM_BUCKET_KEY,      /* bool */
	REALM_KEY_FILE,	       /* path of a file with a customer's key */
	REALM_CA_BUNDLE,       /* path */
	REALM_CLIENT_CERT,     /* path of a PEM file, perhaps with its key */
	REALM_CLIENT_KEY,      /* path of a PEM file */
	REALM_HTTP2,	       /* bool: spoken where the server offers it */
	REALM_CONDITIONAL_PUT, /* bool: has the service this? So with the next */
	REALM_CONDITIONAL_DELETE,
	REALM_ETAG_QUOTES,
	REALM_LIST_V2,
	REALM_BATCH_DELETE,
	REALM_PART_COPY,
	REALM_HIERARCHICAL, /* bool: STORE_NAMES_TREE or _FLAT; nothing is learned then */
	REALM_PRICE_WRITE,  /* number: core/price.h */
	REALM_PRICE_READ,
	REALM_PRICE_EGRESS,
	REALM_BANDWIDTH, /* bytes a second: core/throttle.h */
	REALM_REQUEST_RATE,
	REALM_SETTINGS
};

/* One line of the configuration. */
struct realm_rule {
	struct realm_rule *next; /* narrower ones, and later ones, first */
	enum realm_setting setting;
	int line;
	char *where; /* a virtual path: "s3", "s3/bucket", "az/account/container" */
	char value[REALM_VALUE_BYTES];
};

/* Is there a setting of this name? */
bool realm_knows(const char *name);

/* "profile, endpoint, ..." for messages. */
void realm_names(char *out, size_t bytes);

/* Checks a line of section `where` and adds it. Returns NULL, or what is wrong and what to write,
 * which may point into words (256 bytes). */
const char *realm_add(struct realm_rule **rules, const char *where, const struct ini_line *line,
		      char words[256]);

/* Do those of one section go together? Returns NULL, or as realm_add() with *line_out. */
const char *realm_check(const struct realm_rule *rules, int *line_out);

void realm_free(struct realm_rule *rules);

/* A setting's name. */
const char *realm_name(enum realm_setting setting);

/* What holds for a bucket. */
struct realm {
	struct context *ctx; /* whose environment counts: the call's with what is set here */
	bool is_google;
	bool set[REALM_SETTINGS];
	char value[REALM_SETTINGS][REALM_VALUE_BYTES];
	int line[REALM_SETTINGS];
	const char *path; /* of the file; lives as long as the daemon. NULL: nothing is set */
};

/* bucket: of schemes with accounts ACCOUNT/CONTAINER or ACCOUNT; NULL for none. The file is read
 * again when it has changed. Any thread. Returns 0; -EACCES with one line in message, when the file
 * is wrong; -ENOMEM, -EMFILE. */
int realm_find(struct context *ctx, const char *scheme, const char *bucket, struct realm *out,
	       char *message, size_t message_bytes);

/* Does the configuration let calls about the two buckets go to one service, as one user? */
bool realm_same_store(struct context *ctx, const char *scheme, const char *one, const char *other);

/* The value, or NULL. Of a bool "true" or "false". realm may be NULL: nothing is set. */
const char *realm_get(const struct realm *realm, enum realm_setting setting);
bool realm_is(const struct realm *realm, enum realm_setting setting, bool otherwise);

/* "FILE:LINE: NAME", for messages. */
const char *realm_from(const struct realm *realm, enum realm_setting setting,
		       char out[REALM_FROM_BYTES]);

/* Forgets the files that were read. */
void realm_free_all(void);

#endif
