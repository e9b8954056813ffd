/* SPDX-License-Identifier: Apache-2.0 */
/* See durability.h. */
#include "core/base/durability.h"

enum durability durability_named(const char *name)
{
	if (rules_is(name, "close"))
		return DURABILITY_CLOSE;
	if (rules_is(name, "exit"))
		return DURABILITY_EXIT;
	return rules_is(name, "fsync") ? DURABILITY_FSYNC : DURABILITY_NONE;
}

static bool is_mode(const char *value)
{
	return durability_named(value) != DURABILITY_NONE;
}

enum durability durability_of(const char *text, const char *path)
{
	const char *mode = rules_find(text, path, is_mode);

	return mode ? durability_named(mode) : DURABILITY_CLOSE;
}
