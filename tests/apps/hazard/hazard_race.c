/* SPDX-License-Identifier: Apache-2.0 */
/* A number that one thread looks at while another makes it mean something else: what the first has
 * seen of the old must not be believed of the new. And numbers above 65535, which share their lower
 * 16 bits with others, by every way that a cloud file comes to be one. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 20000
#define NUMBER 50
#define HIGH   70000

static volatile int stop;

static void *look(void *arg)
{
	struct stat st;

	(void)arg;
	while (!stop)
		fstat(NUMBER, &st);
	return NULL;
}

void hazard_race(void)
{
	int local = open("/dev/null", O_RDONLY), cloud = open(hazard_small, O_RDONLY);
	long wrong_cloud = 0, wrong_local = 0;
	struct stat st, expected;
	pthread_t thread;

	stop = 0;
	fstat(cloud, &expected);
	dup2(local, NUMBER);
	if (pthread_create(&thread, NULL, look, NULL))
		return;
	for (int i = 0; i < ROUNDS; i++) {
		dup2(cloud, NUMBER);
		wrong_cloud += fstat(NUMBER, &st) || st.st_ino != expected.st_ino;
		dup2(local, NUMBER);
		wrong_local += fstat(NUMBER, &st) || !S_ISCHR(st.st_mode);
	}
	stop = 1;
	pthread_join(thread, NULL);
	say("wrong-cloud", wrong_cloud);
	say("wrong-local", wrong_local);
	close(NUMBER);
	close(local);
	close(cloud);
}

/* The number with the same lower bits is a local file, and known as one. */
static void make_low_local(int high)
{
	int fd = open("/dev/zero", O_RDONLY);
	char byte;

	dup2(fd, high & 65535);
	for (int i = 0; i < 3; i++)
		if (read(high & 65535, &byte, 1) != 1)
			say("low", -errno);
	close(fd);
}

static int is_file(int fd, const char *file)
{
	struct stat st, expected;

	return !fstat(fd, &st) && !stat(file, &expected) && st.st_ino == expected.st_ino &&
	       st.st_size == expected.st_size;
}

int hazard_inherited_high(const char *number, const char *file)
{
	make_low_local(atoi(number));
	return is_file(atoi(number), file) ? 70 : 7;
}

/* Sent over a socket, it comes as the lowest number: what is below is taken. */
static int received(int fd)
{
	struct rlimit few = {HIGH + 1, HIGH + 1}, old;
	char data, room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {&data, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	int pair[2], got = -1, filler = open("/dev/null", O_RDONLY);

	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &few) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return -errno;
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, 0) != 1)
		return -errno;
	close(HIGH);
	while (dup(filler) >= 0)
		;
	close(HIGH);
	if (recvmsg(pair[1], &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
	return got;
}

static long in_child(int (*way)(int), int cloud)
{
	pid_t pid = fork();

	if (!pid) {
		make_low_local(HIGH);
		_exit(way(cloud) == HIGH && is_file(HIGH, hazard_small) ? 71 : 1);
	}
	return hazard_wait(pid);
}

static int duplicated(int fd)
{
	return dup2(fd, HIGH);
}

static int duplicated_above(int fd)
{
	return fcntl(fd, F_DUPFD, HIGH);
}

void hazard_high(void)
{
	struct rlimit many = {HIGH + 100, HIGH + 100};
	int cloud = open(hazard_small, O_RDONLY);
	char number[16];
	pid_t pid;

	say("limit", res(setrlimit(RLIMIT_NOFILE, &many)));
	say("dup2", in_child(duplicated, cloud));
	say("dupfd", in_child(duplicated_above, cloud));
	say("received", in_child(received, cloud));
	snprintf(number, sizeof(number), "%d", HIGH);
	if (!(pid = fork())) {
		dup2(cloud, HIGH);
		execl(probe_self, probe_self, "inherited-high", number, hazard_small, NULL);
	}
	say("inherited", hazard_wait(pid));
	if (!(pid = vfork())) {
		dup2(cloud, HIGH);
		execl(probe_self, probe_self, "inherited-high", number, hazard_small, NULL);
		_exit(1);
	}
	say("inherited-vfork", hazard_wait(pid));
	close(cloud);
}
