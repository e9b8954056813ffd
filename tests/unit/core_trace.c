// SPDX-License-Identifier: Apache-2.0
/* core/trace.c: the file is JSON after each step, and spans that overlap lie on different lanes. */
#include "core/trace.h"
#include "core/tracefile.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SOON_MS 60000

static char path[] = "/tmp/skyshim-trace-XXXXXX";
static struct trace *trace;

/* On a disk like that, which the beginning does not wait for either. */
static void make_with(ssize_t (*disk)(int fd, const void *data, size_t bytes, off_t at))
{
	int fd = mkstemp(path);

	cr_assert_eq(trace_head(fd), 0);
	trace_pwrite = disk;
	trace = trace_new(fd);
	cr_assert_not_null(trace);
}

static void make(void)
{
	make_with(pwrite);
}

static json_t *root;

/* As they are now; good until it is asked again. */
static json_t *events(void)
{
	json_error_t error;

	cr_assert(trace_flush(trace, SOON_MS));
	json_decref(root);
	root = json_load_file(path, 0, &error);
	cr_assert_not_null(root, "line %d: %s", error.line, error.text);
	return json_object_get(root, "traceEvents");
}

static void end(void)
{
	json_decref(root);
	trace_free(trace);
	cr_assert(trace_finish(SOON_MS));
	unlink(path);
}

static const char *text_of(const json_t *event, const char *name)
{
	return json_string_value(json_object_get(event, name));
}

Test(trace, whole_at_any_time)
{
	struct trace_span a, b, c;

	make();
	cr_assert_eq(json_array_size(events()), 0);
	trace_begin(trace, 7, "seven", &a);
	trace_begin(trace, 7, "seven", &b);
	trace_begin(trace, 8, "eight", &c);
	cr_assert_eq(json_array_size(events()), 5); /* two processes, three lanes */
	cr_assert_neq(a.lane, b.lane);
	cr_assert_eq(a.lane, c.lane);
	trace_flow(trace, &a, a.begin_us, &c);
	trace_end(trace, &a, "a", NULL);
	trace_begin(trace, 7, "seven", &c);
	cr_assert_eq(c.lane, a.lane, "a lane is not free again");
	trace_end(trace, &b, "b", json_pack("{s:o}", "key", trace_text("x\xff\n", 3)));
	cr_assert_eq(json_array_size(events()), 9);
	cr_assert_str_eq(text_of(json_array_get(events(), 8), "name"), "b");
	cr_assert_str_eq(text_of(json_object_get(json_array_get(events(), 8), "args"), "key"),
			 "x\u00ff\n");
	end();
}

/* What does not fit is not there in part. */
Test(trace, no_room)
{
	const struct rlimit small = {2000, 2000};
	struct trace_span span;
	size_t count;

	make();
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100; i++) {
		trace_begin(trace, 7, "seven", &span);
		trace_end(trace, &span, "span", NULL);
	}
	cr_assert(trace_flush(trace, SOON_MS));
	cr_assert_eq(trace_error(trace), -EFBIG);
	count = json_array_size(events());
	cr_assert(count > 5 && count < 50);
	cr_assert_str_eq(text_of(json_array_get(events(), count - 1), "name"), "span");
	end();
}

Test(trace, nothing)
{
	struct trace_span span = {.pid = 1};

	trace_begin(NULL, 1, "one", &span);
	trace_end(NULL, &span, "span", NULL);
	trace_flow(NULL, &span, 0, &span);
	trace_free(NULL);
}

/* What is no file that one can write to anywhere is found out by the trace's own thread. */
Test(trace, a_pipe)
{
	struct trace_span span;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(trace_head(fds[1]), -ESPIPE);
	trace = trace_new(fds[1]);
	cr_assert_not_null(trace);
	trace_begin(trace, 7, "seven", &span);
	trace_end(trace, &span, "span", NULL);
	cr_assert(trace_flush(trace, SOON_MS));
	cr_assert_eq(trace_error(trace), -ESPIPE);
	end();
	cr_assert_eq(close(fds[1]), -1, "it is taken over");
}

/* More at once, and more processes, than there is room for. */
Test(trace, many)
{
	static struct trace_span span[TRACE_LANES_MAX + 10];

	make();
	for (int i = 0; i < TRACE_LANES_MAX + 10; i++)
		trace_begin(trace, 1, "one", &span[i]);
	cr_assert_eq(span[TRACE_LANES_MAX + 9].lane, TRACE_LANES_MAX - 1);
	for (int i = 0; i < TRACE_PROCESSES_MAX + 10; i++) {
		trace_begin(trace, 10 + i, "p", &span[0]);
		trace_end(trace, &span[0], "span", NULL);
	}
	events();
	end();
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

/* Of a disk that hangs. */
static ssize_t hang(int fd, const void *data, size_t bytes, off_t at)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return pwrite(fd, data, bytes, at);
}

/* Who tells it does not wait; what comes meanwhile is kept up to a limit, then it ends, whole. */
Test(trace, a_disk_that_hangs, .timeout = 60)
{
	struct trace_span span;
	size_t count = 0;

	pthread_mutex_lock(&gate);
	make_with(hang);
	while (!trace_error(trace) && count < 1000000) {
		trace_begin(trace, 7, "seven", &span);
		trace_end(trace, &span, "span", NULL);
		count++;
	}
	cr_assert_eq(trace_error(trace), -ETIME);
	cr_assert_not(trace_flush(trace, 1));
	pthread_mutex_unlock(&gate);
	cr_assert_gt(json_array_size(events()), 10000);
	trace_begin(trace, 8, "eight", &span);
	trace_end(trace, &span, "late", NULL);
	cr_assert_str_eq(text_of(json_array_get(events(), json_array_size(events()) - 1), "name"),
			 "span");
	end();
}
