// SPDX-License-Identifier: Apache-2.0
#include "core/store.h"

const char *store_verb_name(enum store_verb verb)
{
	static const char *const names[STORE_VERBS] = {
		"head",	     "get",	    "list",  "buckets",		"put",
		"delete",    "delete_many", "copy",  "multipart_begin", "part",
		"part_copy", "complete",    "abort", "rename",		"uploads"};

	return names[verb];
}
