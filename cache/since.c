/* SPDX-License-Identifier: Apache-2.0 */
/* See since.h. */
#include "cache/since.h"

#include <string.h>
#include <time.h>

#include "cache/clock.h"
#include "cache/place.h"

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

void since_note(struct notes_journal *journal)
{
	journal->since_ns = now_ns(CLOCK_REALTIME);
	journal->since_boot_ns = now_ns(CLOCK_BOOTTIME);
}

int64_t since_s(const struct notes_journal *journal)
{
	int64_t ago_ns = now_ns(CLOCK_REALTIME) - journal->since_ns;
	int64_t boot_ns = now_ns(CLOCK_BOOTTIME) - journal->since_boot_ns;
	char boot[PLACE_BOOT_BYTES];

	if (!journal->since_ns)
		return INT64_MAX;
	place_boot(boot);
	if (!strcmp(boot, journal->boot) && boot_ns > ago_ns)
		ago_ns = boot_ns;
	return ago_ns / CLOCK_NS_PER_S;
}
