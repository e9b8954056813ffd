/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli; RFC 9260, appendix A), by the processor's own instruction where it has one.
 */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_BASE64_BYTES 9 /* with NUL */

/* The checksum of what has the checksum crc (0: nothing yet) and then these bytes. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

/* Its big-endian bytes in base64, as Google writes it. */
void crc32c_base64(uint32_t crc, char out[CRC32C_BASE64_BYTES]);

#endif
