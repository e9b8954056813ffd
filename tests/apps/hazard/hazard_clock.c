/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own pages in the process: the vDSO, whose fallback is a real system call out of text
 * that no file holds, and the vsyscall page, which answers by a fault. */
#include "tests/apps/hazard/hazard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VSYSCALL_TIME 0xffffffffff600400UL

static int vsyscall_mapped(void)
{
	char line[4400];
	FILE *maps = fopen("/proc/self/maps", "re");
	int found = 0;

	while (maps && fgets(line, sizeof(line), maps))
		found |= strstr(line, "[vsyscall]") != NULL;
	if (maps)
		fclose(maps);
	return found;
}

static void clock_vsyscall(void)
{
	time_t (*volatile vsyscall_time)(time_t *) = (time_t(*)(time_t *))VSYSCALL_TIME;
	time_t told, stored = 0;
	struct timespec now;

	say("vsyscall-mapped", vsyscall_mapped());
	if (!vsyscall_mapped())
		return;
	/* time(2) reads the clock of the last tick, which enters a new second after the exact
	 * one has: musl's own time() asks the exact one. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	told = vsyscall_time(&stored);
	say("vsyscall-time", told >= now.tv_sec && told <= now.tv_sec + 5);
	say("vsyscall-stored", told == stored);
}

void hazard_clock(void)
{
	const unsigned char *vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
	struct timespec before, after, raw;
	struct timeval day;
	int backwards = 0;

	say("vdso-is-elf", vdso && !memcmp(vdso, "\177ELF", 4));
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 10000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &after);
		backwards += after.tv_sec < before.tv_sec ||
			     (after.tv_sec == before.tv_sec && after.tv_nsec < before.tv_nsec);
		before = after;
	}
	say("backwards", backwards);
	/* Clocks that the vDSO leaves to the kernel. */
	say("cpu-clock", res(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before)));
	say("thread-clock", res(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before)));
	say("bad-clock", res(clock_gettime(77, &before)));
	say("gettimeofday", res(gettimeofday(&day, NULL)));
	hazard_raw(SYS_clock_gettime, CLOCK_REALTIME, (long)&raw, 0);
	say("same-day", labs((long)(raw.tv_sec - day.tv_sec)) <= 2);
	clock_vsyscall();
}
