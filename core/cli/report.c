/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon for JSON, and showing it to people. */
#include "core/cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "core/cli/where.h"
#include "fs/ask.h"

int report_get(enum wire_op op, char **text_out)
{
	struct wire_request request = {.op = (uint16_t)op};
	struct ask_reply reply;
	struct where w;
	int ret;

	if (where_find(&w))
		return -1;
	ret = ask(w.sock, &request, NULL, 0, &reply);
	free(w.cache_dir);
	if (ret == -ECONNREFUSED || ret == -ENOENT)
		return 1;
	if (!ret && reply.head.error) {
		ret = reply.head.error;
		ask_free(&reply);
	}
	if (ret) {
		fprintf(stderr, "skyshim: the daemon does not answer: %s\n", ask_error(ret));
		return -1;
	}
	*text_out = reply.text;
	reply.text = NULL;
	ask_free(&reply);
	return 0;
}

static void print_object(const json_t *object, const char *outer)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		char name[80];

		snprintf(name, sizeof(name), "%s%s%s", outer, *outer ? "." : "", key);
		if (json_is_object(value))
			print_object(value, name);
		else if (json_is_string(value))
			printf("%-28s %s\n", name, json_string_value(value));
		else
			printf("%-28s %lld\n", name, (long long)json_integer_value(value));
	}
}

int report_print(const char *text)
{
	json_t *root = json_loads(text, 0, NULL);

	if (!root) {
		fputs("skyshim: the daemon's answer makes no sense\n", stderr);
		return -1;
	}
	print_object(root, "");
	json_decref(root);
	return 0;
}
