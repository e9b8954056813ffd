// SPDX-License-Identifier: Apache-2.0
/* Prices, by what is asked for. */
#include "core/price.h"

#include <stdlib.h>
#include <string.h>

#define PICO_PER_USD   1e12
#define PER_REQUESTS   1000 /* prices are for so many */
#define BYTES_PER_GB   1e9
#define PICO(per_1000) ((uint64_t)((per_1000)*PICO_PER_USD / PER_REQUESTS))
#define PICO_GB(usd)   ((uint64_t)((usd)*PICO_PER_USD / BYTES_PER_GB))

/* List prices of the usual class, without any discount, bytes to the internet:
 * s3: S3 Standard, us-east-1 (aws.amazon.com/s3/pricing);
 * az: block blobs, hot, LRS, East US, where lists count as writes (azure.microsoft.com/pricing/
 *     details/storage/blobs, .../bandwidth);
 * gs: Standard, one region in the US, classes A and B (cloud.google.com/storage/pricing). */
static const struct {
	const char *scheme;
	struct price price;
} lists[] = {
	{"s3", {PICO(0.005), PICO(0.0004), PICO_GB(0.09)}},
	{"az", {PICO(0.0055), PICO(0.00044), PICO_GB(0.087)}},
	{"gs", {PICO(0.005), PICO(0.0004), PICO_GB(0.12)}},
};

static void set(const struct realm *realm, enum realm_setting setting, double pico, uint64_t *out)
{
	const char *value = realm_get(realm, setting);

	if (value)
		*out = (uint64_t)(strtod(value, NULL) * pico + 0.5);
}

void price_find(const struct realm *realm, const char *scheme, struct price *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!strcmp(lists[i].scheme, scheme))
			*out = lists[i].price;
	}
	set(realm, REALM_PRICE_WRITE, PICO_PER_USD / PER_REQUESTS, &out->write);
	set(realm, REALM_PRICE_READ, PICO_PER_USD / PER_REQUESTS, &out->read);
	set(realm, REALM_PRICE_EGRESS, PICO_PER_USD / BYTES_PER_GB, &out->out);
}

uint64_t price_of(const struct price *price, enum store_verb verb)
{
	switch (verb) {
	case STORE_GET:
	case STORE_HEAD:
		return price->read;
	case STORE_DELETE:
	case STORE_DELETE_MANY:
	case STORE_ABORT:
		return 0;
	default:
		return price->write;
	}
}
