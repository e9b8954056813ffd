// SPDX-License-Identifier: Apache-2.0
#include "core/quirk.h"

#include <stdio.h>

const struct quirk quirk_table[QUIRKS] = {
	{STORE_QUIRK_CONDITIONS, REALM_CONDITIONAL_PUT, "false",
	 "has no conditional PUT: each is preceded by a look at what is there (HEAD), which "
	 "leaves a moment in which two writers do not see each other, so O_EXCL and the detection "
	 "of lost updates are weaker here"},
	{STORE_QUIRK_QUOTES, REALM_ETAG_QUOTES, "true", "wants the ETag of If-Match in its quotes"},
	{STORE_QUIRK_LIST_V1, REALM_LIST_V2, "false",
	 "has no ListObjectsV2; it is listed in the old way"},
	{STORE_QUIRK_NO_BATCH_DELETE, REALM_BATCH_DELETE, "false",
	 "has no DeleteObjects; each object is deleted by a request of its own"},
	{STORE_QUIRK_NO_PART_COPY, REALM_PART_COPY, "false",
	 "has no UploadPartCopy; what did not change is sent as well"},
};

void quirk_text(unsigned quirks, char out[QUIRK_TEXT_BYTES])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < QUIRKS && used < QUIRK_TEXT_BYTES; i++) {
		if (quirks & quirk_table[i].bit)
			used += (size_t)snprintf(
				out + used, QUIRK_TEXT_BYTES - used, "%s%s = %s", used ? ", " : "",
				realm_name(quirk_table[i].setting), quirk_table[i].value);
	}
}
