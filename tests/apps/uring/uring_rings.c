/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of rings, and who shares them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/uring/uring.h"

#define THREADS	     4
#define THREAD_READS 200

static void some_reads(const char *what, unsigned flags)
{
	struct io_uring_sqe *e;
	int fd, ret = io_uring_queue_init(8, &ring, flags);

	if (ret) {
		printf("%s: %s\n", what, strerrorname_np(-ret));
		return;
	}
	memset(data, 0, sizeof(data));
	for (int round = 0; round < 3; round++) {
		fd = open_by_ring("base.bin", O_RDONLY, 0);
		for (int i = 0; i < 7; i++) {
			e = entry();
			io_uring_prep_read(e, fd, data[i], PART, (__u64)(round * 7 + i) * 10000);
			next(e, i % 3 ? 0 : IOSQE_IO_LINK);
		}
		run(what);
		e = entry();
		io_uring_prep_close(e, fd);
		next(e, 0);
		run(what);
		printf("%08x\n", hash(data, 7 * PART));
	}
	io_uring_queue_exit(&ring);
}

void kinds(void)
{
	some_reads("plain", 0);
	some_reads("polled by the kernel", IORING_SETUP_SQPOLL);
	some_reads("128 bytes", IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	some_reads("one issuer", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	some_reads("all", IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN);
	some_reads("unknown", 1u << 30);
	for (int i = 0; i < 600; i++) /* they go when they are closed */
		if (io_uring_queue_init(4, &ring, 0))
			printf("no ring %d\n", i);
		else
			io_uring_queue_exit(&ring);
}

/* The program's entries stay as they are: they may be submitted once more. */
void again(void)
{
	struct io_uring_sqe *e, before;
	struct io_uring_cqe *cqe;
	int fd = open_base(O_RDONLY);

	make_ring(0);
	e = entry();
	io_uring_prep_read(e, fd, data[0], PART, 5000);
	next(e, 0);
	before = *e;
	run("once");
	printf("%d\n", memcmp(&before, e, sizeof(before)));
	for (int i = 0; i < 3; i++) {
		unsigned tail = *ring.sq.ktail;

		memset(data[0], 0, PART);
		ring.sq.array[tail & *ring.sq.kring_mask] = (unsigned)(e - ring.sq.sqes);
		__atomic_store_n(ring.sq.ktail, tail + 1, __ATOMIC_RELEASE);
		if (io_uring_enter((unsigned)ring.ring_fd, 1, 1, IORING_ENTER_GETEVENTS, NULL) !=
			    1 ||
		    io_uring_wait_cqe(&ring, &cqe))
			die("again", errno);
		printf("again %d %08x\n", cqe->res, hash(data[0], PART));
		io_uring_cqe_seen(&ring, cqe);
	}
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int shared_fd;
static unsigned completed, wrong;

static void *reader(void *arg)
{
	static __thread char part[PART], whole[PART];
	unsigned seed = (unsigned)(size_t)arg;

	for (int i = 0; i < THREAD_READS; i++) {
		__u64 at = (__u64)rand_r(&seed) % (BASE_BYTES - PART);
		struct io_uring_cqe *cqe;
		struct io_uring_sqe *e;

		pthread_mutex_lock(&lock);
		e = entry();
		io_uring_prep_read(e, shared_fd, part, PART, at);
		io_uring_sqe_set_data(e, part);
		e->flags = 0;
		if (io_uring_submit(&ring) != 1)
			wrong++;
		if (io_uring_wait_cqe(&ring, &cqe) || cqe->res != PART ||
		    io_uring_cqe_get_data(cqe) != part)
			wrong++;
		completed++;
		io_uring_cqe_seen(&ring, cqe);
		pthread_mutex_unlock(&lock);
		if (pread(shared_fd, whole, PART, (off_t)at) != PART || memcmp(part, whole, PART))
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

void threads(void)
{
	pthread_t thread[THREADS];

	make_ring(0);
	shared_fd = open_base(O_RDONLY);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, reader, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("%u reads, %u wrong\n", completed, wrong);
}

static volatile sig_atomic_t came;

static void on_alarm(int sig)
{
	came += sig == SIGALRM;
}

/* What was submitted is told, though a signal ends the wait. */
void signals(void)
{
	struct sigaction act = {.sa_handler = on_alarm};
	int fd = open_base(O_RDONLY), pipes[2], ret;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *e;

	make_ring(0);
	sigaction(SIGALRM, &act, NULL);
	if (pipe(pipes))
		die("pipe", errno);
	e = entry();
	io_uring_prep_read(e, fd, data[0], PART, 5);
	next(e, 0);
	e = entry();
	io_uring_prep_read(e, pipes[0], data[1], 1, 0);
	next(e, 0);
	ualarm(100000, 0);
	ret = io_uring_submit_and_wait(&ring, 2);
	printf("submitted %d, signals %d\n", ret, (int)came);
	ualarm(100000, 0);
	io_uring_peek_cqe(&ring, &cqe);
	printf("%d\n", cqe->res);
	io_uring_cqe_seen(&ring, cqe);
	ret = io_uring_wait_cqe(&ring, &cqe);
	printf("%s, signals %d\n", ret ? strerrorname_np(-ret) : "0", (int)came);
	if (write(pipes[1], "x", 1) != 1 || io_uring_wait_cqe(&ring, &cqe))
		die("the pipe", errno);
	printf("%d\n", cqe->res);
}

/* A child closes what it has inherited, and makes a ring of its own. */
void forks(void)
{
	struct io_uring_sqe *e;
	int fd, status;

	make_ring(0);
	fd = open_by_ring("base.bin", O_RDONLY, 0);
	fflush(stdout);
	if (!fork()) {
		close(ring.ring_fd);
		some_reads("child", 0);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	e = entry();
	io_uring_prep_read(e, fd, data[0], PART, 12345);
	next(e, 0);
	run("parent");
	printf("%08x %d\n", hash(data[0], PART), status);
}
