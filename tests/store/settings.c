/* SPDX-License-Identifier: Apache-2.0 */
/* The one set of settings: see settings.h. */
#include "tests/store/settings.h"

#include <string.h>

struct settings settings = {
	.listen = "127.0.0.1",
	.domain = "localhost",
	.region = "us-east-1",
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
