/* SPDX-License-Identifier: Apache-2.0 */
/* The only place of fs/ that knows which stores there are. */
#include "fs/backends.h"

#include <errno.h>
#include <string.h>

#include "core/backend.h"
#include "azure/azure.h"
#include "gcs/gcs.h"
#include "s3/s3.h"

static const struct store_ops *const backends[] = {
	&s3_ops,
	&azure_ops,
	&gcs_ops,
};

#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

static const struct store_ops *find(const char *scheme)
{
	for (size_t i = 0; i < BACKENDS; i++) {
		if (!strcmp(backends[i]->scheme, scheme))
			return backends[i];
	}
	return NULL;
}

int backends_register(void)
{
	for (size_t i = 0; i < BACKENDS; i++) {
		int ret = store_register(backends[i]);

		if (ret)
			return ret;
	}
	return 0;
}

const char *backends_scheme(size_t i)
{
	return i < BACKENDS ? backends[i]->scheme : NULL;
}

bool backends_has(const char *scheme)
{
	return find(scheme);
}

bool backends_has_accounts(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->has_accounts;
}

bool backends_copies_whole(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->copies_whole;
}

bool backends_keeps_whole(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->keeps_whole;
}

size_t backends_append_max(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops ? ops->append_max : 0;
}

size_t backends_meta_bytes(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops ? ops->meta_bytes : 0;
}

bool backends_renames(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->verb[STORE_RENAME].build;
}

bool backends_keeps_uploads(const char *scheme)
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->verb[STORE_UPLOADS].build;
}

bool backends_begins(const char *scheme, const char *bucket)
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->begins && ops->begins(bucket);
}

bool backends_holds(const char *scheme, const char *key)
{
	const struct store_ops *ops = find(scheme);

	return !ops || !ops->holds || ops->holds(key);
}

int backends_accounts(const char *scheme, const struct context *ctx, struct store_list *out,
		      char message[STORE_MESSAGE_BYTES])
{
	const struct store_ops *ops = find(scheme);

	return ops && ops->accounts ? ops->accounts(ctx, out, message) : -EINVAL;
}
