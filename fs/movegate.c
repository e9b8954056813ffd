/* SPDX-License-Identifier: Apache-2.0 */
/* See movegate.h. */
#include "fs/movegate.h"

#include "fs/movedir.h"

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
