// SPDX-License-Identifier: Apache-2.0
/* Inode numbers, apart from all that knows of stores: `skyshim run` asks for the root's. */
#include "fs/names.h"

uint64_t name_ino(const char *object, size_t len, bool is_dir)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (is_dir ? UINT64_C(0x9e3779b97f4a7c15) : 0);

	/* FNV-1a, then MurmurHash3's finaliser, so that every bit depends on every byte */
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)object[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h ? h : 1;
}
