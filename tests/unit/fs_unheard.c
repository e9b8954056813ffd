/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads that a daemon asked for and never heard of: found in the service's list, over a store
 * that has such a list, and in journals that cannot be read at once. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/clock.h"
#include "core/context.h"
#include "fs/begun.h"
#include "tests/unit/begun_rig.h"

#define LISTED 3

static char dir[] = "/tmp/skyshim-unheard-XXXXXX";
static int dir_fd;
static struct context *ctx;
static int fail_abort[LISTED], fail_parts[LISTED]; /* of each */
static bool aborted[LISTED];
static bool no_memory; /* for what comes next */

/* Instead of libc's. */
char *strdup(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = no_memory ? NULL : malloc(bytes);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

static int list(struct store_call *call)
{
	char id[8];

	call->list.entries = calloc(LISTED, sizeof(*call->list.entries));
	cr_assert_not_null(call->list.entries);
	for (int i = 0; i < LISTED; i++) {
		struct store_entry *e = &call->list.entries[call->list.count++];

		snprintf(id, sizeof(id), "%d", i);
		e->name = strdup("dir/x");
		e->upload = strdup(id);
		e->object.mtime_ns = clock_wall_s() * CLOCK_NS_PER_S;
	}
	return 0;
}

int store_run(struct store_call *call)
{
	int i = call->upload ? atoi(call->upload) : 0;

	call->error = 0;
	if (call->verb == STORE_ABORT) {
		call->error = fail_abort[i];
		aborted[i] = !call->error;
	} else if (call->verb == STORE_UPLOADS) {
		call->error = call->upload ? fail_parts[i] : list(call);
	}
	return call->error;
}

void store_call_reset(struct store_call *call)
{
	for (size_t i = 0; i < call->list.count; i++) {
		free(call->list.entries[i].name);
		free(call->list.entries[i].upload);
	}
	free(call->list.entries);
	memset(&call->list, 0, sizeof(call->list));
}

/* The rest of the driver, which nobody calls here. */
int store_submit(struct store_call *call)
{
	(void)call;
	return -EINVAL;
}

/* One is asked for, and the daemon dies before the answer. */
static void die_unheard(void)
{
	const struct store_call call = {
		.ctx = ctx, .scheme = "s3", .bucket = "b", .key = "dir/x", .error = -ECANCELED};
	struct begun *b = begun_intend(&call);

	cr_assert_not_null(b);
	begun_intended(b, &call);
	begun_stop();
	cr_assert_eq(noted_in(dir), 1u);
}

static void next_daemon(void)
{
	cr_assert_eq(begun_start(dir_fd), 0);
	begun_sweep();
	begun_stop();
}

static void setup(void)
{
	static const char env[] = "AWS_PROFILE=one";
	uint8_t id[WIRE_CTX_BYTES];

	setenv("SKYSHIM_UPLOAD_SILENT_S", "0", 1);
	cr_assert_eq(context_register(env, sizeof(env), &ctx, id), 0);
	cr_assert_not_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(begun_start(dir_fd), 0);
	die_unheard();
}

static void teardown(void)
{
	char command[64];

	close(dir_fd);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
	context_free_all();
}

TestSuite(fs_unheard, .init = setup, .fini = teardown, .timeout = 60);

Test(fs_unheard, all_that_nobody_uses)
{
	next_daemon();
	cr_assert(aborted[0] && aborted[1] && aborted[2]);
	cr_assert_eq(noted_in(dir), 0u);
}

/* Somebody else was faster with one of them. */
Test(fs_unheard, one_is_gone_by_then)
{
	fail_abort[0] = -ENOENT;
	fail_parts[1] = -ENOENT;
	next_daemon();
	cr_assert(aborted[2], "the rest stays");
	cr_assert_eq(noted_in(dir), 0u);
}

Test(fs_unheard, one_cannot_be_aborted)
{
	fail_abort[0] = -EIO;
	next_daemon();
	cr_assert(aborted[1] && aborted[2], "the rest waits for it");
	cr_assert_eq(noted_in(dir), 1u, "it is forgotten");
	fail_abort[0] = 0;
	next_daemon();
	cr_assert(aborted[0]);
	cr_assert_eq(noted_in(dir), 0u);
}

/* Then it is not known whether it is ours. */
Test(fs_unheard, one_cannot_be_looked_at)
{
	fail_parts[1] = -EIO;
	next_daemon();
	cr_assert(aborted[0] && !aborted[1] && aborted[2]);
	cr_assert_eq(noted_in(dir), 1u, "it is forgotten");
}

/* Who tries something else of that name again does not know whose they are either. */
Test(fs_unheard, not_before_they_are_old)
{
	setenv("SKYSHIM_UPLOAD_SILENT_S", "3600", 1);
	cr_assert_eq(begun_start(dir_fd), 0);
	begun_retry("s3/b/dir/x");
	begun_stop();
	cr_assert(!aborted[0] && !aborted[1] && !aborted[2], "somebody else's is aborted");
	cr_assert_eq(noted_in(dir), 1u);
}

Test(fs_unheard, without_memory_its_note_stays)
{
	no_memory = true;
	cr_assert_eq(begun_start(dir_fd), 0);
	no_memory = false;
	begun_stop();
	cr_assert_eq(noted_in(dir), 1u, "it is forgotten");
	next_daemon();
	cr_assert_eq(noted_in(dir), 0u);
}
