/* SPDX-License-Identifier: Apache-2.0 */
/* See movegate.h. */
#include "fs/movegate.h"

#include <errno.h>

#include "fs/movedir.h"
#include "fs/namelock.h"

bool movegate_wait(const char *object, enum movelog_use use)
{
	enum movelog_state state;
	bool waited = false;

	while ((state = movelog_state(object, use))) {
		waited = true;
		if (state == MOVELOG_WAITS)
			movedir_sweep();
		movelog_pause();
	}
	return waited;
}

int movegate_pass(const char *object, enum movelog_use use)
{
	/* who moves something waits only for those who are past waiting for names */
	if (!namelock_is_mine() || movelog_is_mine())
		return movegate_wait(object, use);
	return movelog_state(object, use) ? -EDEADLK : 0;
}
