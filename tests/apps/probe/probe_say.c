/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's way of printing and of looking at bytes: see probe.h. The hazards use it as well. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *current_group = "";

void group(const char *name)
{
	current_group = name;
}

void say(const char *name, long value)
{
	if (value < 0 && value > -4096)
		printf("%s.%s = %ld (%s)\n", current_group, name, value, strerror((int)-value));
	else
		printf("%s.%s = %ld\n", current_group, name, value);
	fflush(stdout); /* so that no child has it in its buffer */
}

void say_text(const char *name, const char *value)
{
	printf("%s.%s = \"%s\"\n", current_group, name, value);
	fflush(stdout);
}

long res(long libc_result)
{
	return libc_result == -1 ? -errno : libc_result;
}

unsigned char probe_byte(size_t index)
{
	return (unsigned char)(index * 7 + index / 251);
}

int probe_same(const void *data, size_t offset, size_t bytes)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < bytes; i++)
		if (byte[i] != probe_byte(offset + i))
			return 0;
	return 1;
}
