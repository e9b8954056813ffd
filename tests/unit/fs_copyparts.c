/* SPDX-License-Identifier: Apache-2.0 */
/* Large copies in parts, over a store that only notes what it is asked. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/context.h"
#include "fs/begun.h"
#include "fs/copyparts.h"
#include "tests/unit/begun_rig.h"

#define MIB  (UINT64_C(1) << 20)
#define OLD  "\"old\""
#define MINE "\"mine\""

static struct context *ctx;
static unsigned asked[STORE_VERBS];
static char if_match[STORE_ETAG_BYTES], if_none_match[8]; /* of the completion */
static const char *now = OLD;				  /* the version that it meets */
static int fail_abort;

static int answer(struct store_call *call)
{
	asked[call->verb]++;
	switch (call->verb) {
	case STORE_MULTIPART_BEGIN:
		call->upload_id = strdup("upload");
		return 0;
	case STORE_PART_COPY:
		strcpy(call->object.etag, "\"part\"");
		return 0;
	case STORE_HEAD: /* the moment before it is another */
		strcpy(call->object.etag, OLD);
		return strcmp(call->key, "free") ? 0 : -ENOENT;
	case STORE_COMPLETE:
		strcpy(if_match, call->if_match ? call->if_match : "");
		strcpy(if_none_match, call->if_none_match ? call->if_none_match : "");
		strcpy(call->object.etag, "\"copy\"");
		return call->if_match && strcmp(call->if_match, now) != 0 ? -ESTALE : 0;
	case STORE_ABORT:
		return fail_abort;
	default:
		return 0;
	}
}

int store_run(struct store_call *call)
{
	call->error = answer(call);
	return call->error;
}

static void *end(void *arg)
{
	struct store_call *call = arg;

	call->error = answer(call);
	call->done(call);
	return NULL;
}

/* The caller holds its lock: so it is answered elsewhere. */
int store_submit(struct store_call *call)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end, call))
		return -ENOMEM;
	return -pthread_detach(thread);
}

void store_call_reset(struct store_call *call)
{
	free(call->upload_id);
	call->upload_id = NULL;
}

static int copy(const char *to, const char *match, const char *none_match)
{
	struct store_call call = {
		.verb = STORE_COPY,
		.ctx = ctx,
		.scheme = "s3",
		.bucket = "b",
		.key = to,
		.from_bucket = "b",
		.from_key = "k",
		.from_etag = OLD,
		.if_match = match,
		.if_none_match = none_match,
	};

	memset(asked, 0, sizeof(asked));
	if_match[0] = if_none_match[0] = '\0';
	return copyparts_run(&call, 10 * MIB);
}

static void setup(void)
{
	static const char env[] = "AWS_PROFILE=one";
	uint8_t id[WIRE_CTX_BYTES];

	cr_assert_eq(context_register(env, sizeof(env), &ctx, id), 0);
}

TestSuite(fs_copyparts, .init = setup, .fini = context_free_all, .timeout = 60);

/* As chmod does of a large object: what another wrote meanwhile is not replaced by the old bytes.
 */
Test(fs_copyparts, onto_itself_it_replaces_what_it_copied_only)
{
	cr_assert_eq(copy("k", NULL, NULL), 0);
	cr_assert_str_eq(if_match, OLD);
	cr_assert_eq(asked[STORE_COMPLETE], 1u);
	cr_assert_eq(asked[STORE_ABORT], 0u);

	now = "\"theirs\"";
	cr_assert_eq(copy("k", NULL, NULL), -ESTALE);
	cr_assert_eq(asked[STORE_COMPLETE], 1u);
	cr_assert_eq(asked[STORE_ABORT], 1u, "the parts stay");
}

Test(fs_copyparts, elsewhere_the_condition_is_the_callers)
{
	cr_assert_eq(copy("other", NULL, NULL), 0);
	cr_assert_str_eq(if_match, "");
	now = MINE;
	cr_assert_eq(copy("other", MINE, NULL), 0);
	cr_assert_str_eq(if_match, MINE);
	cr_assert_eq(copy("free", NULL, "*"), 0);
	cr_assert_str_eq(if_match, "");
	cr_assert_str_eq(if_none_match, "*");
}

static void remove_all(const char *dir)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

/* Neither completed nor aborted: it is noted until it is, also by daemons that come. */
Test(fs_copyparts, what_cannot_be_aborted_is_left_to_later)
{
	static const int errors[] = {-EIO, -EACCES, -ECANCELED};
	char dir[] = "/tmp/skyshim-copy-XXXXXX";
	int dir_fd;

	cr_assert_not_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	now = "\"theirs\"";
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(begun_start(dir_fd), 0);
		fail_abort = errors[i];
		cr_assert_eq(copy("k", NULL, NULL), -ESTALE);
		cr_assert_eq(asked[STORE_ABORT], 1u);
		cr_assert_eq(noted_in(dir), 1u, "%s: it is forgotten", strerror(-errors[i]));
		begun_stop();
		fail_abort = 0;
		cr_assert_eq(begun_start(dir_fd), 0);
		begun_sweep();
		begun_stop();
		cr_assert_eq(asked[STORE_ABORT], 2u, "the next daemon does not abort it");
		cr_assert_eq(noted_in(dir), 0u);
	}
	cr_assert_eq(begun_start(dir_fd), 0);
	cr_assert_eq(copy("k", NULL, NULL), -ESTALE);
	now = OLD;
	cr_assert_eq(copy("k", NULL, NULL), 0);
	cr_assert_eq(noted_in(dir), 0u, "what is over is noted");
	begun_stop();
	close(dir_fd);
	remove_all(dir);
}
