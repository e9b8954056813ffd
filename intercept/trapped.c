/* SPDX-License-Identifier: Apache-2.0 */
/* See trapped.h. */
#include "intercept/trapped.h"

#include <errno.h>

#include "intercept/exename.h"
#include "intercept/image.h"
#include "intercept/report.h"
#include "intercept/request.h"
#include "intercept/thread.h"

#define NOTED_MAX 64u

LARGE_ZEROES static uint64_t noted[NOTED_MAX]; /* sites told already; atomic */

/* What is not intercepted, and how bad that is. */
static int uncovered(const char *why)
{
	static uint32_t said;

	report_reason(why, 0);
	if (!__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
		say("this kernel or container cannot trap system calls (`skyshim doctor` tells "
		    "why), so some are not intercepted: ",
		    why);
	if (!rt.handoff.strict)
		return 0;
	if (!rt.started) {
		say("not run, because it cannot be intercepted in full (--strict): ", exename());
		sys1(__NR_exit_group, EXIT_CANNOT_START);
	}
	return -EPERM;
}

int trapped_expect(const char *why)
{
	static int failed; /* a negative errno of the kernel; it will not change */

	if (!__atomic_load_n(&rt.armed, __ATOMIC_ACQUIRE))
		failed = thread_arm_all();
	if (failed)
		return uncovered(why);
	report_reason(why, 1);
	return 0;
}

/* Once for each site. */
static bool first_time(uint64_t site)
{
	for (unsigned i = 0; i < NOTED_MAX; i++) {
		uint64_t seen = 0;

		if (__atomic_load_n(&noted[i], __ATOMIC_RELAXED) == site)
			return false;
		if (__atomic_compare_exchange_n(&noted[i], &seen, site, 0, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
		if (seen == site)
			return false;
	}
	return false;
}

void trapped_note(uint64_t site)
{
	const struct image_twin *i = image_at(site);
	char name[TWIN_NAME_BYTES];
	struct request rq = {.op = WIRE_TRAPPED, .text = name};

	if (!i || i->dirty || !first_time(site))
		return;
	for (uint32_t n = 0; n < i->head.segment_count; n++) {
		const struct twin_segment *s = &i->head.segment[n];
		uint64_t vaddr = site - i->base + i->head.low;

		if (vaddr < s->vaddr || vaddr - s->vaddr >= s->bytes)
			continue;
		rq.offset = s->offset + (vaddr - s->vaddr);
		rq.text_len = (uint32_t)twin_name(&i->head.key, name);
		request_run(&rq);
		return;
	}
}
