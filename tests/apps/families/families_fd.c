/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: all that a program may have, closed or made something else; sent away. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY   2000
#define SOCKET "families-socket"

/* How many numbers below most are in use. */
static long in_use(long most)
{
	long count = 0;

	for (int fd = 0; fd < most; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Every number up to the limit is closed, by hand or all at once, made a cloud file and read. */
void family_closing(void)
{
	struct rlimit lim;
	long most = sysconf(_SC_OPEN_MAX), closed = 0, wrong = 0, sum = big_sum(66666);
	int cloud;

	getrlimit(RLIMIT_NOFILE, &lim);
	say("most", most);
	say("in use", in_use(most));
	for (int fd = 3; fd < most; fd++)
		closed += close(fd) == 0;
	say("closed", closed);
	read_file();
	cloud = open(beside[0], O_RDONLY);
	say("lowest", cloud);
	for (int fd = cloud + 1; fd < MANY; fd++)
		wrong += dup2(cloud, fd) != fd;
	say("highest", dup2(cloud, (int)most - 1));
	say("beyond", dup2(cloud, (int)most));
	say("not made", wrong);
	for (int fd = cloud; fd < MANY; fd += 97)
		wrong += descriptor_sum(fd, 66666) != sum;
	say("wrong", wrong);
	say("in use", in_use(most));
	say("a range", syscall(SYS_close_range, 1000, MANY - 1, 0));
	say("in use", in_use(most));
#ifdef __GLIBC__
	closefrom(4);
#else
	syscall(SYS_close_range, 4, ~0U, 0);
#endif
	say("in use", in_use(most));
	say("still read", descriptor_sum(cloud, 66666) == sum);
	lim.rlim_cur = 64;
	say("limit", setrlimit(RLIMIT_NOFILE, &lim));
	say("beyond", dup2(cloud, 64));
	say("below", dup2(cloud, 63));
	read_file();
	lim.rlim_cur = lim.rlim_max;
	say("limit", setrlimit(RLIMIT_NOFILE, &lim));
	say("large", fcntl(cloud, F_DUPFD, 15000));
	say("its bytes", descriptor_sum(15000, 66666) == sum);
}

static struct sockaddr_un address(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = SOCKET};

	return name;
}

static int send_one(int socket_fd, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec vec = {"x", 1};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
	int both[2] = {fd, fd};

	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(both));
	memcpy(CMSG_DATA(&control.align), both, sizeof(both));
	return sendmsg(socket_fd, &message, 0) == 1 ? 0 : -1;
}

/* Another program, which knows nothing of the file but what it is sent: two descriptors of it. */
int receiving_child(int argc, char **argv)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct sockaddr_un name = address();
	char byte = 0;
	struct iovec vec = {&byte, 1};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
	int link = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd[2] = {-1, -1};
	struct stat st = {0};

	if (argc < 2 || strcmp(argv[1], "receive") != 0) {
		close(link);
		return -1;
	}
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	if (connect(link, (struct sockaddr *)&name, sizeof(name)) ||
	    recvmsg(link, &message, MSG_CMSG_CLOEXEC) != 1)
		return 90;
	memcpy(fd, CMSG_DATA(&control.align), sizeof(fd));
	say("received", fd[1] - fd[0]);
	say("cloexec", fcntl(fd[0], F_GETFD));
	say("offset", lseek(fd[0], 0, SEEK_CUR));
	say("stat", fstat(fd[0], &st));
	say("size", st.st_size);
	say("there", descriptor_sum(fd[1], 2345678));
	say("moved", lseek(fd[1], 4000, SEEK_SET));
	say("answer", write(link, "y", 1));
	return 80;
}

void family_send(void)
{
	char *argv[] = {(char *)self_path, "receive", NULL};
	struct sockaddr_un name = address();
	int here = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), link, cloud;
	char byte;
	pid_t pid;

	unlink(SOCKET);
	say("bind", bind(here, (struct sockaddr *)&name, sizeof(name)));
	say("listen", listen(here, 1));
	pid = fork();
	if (!pid) {
		execv(self_path, argv);
		_exit(99);
	}
	cloud = open(beside[0], O_RDONLY | O_CLOEXEC);
	lseek(cloud, 1234, SEEK_SET);
	link = accept(here, NULL, NULL);
	send_one(link, cloud);
	read(link, &byte, 1);
	say("child", ended(pid));
	say("offset", lseek(cloud, 0, SEEK_CUR));
	unlink(SOCKET);
	read_file();
}
