/* SPDX-License-Identifier: Apache-2.0 */
/* Locals that free themselves when their scope ends. The store shares no code with the programs it
 * tests, so it has its own. */
#ifndef STORE_SCOPE_H
#define STORE_SCOPE_H

#include <stdlib.h>
#include <unistd.h>

static inline void scope_free(void *at)
{
	free(*(void **)at);
}

static inline void scope_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define SCOPE_FREE __attribute__((cleanup(scope_free)))
#define SCOPE_FD   __attribute__((cleanup(scope_close)))

#endif
