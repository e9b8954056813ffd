/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What requests and bytes cost, as the services' price lists have it or the user's configuration
 * says. An estimate: storage, minimum sizes, tiers and volume discounts are not in it.
 */
#ifndef CORE_PRICE_H
#define CORE_PRICE_H

#include <stdint.h>

#include "core/realm.h"
#include "core/store.h"

#define PRICE_DATE "2025" /* of the defaults */

/* In 10^-12 US dollars. */
struct price {
	uint64_t write; /* a PUT, COPY, POST or LIST */
	uint64_t read;	/* a GET or HEAD */
	uint64_t out;	/* a byte that comes out of the store */
};

/* Of a call in this realm. */
void price_find(const struct realm *realm, const char *scheme, struct price *out);

/* Of one request. Deletions cost nothing. */
uint64_t price_of(const struct price *price, enum store_verb verb);

#endif
