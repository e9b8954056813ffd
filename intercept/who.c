/* SPDX-License-Identifier: Apache-2.0 */
/* See who.h. */
#include "intercept/who.h"

#include <linux/capability.h>
#include <linux/mman.h>
#include <stddef.h>

#include "intercept/ids.h"
#include "intercept/thread.h"

#define SAME UINT32_MAX /* setfsuid(2): only tell */

/* A program's own filter may kill it for questions that it has not asked itself. */
struct who who_effective(void)
{
	if (__atomic_load_n(&rt.sandboxed, __ATOMIC_RELAXED))
		return (struct who){.uid = ids_user(), .gid = ids_group()};
	return (struct who){.uid = (uint32_t)sys1(__NR_setfsuid, SAME),
			    .gid = (uint32_t)sys1(__NR_setfsgid, SAME)};
}

struct who who_real(void)
{
	return (struct who){.uid = (uint32_t)sys0(__NR_getuid),
			    .gid = (uint32_t)sys0(__NR_getgid),
			    .real = true};
}

uint32_t who_owner(const struct wire_attr *attr)
{
	return attr->uid == WIRE_CALLER ? ids_user() : attr->uid;
}

uint32_t who_group(const struct wire_attr *attr)
{
	return attr->gid == WIRE_CALLER ? ids_group() : attr->gid;
}

/* access(2) looks at what the program may if it takes on its real user ID: capabilities(7). */
bool who_can(const struct who *who, unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (who->real && who->uid)
		return false;
	if (sys2(__NR_capget, &head, data))
		return false;
	return (who->real ? data[0].permitted : data[0].effective) >> cap & 1;
}

bool who_in_group(const struct who *who, uint32_t gid)
{
	bool found = false;
	long n, bytes, at;

	if (who->gid == gid)
		return true;
	n = sys2(__NR_getgroups, 0, NULL);
	if (n <= 0)
		return false;
	bytes = n * (long)sizeof(gid);
	at = sys6(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sys_failed(at))
		return false;
	n = sys2(__NR_getgroups, n, at);
	for (long i = 0; i < n; i++)
		found |= ((const uint32_t *)at)[i] == gid;
	sys2(__NR_munmap, at, bytes);
	return found;
}

bool who_may(const struct who *who, const struct wire_attr *attr, unsigned want)
{
	unsigned bits = attr->mode;

	if (who->uid == who_owner(attr))
		bits >>= 6;
	else if (who_in_group(who, who_group(attr)))
		bits >>= 3;
	if (!(want & ~bits))
		return true;
	if (S_ISDIR(attr->mode) || !(want & WHO_X) || attr->mode & 0111) {
		if (who_can(who, CAP_DAC_OVERRIDE))
			return true;
	}
	return (S_ISDIR(attr->mode) ? !(want & WHO_W) : want == WHO_R) &&
	       who_can(who, CAP_DAC_READ_SEARCH);
}

bool who_owns(const struct who *who, const struct wire_attr *attr)
{
	return who->uid == who_owner(attr) || who_can(who, CAP_FOWNER);
}
