/* SPDX-License-Identifier: Apache-2.0 */
/* See ids.h. Each thread of a process may have its own, so nothing is learnt again after a change.
 */
#include "intercept/ids.h"

#include <linux/auxvec.h>
#include <linux/sched.h>

#include "intercept/handlers.h"
#include "intercept/kernel.h"

#define OVERFLOW_ID 65534u /* not mapped (yet) in this user namespace: may change by itself */

static uint32_t user, group;
static uint32_t settled; /* atomic */

void ids_init(const uint64_t *auxv)
{
	unsigned seen = 0;

	for (; auxv[0] != AT_NULL; auxv += 2) {
		if (auxv[0] == AT_EUID) {
			user = (uint32_t)auxv[1];
			seen |= 1;
		} else if (auxv[0] == AT_EGID) {
			group = (uint32_t)auxv[1];
			seen |= 2;
		}
	}
	settled = seen == 3 && user != OVERFLOW_ID && group != OVERFLOW_ID;
}

void ids_unsettle(void)
{
	__atomic_store_n(&settled, 0, __ATOMIC_RELEASE);
}

uint32_t ids_user(void)
{
	return __atomic_load_n(&settled, __ATOMIC_ACQUIRE) ? user : (uint32_t)sys0(__NR_geteuid);
}

uint32_t ids_group(void)
{
	return __atomic_load_n(&settled, __ATOMIC_ACQUIRE) ? group : (uint32_t)sys0(__NR_getegid);
}

/* setuid and its kin, setns, unshare: the kernel's, but the answer is not known any more. */
long sys_set_ids(struct sys_args *a)
{
	ids_unsettle();
	if (a->nr == __NR_unshare && a->arg[0] & CLONE_FILES)
		thread_fds_private(a->thread);
	return SYS_PASS;
}
