// SPDX-License-Identifier: Apache-2.0
/* Buckets that one service can copy between: the configuration may say that they are apart. */
#include "core/realm.h"
#include "fs/lookup.h"

bool lookup_same_store(const struct lookup *a, const struct lookup *b)
{
	if (!name_same_store(&a->name, &b->name))
		return false;
	return realm_same_store(a->ctx, a->name.scheme, a->name.bucket, b->name.bucket);
}
