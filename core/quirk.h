/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of each way in which a service is unlike the one that its dialect comes from. */
#ifndef CORE_QUIRK_H
#define CORE_QUIRK_H

#include "core/backend.h"
#include "core/realm.h"

struct quirk {
	enum store_quirk bit;
	enum realm_setting setting;
	const char *value; /* of that setting, which says that the service is so */
	const char *words; /* "ENDPOINT ...", for people */
};

#define QUIRKS 5
extern const struct quirk quirk_table[QUIRKS];

/* "conditional_put = false, ..." of all these bits. */
#define QUIRK_TEXT_BYTES 160
void quirk_text(unsigned quirks, char out[QUIRK_TEXT_BYTES]);

#endif
