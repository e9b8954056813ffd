// SPDX-License-Identifier: Apache-2.0
/* Timelines. Each has a thread that writes, so that a disk that hangs holds up nobody else. */
#include "core/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/scope.h"
#include "core/thread.h"
#include "core/tracefile.h"

#define COMM_BYTES 32
#define TEXT_FIRST 4096

static const char tail[] = TRACE_TAIL;

struct process {
	pid_t pid;
	uint64_t busy, named; /* lanes */
};

struct trace {
	pthread_mutex_t lock;
	pthread_cond_t change;
	int fd;	   /* the writer's, as is end */
	off_t end; /* where the tail starts */

	/* under lock */
	char *text; /* owned: events, a line each, that are to be written */
	size_t len, cap;
	bool is_writing, is_closed;
	int error;
	bool is_first;
	uint64_t flows;
	int64_t used_us;
	unsigned count;
	struct process process[TRACE_PROCESSES_MAX];
};

static pthread_mutex_t writers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t writer_ended = PTHREAD_COND_INITIALIZER;
static unsigned writers; /* under writers_lock */

static _Thread_local const struct trace_span *current;

/* What was begun is taken back: where the old tail stood there is room for it. */
static void give_up(struct trace *trace, int error)
{
	log_warn("a timeline (run --trace) ends early: %s", strerror(-error));
	if (ftruncate(trace->fd, trace->end))
		log_debug("trace: %s", strerror(errno));
	if (trace_write_at(trace->fd, tail, sizeof(tail) - 1, trace->end))
		log_warn("a timeline (run --trace) has no end; add ]} to it");
}

/* One line, with the tail behind it. */
static int write_event(struct trace *trace, const char *line, size_t len)
{
	SCOPE_FREE char *all = malloc(len + sizeof(tail));
	int ret;

	if (!all)
		return -ENOMEM;
	memcpy(all, line, len);
	memcpy(all + len, tail, sizeof(tail) - 1);
	if (trace->end + (off_t)len > TRACE_FILE_MAX)
		return -EFBIG;
	ret = trace_write_at(trace->fd, all, len + sizeof(tail) - 1, trace->end);
	if (!ret)
		trace->end += (off_t)len;
	return ret;
}

static int write_events(struct trace *trace, const char *text, size_t len)
{
	const char *const end = text + len;
	int ret = 0;

	/* a comma and a newline stand before an event, and there is no other newline */
	while (text < end && !ret) {
		const char *newline = memchr(text + 2, '\n', (size_t)(end - text - 2));
		const char *next = newline ? newline - 1 : end;

		ret = write_event(trace, text, (size_t)(next - text));
		text = next;
	}
	return ret;
}

/* With the lock, which is given up meanwhile. */
static void write_pending(struct trace *trace)
{
	char *text = trace->text;
	size_t len = trace->len;
	int error = trace->error, ret;

	trace->text = NULL;
	trace->len = trace->cap = 0;
	trace->is_writing = true;
	pthread_mutex_unlock(&trace->lock);
	ret = write_events(trace, text, len);
	free(text);
	if (!ret)
		ret = error; /* more came than the file took */
	if (ret)
		give_up(trace, ret);
	pthread_mutex_lock(&trace->lock);
	if (ret)
		trace->error = ret;
	trace->is_writing = false;
	pthread_cond_broadcast(&trace->change);
}

static void *writer(void *arg)
{
	struct trace *trace = arg;

	pthread_mutex_lock(&trace->lock);
	for (;;) {
		while (!trace->len && !trace->is_closed)
			pthread_cond_wait(&trace->change, &trace->lock);
		if (!trace->len)
			break;
		write_pending(trace);
	}
	pthread_mutex_unlock(&trace->lock);
	close(trace->fd);
	pthread_cond_destroy(&trace->change);
	pthread_mutex_destroy(&trace->lock);
	free(trace->text);
	free(trace);
	pthread_mutex_lock(&writers_lock);
	writers--;
	pthread_cond_broadcast(&writer_ended);
	pthread_mutex_unlock(&writers_lock);
	return NULL;
}

static int start_writer(struct trace *trace)
{
	int ret;

	pthread_mutex_lock(&writers_lock);
	writers++;
	pthread_mutex_unlock(&writers_lock);
	ret = thread_start(NULL, writer, trace);
	if (ret) {
		pthread_mutex_lock(&writers_lock);
		writers--;
		pthread_mutex_unlock(&writers_lock);
	}
	return ret;
}

/* With the lock. */
static int add_text(struct trace *trace, const char *text, size_t len)
{
	size_t need = trace->len + len, cap = trace->cap ? trace->cap : TEXT_FIRST;
	char *grown;

	if (need > TRACE_PENDING_MAX)
		return -ETIME;
	while (cap < need)
		cap *= 2;
	if (cap != trace->cap) {
		grown = realloc(trace->text, cap);
		if (!grown)
			return -ENOMEM;
		trace->text = grown;
		trace->cap = cap;
	}
	memcpy(trace->text + trace->len, text, len);
	trace->len = need;
	return 0;
}

/* With the lock. Takes event over. */
static void put(struct trace *trace, json_t *event)
{
	SCOPE_FREE char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
	SCOPE_FREE char *line = NULL;
	int n;

	json_decref(event);
	if (trace->error || !text)
		return;
	n = asprintf(&line, "%s%s", trace->is_first ? "" : ",\n", text);
	if (n < 0) {
		line = NULL;
		return;
	}
	trace->error = add_text(trace, line, (size_t)n);
	if (trace->error)
		return; /* the writer says so when it comes to it */
	trace->is_first = false;
	trace->used_us = clock_mono_us();
	pthread_cond_broadcast(&trace->change);
}

struct trace *trace_new(int fd)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (!trace) {
		close(fd);
		return NULL;
	}
	pthread_mutex_init(&trace->lock, NULL);
	pthread_cond_init(&trace->change, NULL);
	trace->fd = fd;
	trace->is_first = true;
	trace->end = sizeof(TRACE_HEAD) - 1;
	trace->used_us = clock_mono_us();
	if (start_writer(trace)) {
		close(fd);
		free(trace);
		return NULL;
	}
	return trace;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	pthread_mutex_lock(&trace->lock);
	trace->is_closed = true;
	pthread_cond_broadcast(&trace->change);
	pthread_mutex_unlock(&trace->lock);
}

static struct timespec in_ms(int64_t ms)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

bool trace_flush(struct trace *trace, int64_t wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	bool done;

	pthread_mutex_lock(&trace->lock);
	while ((trace->len || trace->is_writing) &&
	       !pthread_cond_timedwait(&trace->change, &trace->lock, &until))
		;
	done = !trace->len && !trace->is_writing;
	pthread_mutex_unlock(&trace->lock);
	return done;
}

bool trace_finish(int64_t wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	bool done;

	pthread_mutex_lock(&writers_lock);
	while (writers && !pthread_cond_timedwait(&writer_ended, &writers_lock, &until))
		;
	done = !writers;
	pthread_mutex_unlock(&writers_lock);
	return done;
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
