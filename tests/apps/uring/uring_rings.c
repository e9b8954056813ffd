/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of rings, and who shares them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/uring/uring.h"

#define THREADS	     4
#define THREAD_READS 200
/* later than liburing 2.3 */
#define SETUP_NO_MMAP	 (1u << 14)
#define SETUP_NO_SQARRAY (1u << 16)

static volatile sig_atomic_t came;

static void on_alarm(int sig)
{
	came += sig == SIGALRM;
}

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

/* A ring made by hand: one entry, a read. */
static void raw_ring(const char *what, unsigned flags)
{
	static char rings[4 * PART] __attribute__((aligned(PART))),
		entries[PART] __attribute__((aligned(PART)));
	struct io_uring_params p = {.flags = flags};
	int own = flags & SETUP_NO_MMAP, fd, base = open_base(O_RDONLY);
	char *at = rings;
	struct io_uring_sqe *e = (struct io_uring_sqe *)entries;
	struct io_uring_cqe *cqe;

	memset(rings, 0, sizeof(rings));
	if (own) {
		((unsigned long *)(&p.sq_off + 1))[-1] = (unsigned long)entries;
		((unsigned long *)(&p.cq_off + 1))[-1] = (unsigned long)rings;
	}
	fd = (int)syscall(__NR_io_uring_setup, 4, &p);
	if (fd < 0) {
		printf("%s: %s\n", what, strerrorname_np(errno));
		close(base);
		return;
	}
	if (!own) {
		at = mmap(NULL, PART, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
		e = mmap(NULL, PART, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	}
	memset(data[0], 0, PART);
	io_uring_prep_read(e, base, data[0], PART, 123456);
	e->user_data = 77;
	if (!(flags & SETUP_NO_SQARRAY))
		*(unsigned *)(at + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(at + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	printf("%s: %ld entries %u flags %x ", what,
	       syscall(__NR_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0),
	       p.sq_entries, p.flags);
	cqe = (struct io_uring_cqe *)(at + p.cq_off.cqes);
	printf("%d %llu %08x head %u\n", cqe->res, (unsigned long long)cqe->user_data,
	       hash(data[0], PART), *(unsigned *)(at + p.sq_off.head));
	close(fd);
	close(base);
}

void raw(void)
{
	raw_ring("mapped", 0);
	raw_ring("no array", SETUP_NO_SQARRAY);
	raw_ring("own memory", SETUP_NO_MMAP);
	raw_ring("own memory, no array", SETUP_NO_MMAP | SETUP_NO_SQARRAY);
	raw_ring("one of 128 bytes", IORING_SETUP_SQE128);
	printf("%ld\n", syscall(__NR_io_uring_setup, 0, NULL));
	printf("%ld\n", syscall(__NR_io_uring_enter, 0, 1, 0, 0, NULL, 0));
	printf("%ld\n", syscall(__NR_io_uring_enter, -1, 1, 0, 0, NULL, 0));
}

/* With a time-out, and with a mask that lets a signal in. */
void waits(void)
{
	struct __kernel_timespec soon = {.tv_nsec = 50000000};
	struct sigaction act = {.sa_handler = on_alarm};
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *e;
	sigset_t all, none;
	int fd = open_base(O_RDONLY), ret;

	make_ring(0);
	sigfillset(&all);
	sigemptyset(&none);
	sigaction(SIGALRM, &act, NULL);
	sigprocmask(SIG_SETMASK, &all, NULL);
	ret = io_uring_wait_cqes(&ring, &cqe, 1, &soon, NULL);
	printf("nothing: %s\n", strerrorname_np(-ret));
	raise(SIGALRM);
	ret = io_uring_wait_cqes(&ring, &cqe, 1, NULL, &none);
	printf("a signal: %s, signals %d\n", strerrorname_np(-ret), (int)came);
	e = entry();
	io_uring_prep_read(e, fd, data[0], PART, 5);
	next(e, 0);
	raise(SIGALRM);
	ret = io_uring_submit_and_wait_timeout(&ring, &cqe, 2, &soon, &all);
	printf("one of two: %d, signals %d\n", ret, (int)came);
	e = entry();
	io_uring_prep_read(e, fd, data[0], PART, 5);
	next(e, 0);
	ret = io_uring_submit_and_wait_timeout(&ring, &cqe, 3, &soon, &none);
	printf("two of three: %d, signals %d\n", ret, (int)came);
	sigprocmask(SIG_SETMASK, NULL, &none);
	printf("mask %d %d\n", sigismember(&none, SIGALRM), sigismember(&none, SIGSYS));
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
