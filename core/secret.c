// SPDX-License-Identifier: Apache-2.0
#include "core/secret.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 128 /* longer ones are taken for secrets */

bool secret_is_variable(const char *entry)
{
	static const char *const marks[] = {"SECRET",
					    "TOKEN",
					    "PASSWORD",
					    "_KEY",
					    "SAS",
					    "CONNECTION_STRING",
					    "CREDENTIALS_JSON",
					    "IDENTITY_HEADER"};
	size_t len = strcspn(entry, "=");
	char name[NAME_BYTES];

	if (len >= sizeof(name))
		return true;
	memcpy(name, entry, len);
	name[len] = '\0';
	if (len > 5 && !strcmp(name + len - 5, "_FILE"))
		return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strstr(name, marks[i]))
			return true;
	}
	return false;
}

void secret_wipe_environment(void)
{
	char **kept = environ;

	for (char **e = environ; e && *e; e++) {
		char *value = strchr(*e, '=');

		if (!value || !secret_is_variable(*e))
			*kept++ = *e;
		else
			OPENSSL_cleanse(value + 1, strlen(value + 1));
	}
	if (kept)
		*kept = NULL;
}

/* Answers of services that give credentials are JSON, and its strings are jansson's own copies. */
static void wipe_and_free(void *block)
{
	if (block)
		OPENSSL_cleanse(block, malloc_usable_size(block));
	free(block);
}

void secret_wipe_json(void)
{
	json_set_alloc_funcs(malloc, wipe_and_free);
}
