// SPDX-License-Identifier: Apache-2.0
/* Threads that digest sources, made when the first job comes. */
#include "core/hasher.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/memory.h"
#include "core/scope.h"
#include "core/thread.h"

#define PIECE_BYTES   262144
#define POST_AGAIN_US 5000 /* the I/O thread has more tasks than it may: one of them ends soon */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under lock */
	struct hasher_job *first, *last;
	pthread_t thread[HASHER_THREADS];
	unsigned threads;
	bool running;

	atomic_bool stopping;
} hasher = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* A digest that is wanted, and where it goes. */
enum { RUN_MD5, RUN_SHA256, RUN_CRC32C, RUNS };

static int add_all(const struct store_source *source, struct digest_run run[RUNS])
{
	SCOPE_FREE char *piece = malloc(PIECE_BYTES);
	uint64_t at = 0;
	int ret = piece ? 0 : -ENOMEM;

	memory_add(MEMORY_DIGESTS, PIECE_BYTES);
	while (!ret && at < source->bytes) {
		uint64_t rest = source->bytes - at;
		size_t bytes = rest < PIECE_BYTES ? (size_t)rest : PIECE_BYTES;

		ret = hasher.stopping ? -ECANCELED : source->read(source->arg, at, piece, bytes);
		for (int i = 0; i < RUNS && !ret; i++)
			ret = digest_run_add(&run[i], piece, bytes);
		at += bytes;
	}
	memory_add(MEMORY_DIGESTS, -PIECE_BYTES);
	return ret;
}

static int start_all(const struct hasher_job *job, struct digest_run run[RUNS])
{
	int ret = digest_run_start(&run[RUN_MD5], job->md5 ? DIGEST_MD5 : DIGEST_NONE);

	if (!ret)
		ret = digest_run_start(&run[RUN_SHA256], job->sha256 ? DIGEST_SHA256 : DIGEST_NONE);
	if (!ret)
		ret = digest_run_start(&run[RUN_CRC32C], job->crc32c ? DIGEST_CRC32C : DIGEST_NONE);
	return ret;
}

static int end_all(struct digest_run run[RUNS], struct store_sums *sums)
{
	uint8_t digest[RUNS][DIGEST_MAX_BYTES];
	int bytes[RUNS];

	for (int i = 0; i < RUNS; i++) {
		bytes[i] = digest_run_end(&run[i], digest[i]);
		if (bytes[i] < 0)
			return bytes[i];
	}
	sums->has_md5 = bytes[RUN_MD5];
	memcpy(sums->md5, digest[RUN_MD5], (size_t)bytes[RUN_MD5]);
	if (bytes[RUN_SHA256])
		digest_hex(digest[RUN_SHA256], DIGEST_SHA256_BYTES, sums->sha256);
	sums->has_crc32c = bytes[RUN_CRC32C];
	memcpy(sums->crc32c, digest[RUN_CRC32C], (size_t)bytes[RUN_CRC32C]);
	return 0;
}

int hasher_run(struct hasher_job *job)
{
	struct digest_run run[RUNS] = {0};
	int ret = start_all(job, run);

	job->sums = (struct store_sums){0};
	if (!ret)
		ret = add_all(job->source, run);
	if (!ret)
		ret = end_all(run, &job->sums);
	for (int i = 0; i < RUNS; i++)
		digest_run_drop(&run[i]);
	job->error = ret;
	return ret;
}

/* NULL: the hasher stops and there is nothing left. */
static struct hasher_job *next_job(void)
{
	struct hasher_job *job;

	pthread_mutex_lock(&hasher.lock);
	while (!hasher.first && hasher.running)
		pthread_cond_wait(&hasher.wake, &hasher.lock);
	job = hasher.first;
	if (job)
		hasher.first = job->next;
	pthread_mutex_unlock(&hasher.lock);
	return job;
}

static void *work(void *arg)
{
	struct hasher_job *job;

	(void)arg;
	while ((job = next_job())) {
		struct http_task *task = job->task;

		hasher_run(job);
		while (http_post(task, 0) == -ENOMEM)
			usleep(POST_AGAIN_US);
	}
	return NULL;
}

/* With the lock. All the threads that can be had; one is enough. */
static int start_threads(void)
{
	int ret = 0;

	while (!ret && hasher.threads < HASHER_THREADS) {
		ret = thread_start(&hasher.thread[hasher.threads], work, NULL);
		hasher.threads += !ret;
	}
	return hasher.threads ? 0 : ret;
}

int hasher_submit(struct hasher_job *job)
{
	int ret;

	job->next = NULL;
	pthread_mutex_lock(&hasher.lock);
	ret = hasher.running ? start_threads() : -ECANCELED;
	if (!ret) {
		if (hasher.first)
			hasher.last->next = job;
		else
			hasher.first = job;
		hasher.last = job;
		pthread_cond_signal(&hasher.wake);
	}
	pthread_mutex_unlock(&hasher.lock);
	return ret;
}

void hasher_start(void)
{
	pthread_mutex_lock(&hasher.lock);
	hasher.running = true;
	hasher.stopping = false;
	pthread_mutex_unlock(&hasher.lock);
}

void hasher_stop(void)
{
	unsigned threads;

	hasher.stopping = true;
	pthread_mutex_lock(&hasher.lock);
	hasher.running = false;
	threads = hasher.threads;
	hasher.threads = 0;
	pthread_cond_broadcast(&hasher.wake);
	pthread_mutex_unlock(&hasher.lock);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(hasher.thread[i], NULL);
}
