/* SPDX-License-Identifier: Apache-2.0 */
/* What the store was told to be. Filled before the server starts; only the atomics change later. */
#ifndef STORE_SETTINGS_H
#define STORE_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_KEYS_MAX    16	 /* key pairs */
#define SETTINGS_BUCKETS_MAX 64	 /* names in each of the lists of buckets */
#define SETTINGS_TEXT_BYTES  128 /* of an access key, a secret, a region, with NUL */
#define SETTINGS_TOKEN_BYTES 2048
#define SETTINGS_TOKENS_MAX  16

struct settings_key {
	char access_key[SETTINGS_TEXT_BYTES];
	char secret_key[SETTINGS_TEXT_BYTES];
	char session_token[SETTINGS_TOKEN_BYTES]; /* "" when none is expected */
	bool denied;				  /* signs well, but may do nothing */
};

struct settings_buckets {
	const char *names[SETTINGS_BUCKETS_MAX];
	size_t count;
};

struct settings {
	const char *listen; /* numeric address */
	uint16_t port;
	const char *port_file;	 /* NULL for none */
	const char *tls_cert;	 /* PEM text, NULL for plain HTTP */
	const char *tls_key;	 /* PEM text */
	const char *domain;	 /* virtual-host style is BUCKET.domain */
	const char *region;	 /* of new buckets */
	bool strict_region;	 /* a signature for another region than the bucket's is refused */
	uint64_t part_bytes_min; /* of all parts but the last */
	int clock_offset_s;	 /* the store's clock minus the real one */

	struct settings_key keys[SETTINGS_KEYS_MAX];
	size_t key_count;
	const char *tokens[SETTINGS_TOKENS_MAX]; /* of bearers, that never expire */
	size_t token_count;
	const char *token_secret; /* what issued tokens are signed with; NULL: none */
	bool gcs;		  /* speaks Google's JSON API too */
	bool azure;		  /* speaks Azure Blob Storage's too */
	bool azure_tree;	  /* its account has a hierarchical namespace */
	const char *azure_account;
	const char *azure_key;			/* in base64 */
	uint64_t rewrite_bytes;			/* of one call of rewrite; 0: no limit */
	struct settings_buckets requester_pays; /* need the parameter userProject */

	struct settings_buckets denied;	    /* 403 for every key */
	struct settings_buckets anon_read;  /* readable without a signature */
	struct settings_buckets anon_write; /* and writable */

	atomic_uint latency_ms;	       /* before each answer's first byte */
	atomic_ullong bandwidth_bytes; /* per second, connection and direction; 0: no limit */
	atomic_bool discards;	       /* of what is uploaded, length and ETag are kept only */
};

extern struct settings settings;

bool settings_names(const struct settings_buckets *list, const char *bucket);

#endif
