/* SPDX-License-Identifier: Apache-2.0 */
/* The one set of settings: see settings.h. */
#include "tests/store/settings.h"

#include <string.h>

struct settings settings = {
	.listen = "127.0.0.1",
	.domain = "localhost",
	.region = "us-east-1",
	/* what every emulator of Azure's has: no secret */
	.azure_account = "devstoreaccount1",
	.azure_key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
		     "K1SZFPTOtr/KBHBeksoGMGw==",
	.part_bytes_min = 5u << 20, /* S3's */
};

bool settings_names(const struct settings_buckets *list, const char *bucket)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!strcmp(list->names[i], bucket))
			return true;
	}
	return false;
}
