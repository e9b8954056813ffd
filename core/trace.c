// SPDX-License-Identifier: Apache-2.0
/* Timelines. One lock for each, held over the write. */
#include "core/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/scope.h"

#define COMM_BYTES 32

static const char head[] = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
static const char tail[] = "\n]}\n";

struct process {
	pid_t pid;
	uint64_t busy, named; /* lanes */
};

struct trace {
	pthread_mutex_t lock;
	/* under lock */
	int fd;
	int error;
	bool is_first;
	off_t end; /* where the tail starts */
	uint64_t flows;
	int64_t used_us;
	unsigned count;
	struct process process[TRACE_PROCESSES_MAX];
};

static _Thread_local const struct trace_span *current;

static int write_at(int fd, const char *text, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, text, len, at);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return n < 0 ? -errno : -ENOSPC;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
			at += n;
		}
	}
	return 0;
}

/* With the lock. What was begun is taken back: where the old tail stood there is room for it. */
static void give_up(struct trace *trace, int error)
{
	trace->error = error;
	log_warn("a timeline (run --trace) ends early: %s", strerror(-error));
	if (ftruncate(trace->fd, trace->end))
		log_debug("trace: %s", strerror(errno));
	if (write_at(trace->fd, tail, sizeof(tail) - 1, trace->end))
		log_warn("a timeline (run --trace) has no end; add ]} to it");
}

/* With the lock. Takes event over. */
static void put(struct trace *trace, json_t *event)
{
	SCOPE_FREE char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
	SCOPE_FREE char *all = NULL;
	int n, ret;

	json_decref(event);
	if (trace->error || !text)
		return;
	n = asprintf(&all, "%s%s%s", trace->is_first ? "" : ",\n", text, tail);
	if (n < 0) {
		all = NULL;
		return;
	}
	ret = trace->end + n > TRACE_FILE_MAX ? -EFBIG
					      : write_at(trace->fd, all, (size_t)n, trace->end);
	if (ret) {
		give_up(trace, ret);
		return;
	}
	trace->is_first = false;
	trace->end += n - (off_t)(sizeof(tail) - 1);
	trace->used_us = clock_mono_us();
}

struct trace *trace_new(int fd)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	struct stat st;

	if (!trace || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    write_at(fd, head, sizeof(head) - 1, 0) ||
	    write_at(fd, tail, sizeof(tail) - 1, sizeof(head) - 1)) {
		free(trace);
		close(fd);
		return NULL;
	}
	pthread_mutex_init(&trace->lock, NULL);
	trace->fd = fd;
	trace->is_first = true;
	trace->end = sizeof(head) - 1;
	trace->used_us = clock_mono_us();
	return trace;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	close(trace->fd);
	pthread_mutex_destroy(&trace->lock);
	free(trace);
}

/* A process's own name, or "". */
static void comm_of(pid_t pid, char out[COMM_BYTES])
{
	char path[32];
	SCOPE_FD int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, out, COMM_BYTES - 1);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* With the lock: "process_name" or "thread_name". */
static void name(struct trace *trace, pid_t pid, unsigned lane, const char *what, const char *text)
{
	put(trace,
	    json_pack("{s:s, s:s, s:i, s:i, s:{s:o}}", "ph", "M", "name", what, "pid", (int)pid,
		      "tid", (int)lane, "args", "name", trace_text(text, strlen(text))));
}

/* With the lock. A program that is executed keeps the name its process had first. */
static struct process *process_of(struct trace *trace, pid_t pid, const char *text)
{
	char comm[COMM_BYTES];
	struct process *p;

	for (unsigned i = 0; i < trace->count; i++) {
		if (trace->process[i].pid == pid)
			return &trace->process[i];
	}
	if (trace->count == TRACE_PROCESSES_MAX)
		return &trace->process[TRACE_PROCESSES_MAX - 1];
	p = &trace->process[trace->count++];
	p->pid = pid;
	if (!text)
		comm_of(pid, comm);
	name(trace, pid, 0, "process_name", text ? text : comm);
	return p;
}

void trace_begin(struct trace *trace, pid_t pid, const char *text, struct trace_span *out)
{
	struct process *p;
	unsigned lane = 0;

	if (!trace)
		return;
	pthread_mutex_lock(&trace->lock);
	p = process_of(trace, pid, text);
	while (lane < TRACE_LANES_MAX - 1 && p->busy >> lane & 1)
		lane++;
	p->busy |= UINT64_C(1) << lane;
	if (!(p->named >> lane & 1)) {
		char label[32];

		p->named |= UINT64_C(1) << lane;
		snprintf(label, sizeof(label), "lane %u", lane);
		name(trace, p->pid, lane, "thread_name", label);
	}
	*out = (struct trace_span){.begin_us = clock_mono_us(), .pid = p->pid, .lane = lane};
	pthread_mutex_unlock(&trace->lock);
}

void trace_end(struct trace *trace, const struct trace_span *span, const char *what, json_t *args)
{
	if (!trace)
		return;
	pthread_mutex_lock(&trace->lock);
	put(trace, json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:o}", "ph", "X", "name", what, "ts",
			     (json_int_t)span->begin_us, "dur",
			     (json_int_t)(clock_mono_us() - span->begin_us), "pid", (int)span->pid,
			     "tid", (int)span->lane, "args", args ? args : json_object()));
	process_of(trace, span->pid, "")->busy &= ~(UINT64_C(1) << span->lane);
	pthread_mutex_unlock(&trace->lock);
}

void trace_flow(struct trace *trace, const struct trace_span *from, int64_t from_us,
		const struct trace_span *to)
{
	json_int_t id;

	if (!trace)
		return;
	pthread_mutex_lock(&trace->lock);
	id = (json_int_t)++trace->flows;
	put(trace, json_pack("{s:s, s:s, s:s, s:I, s:I, s:i, s:i}", "ph", "s", "name", "causes",
			     "cat", "flow", "id", id, "ts", (json_int_t)from_us, "pid",
			     (int)from->pid, "tid", (int)from->lane));
	put(trace, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:i}", "ph", "f", "bp", "e",
			     "name", "causes", "cat", "flow", "id", id, "ts",
			     (json_int_t)to->begin_us, "pid", (int)to->pid, "tid", (int)to->lane));
	pthread_mutex_unlock(&trace->lock);
}

void trace_current_set(const struct trace_span *span)
{
	current = span;
}

const struct trace_span *trace_current(void)
{
	return current;
}

int trace_error(struct trace *trace)
{
	int error;

	pthread_mutex_lock(&trace->lock);
	error = trace->error;
	pthread_mutex_unlock(&trace->lock);
	return error;
}

int64_t trace_used_us(struct trace *trace)
{
	int64_t used_us;

	pthread_mutex_lock(&trace->lock);
	used_us = trace->used_us;
	pthread_mutex_unlock(&trace->lock);
	return used_us;
}

json_t *trace_text(const char *bytes, size_t len)
{
	json_t *text = json_stringn(bytes, len);
	SCOPE_FREE char *latin = text ? NULL : malloc(2 * len + 1);
	size_t n = 0;

	if (text || !latin)
		return text ? text : json_string("");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= 0x80) {
			latin[n++] = (char)(0xc0 | c >> 6);
			latin[n++] = (char)(0x80 | (c & 0x3f));
		} else {
			latin[n++] = (char)c;
		}
	}
	return json_stringn(latin, n);
}
