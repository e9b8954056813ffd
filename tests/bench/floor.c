// SPDX-License-Identifier: Apache-2.0
/*
 * The least that reading an object through a cache on disk can cost: libcurl receives it by ranges
 * into a file, another process reads the file behind it. No names, no signals, no errors looked
 * after, one version, nothing kept. floor URL BYTES FILE; credentials as AWS_* say.
 *
 * It writes as cache/arrive.c does, 256 KiB at a time to room that was made before: anything else
 * that was tried costs more.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE	   16
#define PART_BYTES (UINT64_C(8) << 20)
#define HOLD_BYTES (UINT64_C(256) << 10)
#define READ_BYTES (128 << 10) /* cat's */
#define BLOCKS_MAX 65536

struct shared {
	sem_t news;
	bool have[BLOCKS_MAX]; /* of HOLD_BYTES each; atomic */
};

struct part {
	uint64_t at, end;
	size_t held;
	char range[64], buf[HOLD_BYTES];
};

static struct shared *shared;
static const char *url;
static uint64_t size, next;
static int file;

static void quit(const char *why)
{
	fprintf(stderr, "floor: %s\n", why);
	exit(1);
}

static size_t take(char *data, size_t one, size_t bytes, void *arg)
{
	struct part *p = arg;

	for (size_t done = 0; done < bytes * one;) {
		size_t n = HOLD_BYTES - p->held < bytes - done ? HOLD_BYTES - p->held
							       : bytes - done;

		memcpy(p->buf + p->held, data + done, n);
		p->held += n;
		done += n;
		if (p->held < HOLD_BYTES && p->at + p->held < p->end)
			continue;
		if (pwrite(file, p->buf, p->held, (off_t)p->at) != (ssize_t)p->held)
			return 0;
		__atomic_store_n(&shared->have[p->at / HOLD_BYTES], true, __ATOMIC_RELEASE);
		sem_post(&shared->news);
		p->at += p->held;
		p->held = 0;
	}
	return bytes * one;
}

static void begin(CURLM *multi, CURL *easy, struct part *p)
{
	p->at = next;
	p->end = next + PART_BYTES < size ? next + PART_BYTES : size;
	p->held = 0;
	next = p->end;
	fallocate(file, FALLOC_FL_KEEP_SIZE, (off_t)p->at, (off_t)(p->end - p->at));
	snprintf(p->range, sizeof(p->range), "%llu-%llu", (unsigned long long)p->at,
		 (unsigned long long)p->end - 1);
	curl_easy_setopt(easy, CURLOPT_RANGE, p->range);
	curl_multi_add_handle(multi, easy);
}

static void receive(void)
{
	static struct part parts[AT_ONCE];
	struct curl_slist *fields =
		curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
	CURLM *multi = curl_multi_init();
	int left = 1;

	for (int i = 0; i < AT_ONCE && next < size; i++) {
		CURL *easy = curl_easy_init();

		curl_easy_setopt(easy, CURLOPT_URL, url);
		curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
		curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:s3");
		curl_easy_setopt(easy, CURLOPT_USERNAME, getenv("AWS_ACCESS_KEY_ID"));
		curl_easy_setopt(easy, CURLOPT_PASSWORD, getenv("AWS_SECRET_ACCESS_KEY"));
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HOLD_BYTES);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, &parts[i]);
		curl_easy_setopt(easy, CURLOPT_PRIVATE, &parts[i]);
		begin(multi, easy, &parts[i]);
	}
	while (left) {
		CURLMsg *m;
		int more;

		curl_multi_perform(multi, &left);
		while ((m = curl_multi_info_read(multi, &more))) {
			struct part *p;

			if (m->data.result)
				quit(curl_easy_strerror(m->data.result));
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&p);
			curl_multi_remove_handle(multi, m->easy_handle);
			if (next < size) {
				begin(multi, m->easy_handle, p);
				left++;
			}
		}
		if (left)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
}

static int read_behind(void)
{
	static char buf[READ_BYTES];
	int null = open("/dev/null", O_WRONLY);

	for (uint64_t at = 0; at < size;) {
		ssize_t n;

		while (!__atomic_load_n(&shared->have[at / HOLD_BYTES], __ATOMIC_ACQUIRE))
			sem_wait(&shared->news);
		n = read(file, buf, sizeof(buf));
		if (n <= 0 || write(null, buf, (size_t)n) != n)
			return 1;
		at += (uint64_t)n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status = 1;
	pid_t reader;

	if (argc != 4)
		quit("URL BYTES FILE");
	url = argv[1];
	size = strtoull(argv[2], NULL, 10);
	file = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (file < 0 || shared == MAP_FAILED || size > BLOCKS_MAX * HOLD_BYTES ||
	    ftruncate(file, (off_t)size))
		quit("no file, or it is too large");
	sem_init(&shared->news, 1, 0);
	reader = fork();
	if (!reader)
		_exit(read_behind());
	receive();
	waitpid(reader, &status, 0);
	return status ? 1 : 0;
}
