/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of something short, for `skyshim run`, which loads no library for it. All else is summed
 * by core/digest.h, whose library has the processor's own instructions. */
#ifndef CORE_SHA256_H
#define CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

/* FIPS 180-4, section 6.2. */
void sha256(const void *data, size_t bytes, uint8_t out[SHA256_BYTES]);

#endif
