/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as people write them. */
#ifndef CORE_SIZE_H
#define CORE_SIZE_H

#include <stdint.h>

/* Bytes from "10G", "512M", "64K", "1GiB" or a plain number; 0 if it is none, or NULL. */
uint64_t size_parse(const char *text);

#endif
