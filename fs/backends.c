/* SPDX-License-Identifier: Apache-2.0 */
/* The only place of fs/ that knows which stores there are. */
#include "fs/backends.h"

#include <string.h>

#include "core/backend.h"
#include "s3/s3.h"

static const struct store_ops *const backends[] = {
	&s3_ops,
};

static const char *const schemes[] = {"s3", NULL};

int backends_register(void)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		int ret = store_register(backends[i]);

		if (ret)
			return ret;
	}
	return 0;
}

const char *backends_scheme(size_t i)
{
	return i < sizeof(schemes) / sizeof(schemes[0]) ? schemes[i] : NULL;
}

bool backends_has(const char *scheme)
{
	for (size_t i = 0; backends_scheme(i); i++) {
		if (!strcmp(backends_scheme(i), scheme))
			return true;
	}
	return false;
}
