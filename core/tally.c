// SPDX-License-Identifier: Apache-2.0
/* The counters, and the table of jobs. */
#include "core/tally.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/scope.h"

struct tally tally_all;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* under lock; a name is set once, before its number is given out */
static const char *stores[TALLY_STORES_MAX];
static struct job jobs[TALLY_JOBS_MAX]; /* id 0: free. What is not used costs no memory */
static uint64_t uses;

static _Thread_local struct job *current;
static _Thread_local uint64_t calls;

void tally_took(struct job *job, enum store_verb verb, int64_t queued_us, int64_t took_us)
{
	histogram_add(&tally_all.queued, queued_us);
	histogram_add(&tally_all.latency[verb], took_us);
	if (job) {
		histogram_add(&job->tally.queued, queued_us);
		histogram_add(&job->tally.latency[verb], took_us);
	}
}

unsigned tally_store(const char *scheme)
{
	unsigned i = 0;

	pthread_mutex_lock(&lock);
	while (i < TALLY_STORES_MAX - 1 && stores[i] && strcmp(stores[i], scheme) != 0)
		i++;
	if (!stores[i])
		stores[i] = scheme;
	pthread_mutex_unlock(&lock);
	return i;
}

const char *tally_store_name(unsigned store)
{
	const char *name = NULL;

	pthread_mutex_lock(&lock);
	if (store < TALLY_STORES_MAX)
		name = stores[store];
	pthread_mutex_unlock(&lock);
	return name;
}

/* Control bytes would spoil a terminal; what is no UTF-8 no JSON can hold. */
static void clean(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			*text = ' ' + ('?' - ' ') * ((unsigned char)*text >= 0x7f);
	}
}

/* The command line of a process, or "". */
static void command_of(pid_t pid, char out[TALLY_COMMAND_BYTES])
{
	char path[32];
	SCOPE_FD int fd = -1;
	ssize_t n;

	out[0] = '\0';
	if (pid <= 0)
		return; /* of another pid namespace */
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, out, TALLY_COMMAND_BYTES - 1);
	if (n < 0)
		n = 0;
	while (n > 0 && !out[n - 1])
		n--;
	out[n] = '\0';
	for (ssize_t i = 0; i < n; i++) {
		if (!out[i])
			out[i] = ' ';
	}
}

/* With the lock. NULL: it is not there. */
static struct job *known(uint32_t id)
{
	for (int i = 0; i < TALLY_JOBS_MAX; i++) {
		if (id && jobs[i].id == id)
			return &jobs[i];
	}
	return NULL;
}

/* With the lock: the place that was used longest ago, of those that nobody refers to. */
static struct job *place(void)
{
	struct job *oldest = NULL;

	for (int i = 0; i < TALLY_JOBS_MAX; i++) {
		if (!jobs[i].id)
			return &jobs[i];
		if (!jobs[i].references && (!oldest || jobs[i].used < oldest->used))
			oldest = &jobs[i];
	}
	return oldest;
}

static void name(struct job *job, pid_t pid, const char *command, size_t len)
{
	if (command) {
		if (len >= sizeof(job->command))
			len = sizeof(job->command) - 1;
		memcpy(job->command, command, len);
		job->command[len] = '\0';
		job->is_named = true;
	} else {
		command_of(pid, job->command);
	}
	clean(job->command);
}

struct job *job_find(uint32_t id, pid_t pid, const char *command, size_t command_len)
{
	struct job *job;

	if (!id)
		return NULL;
	pthread_mutex_lock(&lock);
	job = known(id);
	if (!job) {
		job = place();
		if (job) {
			trace_free(job->trace);
			memset(job, 0, sizeof(*job));
			job->id = id;
			job->pid = pid;
			job->started_s = clock_wall_s();
			name(job, pid, command, command_len);
		}
	} else if (command && !job->is_named) {
		name(job, pid, command, command_len);
	}
	if (job) {
		job->references++;
		job->used = ++uses;
	}
	pthread_mutex_unlock(&lock);
	return job;
}

struct job *job_known(uint32_t id)
{
	struct job *job;

	pthread_mutex_lock(&lock);
	job = known(id);
	if (job)
		job->references++;
	pthread_mutex_unlock(&lock);
	return job;
}

struct job *job_ref(struct job *job)
{
	if (job)
		job->references++;
	return job;
}

void job_put(struct job *job)
{
	if (job)
		job->references--;
}

void job_trace(struct job *job, struct trace *trace)
{
	pthread_mutex_lock(&lock);
	if (!job->trace) {
		job->trace = trace;
		trace = NULL;
	}
	pthread_mutex_unlock(&lock);
	trace_free(trace);
}

void job_end_traces(bool (*is_over)(const struct job *job))
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < TALLY_JOBS_MAX; i++) {
		if (!jobs[i].trace || jobs[i].references || !is_over(&jobs[i]))
			continue;
		trace_free(jobs[i].trace);
		jobs[i].trace = NULL;
	}
	pthread_mutex_unlock(&lock);
}

void job_flush_traces(int64_t wait_ms)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < TALLY_JOBS_MAX; i++) {
		if (jobs[i].trace && !trace_flush(jobs[i].trace, wait_ms))
			wait_ms = 0; /* for all of them together */
	}
	pthread_mutex_unlock(&lock);
}

void job_each(void (*fn)(void *arg, const struct job *job), void *arg)
{
	const struct job *sorted[TALLY_JOBS_MAX] = {0};
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < TALLY_JOBS_MAX; i++) {
		size_t at = n;

		if (!jobs[i].id)
			continue;
		n++;
		for (; at && sorted[at - 1]->started_s > jobs[i].started_s; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &jobs[i];
	}
	for (size_t i = 0; i < n; i++)
		fn(arg, sorted[i]);
	pthread_mutex_unlock(&lock);
}

struct job *job_current(void)
{
	return current;
}

struct job *job_switch(struct job *job)
{
	struct job *before = current;

	current = job;
	return before;
}

uint64_t job_calls(void)
{
	return calls;
}

void job_called(void)
{
	calls++;
}
