/* SPDX-License-Identifier: Apache-2.0 */
/* What is left in the queue of uploads when the daemon stops. */
#include "tests/unit/writing_rig.h"

#include <semaphore.h>

#include "core/tally.h"
#include "fs/later.h"

static sem_t is_held, may_go_on;

static void wait_for_it(void)
{
	fake.while_writing = NULL;
	sem_post(&is_held);
	sem_wait(&may_go_on);
}

/* One more than there are threads: the first is held up in the store, the last never begun. */
Test(fs_later, nobody_is_worked_for_any_more)
{
	struct job *job = job_find(7, getpid(), "test", 4);
	struct open_file f[LATER_PARALLEL + 1];
	unsigned before;

	start("60000");
	cr_assert_not_null(job);
	before = job->references;
	sem_init(&is_held, 0, 0);
	sem_init(&may_go_on, 0, 0);
	fake.while_writing = wait_for_it;
	for (int i = 0; i <= LATER_PARALLEL; i++) {
		struct cache_file *file;
		char path[32];

		snprintf(path, sizeof(path), "s3/b/dir/new%d", i);
		cr_assert_eq(open_file(path, O_WRONLY | O_CREAT, &f[i]), 0);
		write_at(&f[i], "x", 1, 0);
		file = draft_find(ctx, path);
		cr_assert_not_null(file);
		job_switch(job);
		cr_assert_eq(later_add(file, getpid()), 0);
		job_switch(NULL);
		cache_put(file);
	}
	sem_wait(&is_held);
	cr_assert_gt(later_stop(0), 0, "nothing is held up");
	sem_post(&may_go_on);
	cr_assert_eq(later_stop(20000), 0);
	cr_assert_eq(job->references, before, "%u more", job->references - before);
	for (int i = 0; i <= LATER_PARALLEL; i++)
		close_file(&f[i]);
	job_put(job);
	stop();
}
