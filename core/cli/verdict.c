/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/verdict.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *checks; /* NULL: for people */
static unsigned bad_count;

void verdict_start(bool json)
{
	checks = json ? json_array() : NULL;
	bad_count = 0;
}

static void add(enum verdict v, const char *what, const char *text)
{
	static const char *const names[] = {"ok", "note", "bad"};
	json_t *check = json_object();

	json_object_set_new(check, "what", json_string(what));
	json_object_set_new(check, "verdict", json_string(names[v]));
	json_object_set_new(check, "text", json_string(text));
	json_array_append_new(checks, check);
}

void say(enum verdict v, const char *what, const char *format, ...)
{
	static const char *const marks[] = {"ok  ", "note", "BAD "};
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	bad_count += v == BAD;
	if (checks)
		add(v, what, text ? text : "");
	else
		printf("%s  %-22s %s\n", marks[v], what, text ? text : "");
	free(text);
}

unsigned verdict_end(void)
{
	json_t *root;

	if (checks) {
		root = json_object();
		json_object_set_new(root, "checks", checks);
		json_object_set_new(root, "bad", json_integer(bad_count));
		json_dumpf(root, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(root);
		checks = NULL;
	} else if (bad_count) {
		printf("\n%u thing%s to change, see BAD above\n", bad_count,
		       bad_count == 1 ? "" : "s");
	}
	return bad_count;
}
