/* SPDX-License-Identifier: Apache-2.0 */
/* Of a request only what names a file is told: others carry credentials or contents. */
#include "fs/timeline.h"

#include <stdio.h>
#include <string.h>

#include "cache/cache.h"
#include "core/clock.h"
#include "fs/clients.h"
#include "fs/tallies.h"

#define REST_US INT64_C(10000000) /* a job without processes may have uploads under way */

/* How many strings of a request's text are paths. */
static unsigned paths_of(enum wire_op op)
{
	switch (op) {
	case WIRE_STAT:
	case WIRE_OPEN:
	case WIRE_UNLINK:
	case WIRE_MKDIR:
	case WIRE_SETATTR:
	case WIRE_READLINK:
	case WIRE_GETXATTR:
	case WIRE_SETXATTR:
		return 1;
	case WIRE_RENAME:
	case WIRE_LINK:
	case WIRE_SYMLINK:
		return 2;
	default:
		return 0;
	}
}

static void add_paths(json_t *args, const struct session *s)
{
	static const char *const names[] = {"path", "path_2"};
	const char *at = s->text, *end = at + s->req->text_len;
	unsigned n = paths_of((enum wire_op)s->req->op);

	for (unsigned i = 0; i < n && at < end; i++) {
		size_t len = strnlen(at, (size_t)(end - at));

		json_object_set_new(args, names[i], trace_text(at, len));
		at += len + 1;
	}
}

/* Of a request about a file that is open. */
static void add_file(json_t *args, const struct session *s)
{
	struct cache_file *file =
		s->req->data_ino ? cache_find_inode(s->req->data_dev, s->req->data_ino) : NULL;
	char object[CACHE_OBJECT_MAX];

	if (!file)
		return;
	cache_object(file, object);
	cache_put(file);
	json_object_set_new(args, "object", trace_text(object, strlen(object)));
}

void timeline_begin(const struct session *s, struct job *job, struct trace_span *span)
{
	if (!job || !job->trace)
		return;
	clients_joined(s->pid, job->id);
	trace_begin(job->trace, s->pid, NULL, span);
	trace_current_set(span);
}

/* Once, with the first line that may be said. */
static void tell_error(struct session *s, struct job *job, int error)
{
	int why = trace_error(job->trace);

	if (!why || job->trace_told || (!error && s->req->op != WIRE_FLUSH) || s->out->text ||
	    s->out->line[0])
		return;
	job->trace_told = true;
	snprintf(s->out->line, sizeof(s->out->line), "the timeline (--trace) ends early: %s",
		 strerror(-why));
}

void timeline_end(struct session *s, struct job *job, const struct trace_span *span, int error)
{
	const struct wire_request *req = s->req;
	json_t *args;

	if (!job || !job->trace)
		return;
	trace_current_set(NULL);
	args = json_object();
	add_paths(args, s);
	add_file(args, s);
	if (req->op == WIRE_ENSURE) {
		json_object_set_new(args, "offset", json_integer((json_int_t)req->offset));
		json_object_set_new(args, "length", json_integer((json_int_t)req->length));
	}
	json_object_set_new(args, "error", json_integer(error));
	trace_end(job->trace, span, tallies_ops[req->op], args);
	tell_error(s, job, error);
}

static bool is_over(const struct job *job)
{
	return !clients_any_of(job->id) && clock_mono_us() > trace_used_us(job->trace) + REST_US;
}

void timeline_sweep(void)
{
	job_end_traces(is_over);
}
