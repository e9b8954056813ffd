/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locals that clean up after themselves when their scope ends (gcc and clang's cleanup attribute).
 *
 *	SCOPE_FREE char *text = NULL;	free()d, unless taken
 *	SCOPE_FD int fd = -1;		close()d when >= 0, unless taken
 *
 * Always initialise them. take_fd() and take_ptr() hand the resource on and disarm the local. The
 * clean-up does not change errno.
 */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_free(void *local)
{
	free(*(void **)local);
}

static inline void scope_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(local)                                 \
	({                                              \
		__typeof__(*(local)) taken_ = *(local); \
		*(local) = NULL;                        \
		taken_;                                 \
	})

#define SCOPE_FREE __attribute__((cleanup(scope_free)))
#define SCOPE_FD   __attribute__((cleanup(scope_close)))

#endif
