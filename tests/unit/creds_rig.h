/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the keeper and waiting for it, as a flight does. */
#ifndef TESTS_UNIT_CREDS_RIG_H
#define TESTS_UNIT_CREDS_RIG_H

#include <criterion/criterion.h>
#include <semaphore.h>

#include "core/http/engine.h"
#include "core/keeper.h"
#include "core/log.h"

struct rig_wait {
	struct http_task task;
	sem_t woken;
	bool canceled;
};

static inline void rig_woken(struct http_task *task, bool canceled)
{
	struct rig_wait *wait = (struct rig_wait *)task;

	wait->canceled = canceled;
	sem_post(&wait->woken);
}

/* Returns whether it was woken because it is worth asking again. */
static inline bool rig_await(struct keeper_entry *entry)
{
	struct rig_wait wait = {.task.run = rig_woken};

	sem_init(&wait.woken, 0, 0);
	cr_assert_eq(keeper_wait(entry, &wait.task), 0);
	sem_wait(&wait.woken);
	sem_destroy(&wait.woken);
	return !wait.canceled;
}

static inline void rig_open(void)
{
	struct http_limits limits = HTTP_LIMITS_DEFAULT;

	log_open("error");
	cr_assert_eq(http_start(&limits), 0);
	keeper_start();
}

static inline void rig_close(void)
{
	keeper_stop();
	http_stop();
	keeper_free();
}

#endif
