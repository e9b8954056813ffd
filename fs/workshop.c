/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workshop: a process of one thread that forks a child for each file (fs/rewriter.h). It keeps
 * no state and never waits for a child: the kernel takes away the dead (SIGCHLD ignored), a child's
 * own timer ends it, and its end closes the pipe on which the daemon waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>

#include "fs/rewriter.h"

#define MEMORY_BYTES (UINT64_C(1) << 30)  /* of address space, and */
#define MEMORY_TIMES 6			  /* the original's size so often */
#define OUTPUT_BYTES (UINT64_C(16) << 20) /* besides twice the original */
#define CHILD_FDS    16

static int result_fd = -1; /* of this child */

static bool is_told(int fd, int32_t result)
{
	return write(fd, &result, sizeof(result)) == sizeof(result);
}

static void finish(int result)
{
	/* a daemon that waits no longer is no concern of ours */
	_exit(!is_told(result_fd, result));
}

static void time_is_up(int sig)
{
	(void)sig;
	finish(-ETIMEDOUT);
}

static void set_limit(int which, uint64_t value)
{
	struct rlimit limit = {value, value};

	setrlimit(which, &limit);
}

static void set_limits(const struct rewriter_message *m)
{
	struct itimerval timer = {.it_value = {m->wall_ms / 1000, m->wall_ms % 1000 * 1000L}};
	struct rlimit cpu = {m->wall_ms / 1000 + 1, m->wall_ms / 1000 + 2};

	signal(SIGALRM, time_is_up);
	signal(SIGXCPU, time_is_up);
	signal(SIGXFSZ, SIG_IGN); /* write(2) says EFBIG */
	setitimer(ITIMER_REAL, &timer, NULL);
	setrlimit(RLIMIT_CPU, &cpu);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NPROC, 0);
	set_limit(RLIMIT_NOFILE, CHILD_FDS);
	set_limit(RLIMIT_FSIZE, 2 * m->size + OUTPUT_BYTES);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	set_limit(RLIMIT_AS, MEMORY_BYTES + MEMORY_TIMES * m->size);
#endif
}

#define ALLOW_NR(name)                                         \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Whatever a file makes of its reader: it has its descriptors and memory that is not executable,
 * and can open, send, execute or signal nothing. Where filters are not to be had it goes without.
 */
static void lock_in(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW_NR(read),
		ALLOW_NR(pread64),
		ALLOW_NR(write),
		ALLOW_NR(pwrite64),
		ALLOW_NR(writev),
		ALLOW_NR(pwritev),
		ALLOW_NR(lseek),
		ALLOW_NR(fstat),
		ALLOW_NR(newfstatat),
		ALLOW_NR(munmap),
		ALLOW_NR(mremap),
		ALLOW_NR(madvise),
		ALLOW_NR(brk),
		ALLOW_NR(ftruncate),
		ALLOW_NR(fallocate),
		ALLOW_NR(copy_file_range),
		ALLOW_NR(sendfile),
		ALLOW_NR(fadvise64),
		ALLOW_NR(fsync),
		ALLOW_NR(fdatasync),
		ALLOW_NR(msync),
		ALLOW_NR(close),
		ALLOW_NR(futex),
		ALLOW_NR(clock_gettime),
		ALLOW_NR(getrandom),
		ALLOW_NR(rt_sigreturn),
		ALLOW_NR(rt_sigprocmask),
		ALLOW_NR(exit),
		ALLOW_NR(exit_group),
		/* a copy that shares blocks, and no other ioctl */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FICLONE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		/* memory, unless it is to be executable */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4 /* PROT_EXEC */, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
#else
	(void)program;
#endif
}

/* One job, with its descriptors. */
struct order {
	struct rewriter_message message;
	int fd[REWRITER_FDS];
};

static void close_order(struct order *o)
{
	for (int i = 0; i < REWRITER_FDS; i++) {
		if (o->fd[i] >= 0)
			close(o->fd[i]);
		o->fd[i] = -1;
	}
}

/* Returns 1, 0 when the daemon is gone, or -EAGAIN (no order of ours). */
static int take_order(struct order *o)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * REWRITER_FDS)];
	} control = {0};
	struct iovec iov = {&o->message, sizeof(o->message)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(0, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (n <= 0)
		return n < 0 && errno == EINTR ? -EAGAIN : 0;
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(o->fd)))
		return -EAGAIN;
	memcpy(o->fd, CMSG_DATA(c), sizeof(o->fd));
	if ((size_t)n != offsetof(struct rewriter_message, seen) +
				 o->message.seen_count * sizeof(o->message.seen[0])) {
		close_order(o);
		return -EAGAIN;
	}
	return 1;
}

int rewriter_serve(int (*rewrite)(int fd, int out_fd, const uint64_t *seen, size_t seen_count))
{
	static struct order order;
	struct stat st;

	if (fstat(0, &st) || !S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	prctl(PR_SET_NAME, "skyshim-rewrite"); /* not "exe", by which it was executed */
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct pollfd p = {.fd = 0, .events = POLLIN};
		int ret, n = poll(&p, 1, REWRITER_IDLE_S * 1000);
		pid_t pid;

		if (!n)
			return 0;
		ret = n < 0 ? -EAGAIN : take_order(&order);
		if (!ret)
			return 0;
		if (ret < 0)
			continue;
		pid = fork();
		if (!pid) {
			const struct rewriter_message *m = &order.message;

			close(0);
			result_fd = order.fd[2];
			set_limits(m);
			lock_in();
			ret = rewrite(order.fd[0], order.fd[1], m->seen, m->seen_count);
			finish(ret == -ENOMEM || ret == -EFBIG ? -E2BIG : ret);
		}
		if (pid < 0 && !is_told(order.fd[2], -EAGAIN))
			return 0;
		close_order(&order);
	}
}
