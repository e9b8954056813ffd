/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that sleep in the kernel while another one makes code, in a program that had none: the
 * runtime has to reach them, and their calls must not know. The code opens argv[1].
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLEEPERS 4

/* open(rdi, O_RDONLY) */
static const unsigned char open_code[] = {0xb8, 2, 0, 0, 0, 0x31, 0xf6, 0x0f, 0x05, 0xc3};

static int pipes[SLEEPERS][2];
static long results[SLEEPERS];

static long sleep_in(int kind, int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	struct timespec rest = {.tv_nsec = 400000000};
	char byte;
	int set;
	long n;

	switch (kind) {
	case 0:
		n = poll(&pfd, 1, 10000);
		break;
	case 1:
		set = epoll_create1(0);
		epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
		n = epoll_wait(set, &event, 1, 10000);
		close(set);
		break;
	case 2:
		n = nanosleep(&rest, NULL) + 1;
		break;
	default:
		n = read(fd, &byte, 1);
		break;
	}
	return n < 0 ? -errno : n;
}

static void *sleeper(void *arg)
{
	long kind = (long)arg;

	results[kind] = sleep_in((int)kind, pipes[kind][0]);
	return NULL;
}

int main(int argc, char **argv)
{
	static const char *const names[SLEEPERS] = {"poll", "epoll", "nanosleep", "read"};
	struct timespec rest = {.tv_nsec = 150000000};
	pthread_t threads[SLEEPERS];
	unsigned char *code;

	if (argc != 2)
		return 2;
	for (long i = 0; i < SLEEPERS; i++) {
		if (pipe(pipes[i]))
			return 1;
		pthread_create(&threads[i], NULL, sleeper, (void *)i);
	}
	nanosleep(&rest, NULL);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	memcpy(code, open_code, sizeof(open_code));
	printf("opens %d\n", ((int (*)(const char *))code)(argv[1]) >= 0);
	nanosleep(&rest, NULL);
	for (long i = 0; i < SLEEPERS; i++) {
		if (write(pipes[i][1], "x", 1) != 1)
			return 1;
		pthread_join(threads[i], NULL);
		printf("%s %ld\n", names[i], results[i]);
	}
	return 0;
}
