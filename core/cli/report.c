/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon for JSON, and showing it to people. */
#include "core/cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/where.h"
#include "fs/ask.h"

int report_get(enum wire_op op, uint32_t job, json_t **out)
{
	struct wire_request request = {.op = (uint16_t)op, .job = job};
	struct ask_reply reply;
	struct where w;
	int ret;

	if (where_find(&w))
		return -1;
	ret = ask_soon(w.sock, &request, NULL, 0, -1, &reply);
	free(w.cache_dir);
	if (ret == -ECONNREFUSED || ret == -ENOENT)
		return 1;
	if (!ret && reply.head.error) {
		ret = reply.head.error;
		ask_free(&reply);
		if (ret == -ENOENT)
			return 2;
	}
	if (ret) {
		ask_complain(ret, reply.peer);
		return -1;
	}
	*out = json_loads(reply.text, 0, NULL);
	ask_free(&reply);
	if (!*out)
		fputs("skyshim: the daemon's answer makes no sense\n", stderr);
	return *out ? 0 : -1;
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
		else if (json_is_integer(value))
			printf("%-28s %lld\n", name, (long long)json_integer_value(value));
	}
}

void report_print(const json_t *object)
{
	print_object(object, "");
}
