/* SPDX-License-Identifier: Apache-2.0 */
/*
 * umask(2) can only be read by setting it, which another thread that makes a file would notice. So
 * where there are others, it is read from /proc.
 */
#include "intercept/umask.h"

#include <linux/fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "intercept/thread.h"

#define FIELD "\nUmask:\t"

static bool from_proc(uint32_t *out)
{
	char text[512];
	const char *at;
	long fd = sys3(__NR_open, "/proc/thread-self/status", O_RDONLY | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return false;
	n = sys3(__NR_read, fd, text, sizeof(text) - 1);
	sys1(__NR_close, fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	at = strstr(text, FIELD);
	if (!at)
		return false;
	*out = 0;
	for (at += sizeof(FIELD) - 1; *at >= '0' && *at <= '7'; at++)
		*out = *out * 8 + (uint32_t)(*at - '0');
	return *at == '\n';
}

uint32_t umask_now(void)
{
	uint32_t mask;

	if (!thread_is_alone(thread_current()) && from_proc(&mask))
		return mask;
	mask = (uint32_t)sys1(__NR_umask, 0);
	sys1(__NR_umask, mask);
	return mask;
}
