/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 with 128 bits of result (Aumasson, Bernstein: "SipHash: a fast short-input PRF"): who
 * does not know the key cannot find two inputs with one result.
 */
#ifndef CORE_BASE_SIPHASH_H
#define CORE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Of prefix_words 64-bit words, in this machine's order, followed by len bytes of data. */
void siphash128(const uint64_t key[2], const uint64_t *prefix, size_t prefix_words,
		const void *data, size_t len, uint64_t out[2]);

#endif
