/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's start: see probe.h. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *probe_self;

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
