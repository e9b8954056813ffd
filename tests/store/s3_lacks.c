/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store/s3_lacks.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *word;
	enum s3_lack lack;
} words[] = {
	{"conditions", LACK_CONDITIONS},
	{"conditions-seen", LACK_CONDITIONS_SEEN},
	{"bare-etag", LACK_BARE_ETAG},
	{"quoted-etag", LACK_QUOTED_ETAG},
	{"list-v2", LACK_LIST_V2},
	{"list-v2-seen", LACK_LIST_V2_SEEN},
	{"next-marker", LACK_NEXT_MARKER},
	{"batch-delete", LACK_BATCH_DELETE},
	{"part-copy", LACK_PART_COPY},
	{"checks", LACK_CHECKS},
	{"virtual-hosts", LACK_VIRTUAL_HOSTS},
	{"source-condition", LACK_SOURCE_CONDITION},
	{"copy", LACK_COPY},
	{"parts-etag", LACK_PARTS_ETAG},
	{"long-metadata", LACK_LONG_METADATA},
	{"start-after", LACK_START_AFTER},
	{"order", LACK_ORDER},
};

static unsigned lacks; /* set before the server starts */

bool s3_lacks_add(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		lacks |= words[i].lack;
		return true;
	}
	return false;
}

bool s3_lacks(enum s3_lack lack)
{
	return lacks & lack;
}
