/* SPDX-License-Identifier: Apache-2.0 */
/* Each place in hazard_sites.S: entered in every way that the program itself may enter it. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern hazard_call site_crosses_page, site_before_crosses, site_behind_crosses, site_known,
	site_endbr, site_first, site_loop, site_three_ways, site_indirect, site_table, site_inside,
	site_relative_before, site_relative_behind, site_branch_behind, site_call_behind, site_push,
	site_neighbours, site_prefixed, site_cold, site_exit, site_number, site_after_exit;
extern const unsigned char site_data[16], site_data_unnamed[16];

/* Places whose number comes from outside, and places that only open. */
static const struct {
	const char *name;
	hazard_call *code;
} any[] =
	{
		{"crosses-page", site_crosses_page},
		{"behind-crosses-page", site_behind_crosses},
		{"endbr", site_endbr},
		{"first-of-function", site_first},
		{"loop", site_loop},
		{"three-ways", site_three_ways},
		{"indirect", site_indirect},
		{"table", site_table},
		{"inside-another", site_inside},
		{"relative-behind", site_relative_behind},
		{"branch-behind", site_branch_behind},
		{"call-behind", site_call_behind},
		{"push", site_push},
		{"neighbours", site_neighbours},
		{"prefixed", site_prefixed},
},
  opening[] = {
	  {"before-crosses-page", site_before_crosses},
	  {"known", site_known},
	  {"relative-before", site_relative_before},
	  {"cold", site_cold},
};

static long opens_small(hazard_call *code)
{
	long fd = code(SYS_open, (long)hazard_small, O_RDONLY, 0);
	char text[16] = "";

	if (fd < 0)
		return fd;
	if (read((int)fd, text, 14) != 14 || memcmp(text, "hello skyshim\n", 14))
		return 0;
	return close((int)fd) == 0;
}

void hazard_site(void)
{
	static const unsigned char expected[16] = {0xb8, 2,    0,    0,	   0,	 0x0f, 0x05, 0xc3,
						   0x0f, 0x05, 0x0f, 0x05, 0xcd, 0x80, 0x0f, 0x34};
	long (*volatile after_exit)(long, long, long, long) = site_after_exit;
	pid_t pid;

	/* Many times: a place that has trapped may be patched in the meantime. */
	for (size_t i = 0; i < sizeof(any) / sizeof(*any); i++) {
		long good = 0;

		for (int times = 0; times < 40; times++)
			good += hazard_reads_small(any[i].code) == 1;
		say(any[i].name, good);
	}
	for (size_t i = 0; i < sizeof(opening) / sizeof(*opening); i++) {
		long good = 0;

		for (int times = 0; times < 40; times++)
			good += opens_small(opening[i].code) == 1;
		say(opening[i].name, good);
	}
	say("failing", site_branch_behind(SYS_open, 0, 0, 0));
	/* What only looks like a call is as it was, also after a real one was run inside it. */
	say("number", site_number(0, 0, 0, 0) == 0x11c3050f11111111L);
	say("data", memcmp(site_data, expected, sizeof(expected)) == 0);
	say("data-unnamed", memcmp(site_data_unnamed, expected, sizeof(expected)) == 0);
	if (!(pid = fork()))
		site_exit(0, 7, 0, 0);
	say("exit", hazard_wait(pid));
	say("after-exit", after_exit(0, 0, 0, 0));
}
