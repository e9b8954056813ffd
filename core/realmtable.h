/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of core/realm.h, between the two files that read them. */
#ifndef CORE_REALMTABLE_H
#define CORE_REALMTABLE_H

#include "core/realm.h"

enum realm_type {
	REALM_TEXT,
	REALM_BOOL,
	REALM_WORD,
	REALM_PATH,
	REALM_URL,
	REALM_AN_ARN,
	REALM_NUMBER,
	REALM_SPEED,
	REALM_RATE
};

struct realm_kind {
	const char *name;
	const char *schemes; /* that have it, with blanks between */
	enum realm_type type;
	const char *words; /* of REALM_WORD, with blanks between */
	/* What it stands for; NULL: a back end asks for it by realm_get(). */
	const char *variable, *google_variable;
};

extern const struct realm_kind realm_table[REALM_SETTINGS];

bool realm_is_true(const char *value);

#endif
