/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's start and its way of printing: see probe.h. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *probe_self;
static const char *current_group = "";

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"open", probe_open},	       {"stat", probe_stat},	  {"dir", probe_dir},
	{"read", probe_read},	       {"copy", probe_copy},	  {"fd", probe_fd},
	{"error", probe_error},	       {"cwd", probe_cwd},	  {"fork", probe_fork},
	{"exec", probe_exec},	       {"self", probe_self_view}, {"signal", probe_signal},
	{"frame", probe_signal_frame}, {"thread", probe_thread},
};

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

/* probe FOLDER [GROUP]... */
int main(int argc, char **argv)
{
	probe_self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "child"))
		return probe_child(argc, argv);
	if (argc < 2 || chdir(argv[1])) {
		fprintf(stderr, "usage: probe FOLDER [GROUP]...: %s\n", strerror(errno));
		return 2;
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		int wanted = argc == 2;

		for (int a = 2; a < argc; a++)
			wanted |= !strcmp(argv[a], groups[i].name);
		if (!wanted)
			continue;
		group(groups[i].name);
		groups[i].run();
	}
	return 0;
}
