/* SPDX-License-Identifier: Apache-2.0 */
/* See usercopy.h. The loops themselves are in start.S, where their exact extent is known. */
#include "intercept/usercopy.h"

#include <errno.h>

#include "intercept/signals.h"

size_t usercopy_raw(void *dst, const void *src, size_t n);
size_t userstr_raw(char *dst, const char *src, size_t max);
int userline_raw(union attrs_line *dst, const union attrs_line *src); /* line.S */
int useradd_raw(uint64_t *at, uint64_t n, uint64_t *old);
int userput_raw(uint64_t *at, uint64_t value);
extern const char useradd_raw_end[], userput_raw_end[], userput_fault[];
extern const char userline_raw_end[], userline_fault[];
extern const char usercopy_raw_end[], usercopy_fault[], userstr_raw_end[], userstr_fault[];

static void allow_faults(void)
{
	struct thread *t = thread_current();

	if (t->segv_blocked)
		signals_hold(t);
}

int user_read(void *dst, const void *user_src, size_t bytes)
{
	allow_faults();
	return usercopy_raw(dst, user_src, bytes) ? -EFAULT : 0;
}

int user_write(void *user_dst, const void *src, size_t bytes)
{
	allow_faults();
	return usercopy_raw(user_dst, src, bytes) ? -EFAULT : 0;
}

long user_string(char *dst, const char *user_src, size_t max)
{
	size_t n;

	allow_faults();
	n = userstr_raw(dst, user_src, max);
	if (!n)
		return -EFAULT;
	return n > max ? -ENAMETOOLONG : (long)n - 1;
}

int user_line(union attrs_line *dst, const union attrs_line *src)
{
	int ret;

	allow_faults();
	ret = userline_raw(dst, src);
	if (!ret)
		return 0;
	return ret == 1 ? -EAGAIN : -EFAULT;
}

int user_add64(uint64_t *user_at, uint64_t n, uint64_t *old_out)
{
	allow_faults();
	return useradd_raw(user_at, n, old_out) ? -EFAULT : 0;
}

int user_set64(uint64_t *user_at, uint64_t value)
{
	allow_faults();
	return userput_raw(user_at, value) ? -EFAULT : 0;
}

uintptr_t usercopy_fixup(uintptr_t ip)
{
	if (ip >= (uintptr_t)usercopy_raw && ip < (uintptr_t)usercopy_raw_end)
		return (uintptr_t)usercopy_fault;
	if (ip >= (uintptr_t)userstr_raw && ip < (uintptr_t)userstr_raw_end)
		return (uintptr_t)userstr_fault;
	if (ip >= (uintptr_t)userline_raw && ip < (uintptr_t)userline_raw_end)
		return (uintptr_t)userline_fault;
	if ((ip >= (uintptr_t)useradd_raw && ip < (uintptr_t)useradd_raw_end) ||
	    (ip >= (uintptr_t)userput_raw && ip < (uintptr_t)userput_raw_end))
		return (uintptr_t)userput_fault;
	return 0;
}
