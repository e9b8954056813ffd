/* SPDX-License-Identifier: Apache-2.0 */
/* See request.h. Start, restart and loss of the daemon are settled here and nowhere else. */
#include "intercept/request.h"

#include <asm/poll.h>
#include <asm/socket.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/time.h>
#include <linux/un.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/credenv.h"
#include "intercept/fdroom.h"
#include "intercept/fdtab.h"
#include "intercept/notes.h"
#include "intercept/spawn.h"
#include "intercept/signals.h"
#include "intercept/symlink.h"
#include "intercept/waiting.h"

/* Connections: the daemon may be restarted under us. One that dies costs up to two, as it may have
 * been connected to while it died: three can die of a request. */
#define REQUEST_TRIES	 8
#define REQUEST_WAIT_S	 300 /* beyond the daemon's own time-outs and retries */
#define TWIN_WAIT_S	 5   /* a program can start without one, and the next has it */
#define START_MS	 10000
#define TWIN_START_MS	 500
#define K_AF_UNIX	 1
#define K_SOCK_SEQPACKET 5
#define K_SOCK_CLOEXEC	 02000000
#define K_MSG_NOSIGNAL	 0x4000
#define K_MSG_CLOEXEC	 0x40000000
#define K_MSG_CTRUNC	 8
#define K_SCM_RIGHTS	 1
#define K_SOL_SOCKET	 1
#define FDS_NEEDED	 (1 + WIRE_FDS_MAX) /* the connection and what it brings */
#define LINE_BYTES	 1024

struct kiovec {
	void *base;
	size_t len;
};

struct kmsghdr {
	void *name;
	int namelen;
	struct kiovec *iov;
	size_t iovlen;
	void *control;
	size_t controllen;
	unsigned flags;
};

struct kcmsg {
	size_t len;
	int level, type;
	int fd[WIRE_FDS_MAX];
};

struct answer {
	struct wire_reply head;
	char text[WIRE_PATH_MAX]; /* a line or a path */
};

/* Standard error may be a cloud file, which this changes too; nobody is asked about it here. */
static void say_line(const char *line, size_t bytes)
{
	struct vfile *vf;
	int writer = fdtab_next_writer(1, &vf);
	bool noted = writer == 2 && vf->notes;

	if (noted) {
		draft_place(vf->notes);
		notes_begin(vf, 0, vf->vn->attr.size);
		draft_unsure(vf->notes);
	}
	sys3(__NR_write, 2, line, bytes);
	if (noted)
		notes_end(vf);
	if (writer >= 0)
		vfile_put(vf);
}

void say(const char *text, const char *more)
{
	char line[LINE_BYTES];
	const char *parts[] = {"skyshim: ", text, more};
	size_t at = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *s = parts[i]; *s && at < sizeof(line) - 1; s++)
			line[at++] = *s;
	line[at++] = '\n';
	say_line(line, at);
}

/* Signals that the program handles wait until we are done; all others act at once. */
static uint64_t wait_mask(struct thread *t)
{
	uint64_t mask = signals_mask(t);

	for (int sig = 1; sig <= K_NSIG; sig++)
		if (t->proc->sig[sig].known && t->proc->sig[sig].act.handler > K_SIG_IGN)
			mask |= SIGBIT(sig);
	return mask | SIGBIT(K_SIGSYS);
}

static int connect_once(void)
{
	struct sockaddr_un addr = {.sun_family = K_AF_UNIX};
	size_t len = strlen(rt.handoff.sock);
	long fd, ret;

	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, rt.handoff.sock, len + 1);
	fd = sys3(__NR_socket, K_AF_UNIX, K_SOCK_SEQPACKET | K_SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	ret = sys3(__NR_connect, fd, &addr, sizeof(addr));
	if (ret) {
		sys1(__NR_close, fd);
		return (int)ret;
	}
	return (int)fd;
}

/* Nobody waits for it, and nothing is missing if it is not heard. */
static bool is_hint(enum wire_op op)
{
	return op == WIRE_TRAPPED || op == WIRE_STREAM || op == WIRE_OPENED;
}

/* For what a program can do without, the daemon is not waited for long, or not started at all. */
static int connect_daemon(enum wire_op op)
{
	int fd = connect_once();

	if ((fd == -ENOENT || fd == -ECONNREFUSED) && !is_hint(op)) {
		fd = spawn_daemon(connect_once, op == WIRE_TWIN ? TWIN_START_MS : START_MS);
		if (fd == -EPIPE)
			fd = -ETIMEDOUT; /* it did not come: trying again would not help */
	}
	return fd;
}

static bool changes_names(enum wire_op op)
{
	return op == WIRE_RENAME || op == WIRE_LINK || op == WIRE_UNLINK || op == WIRE_MKDIR ||
	       op == WIRE_SYMLINK || op == WIRE_CLONE;
}

/* By which the daemon knows it if it comes again: no thread has the clock's value twice. The kernel
 * is asked for it: a program may have had reading the processor's counter, which is what the vDSO
 * does, made an error (prctl(2), PR_SET_TSC). */
static uint64_t number_of(const struct thread *t)
{
	static uint64_t asked; /* should there be no clock in a sandbox */
	uint64_t number = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	int64_t now[2] = {0, 0};

	if (sys2(__NR_clock_gettime, CLOCK_MONOTONIC, now))
		sys3(__NR_getrandom, now, sizeof(now), 0);
	number += (uint64_t)now[0] * 1000000000 + (uint64_t)now[1];
	number += (uint64_t)t->tid * 0x9e3779b97f4a7c15u;

	return number ? number : 1;
}

static long send_request(int sock, const struct request *rq)
{
	struct wire_request head = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.op = (uint16_t)rq->op,
		.data_dev = rq->data_dev,
		.data_ino = rq->data_ino,
		.offset = rq->offset,
		.length = rq->length,
		.mtime_ns = rq->mtime_ns,
		.mode = rq->mode,
		.uid = rq->uid,
		.gid = rq->gid,
		.flags = rq->flags | (rq->resent && changes_names(rq->op) ? WIRE_AGAIN : 0),
		.text_len = rq->text_len,
		.job = rt.handoff.job,
	};
	struct kiovec iov[2] = {{&head, sizeof(head)}, {(void *)rq->text, rq->text_len}};
	struct kmsghdr msg = {.iov = iov, .iovlen = rq->text_len ? 2 : 1};
	struct kcmsg control = {.len = offsetof(struct kcmsg, fd) + sizeof(int),
				.level = K_SOL_SOCKET,
				.type = K_SCM_RIGHTS,
				.fd = {rq->send_fd}};

	if (rq->has_send_fd) {
		msg.control = &control;
		msg.controllen = control.len;
	}
	memcpy(head.ctx, rt.handoff.ctx, sizeof(head.ctx));
	return sys3(__NR_sendmsg, sock, &msg, K_MSG_NOSIGNAL);
}

/* What copies or sends whole files takes as long as it takes: the daemon has its own time-outs. */
static int64_t wait_seconds(enum wire_op op)
{
	switch (op) {
	case WIRE_TWIN:
		return TWIN_WAIT_S;
	case WIRE_FLUSH:
	case WIRE_SETTLE:
	case WIRE_TRUNCATE:
	case WIRE_UNLINK:
	case WIRE_RENAME:
	case WIRE_LINK:
	case WIRE_CLONE:
	case WIRE_SETATTR:
	case WIRE_SETXATTR:
		return INT32_MAX;
	default:
		return REQUEST_WAIT_S;
	}
}

int request_poll(int sock, uint64_t mask, int64_t ms)
{
	struct pollfd pfd = {.fd = sock, .events = POLLIN};
	int64_t timeout[2] = {ms / 1000, ms % 1000 * 1000000};
	long ret;

	do {
		/* the kernel writes the remaining time back */
		ret = sys5(__NR_ppoll, &pfd, 1, timeout, &mask, 8);
	} while (ret == -EINTR);
	return (int)ret;
}

/* Nobody else may be asked in the middle of a vfork child's life, and a filter may kill for it. */
static bool waits_long(const struct thread *t, const struct request *rq)
{
	return (rq->op == WIRE_SETTLE ||
		(rq->op == WIRE_FLUSH && !(rq->flags & WIRE_FLUSH_LATER))) &&
	       !t->borrowed && !__atomic_load_n(&rt.sandboxed, __ATOMIC_RELAXED);
}

/* Waits for the answer. 0, -ETIMEDOUT, or as waiting_for(). */
static int wait_answer(struct thread *t, int sock, const struct request *rq)
{
	uint64_t mask = wait_mask(t);
	int ret;

	if (waits_long(t, rq))
		return waiting_for(t, sock, rq, mask);
	ret = request_poll(sock, mask, wait_seconds(rq->op) * 1000);
	return ret > 0 ? 0 : ret ? ret : -ETIMEDOUT;
}

static int receive(int sock, struct request *rq, struct answer *answer)
{
	struct kcmsg control = {0};
	struct kiovec iov = {answer, sizeof(*answer) - 1};
	struct kmsghdr msg = {
		.iov = &iov, .iovlen = 1, .control = &control, .controllen = sizeof(control)};
	long n = sys3(__NR_recvmsg, sock, &msg, K_MSG_CLOEXEC);
	size_t fd_bytes = 0;

	if (n == 0 || n == -ECONNRESET)
		return -EPIPE;
	if (n < 0)
		return (int)n;
	if (control.type == K_SCM_RIGHTS && control.len > offsetof(struct kcmsg, fd))
		fd_bytes = control.len - offsetof(struct kcmsg, fd);
	rq->fds = (unsigned)(fd_bytes / sizeof(int));
	memcpy(rq->fd, control.fd, rq->fds * sizeof(int));
	if (msg.flags & K_MSG_CTRUNC)
		return -EMFILE;
	if ((size_t)n < sizeof(answer->head) || answer->head.magic != WIRE_MAGIC ||
	    answer->head.fds != rq->fds || answer->head.text_len > (size_t)n - sizeof(answer->head))
		return -EIO;
	((char *)answer)[n] = '\0';
	return 0;
}

/* The credential environment of this image at text. Returns its bytes. */
static uint32_t gather_credenv(char *text, size_t max)
{
	size_t at = 0;

	for (char **e = rt.envp; *e; e++) {
		size_t len = strlen(*e) + 1;

		if (!credenv_wanted(*e) || at + len > max)
			continue;
		memcpy(text + at, *e, len);
		at += len;
	}
	return (uint32_t)at;
}

/* Registers this program's credential environment with a daemon that does not know the context. */
static int register_context(void)
{
	long text = sys6(__NR_mmap, 0, WIRE_MSG_MAX, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct request rq = {.op = WIRE_HELLO, .text = (char *)text};
	int ret;

	if (sys_failed(text))
		return -ENOMEM;
	rq.text_len = gather_credenv((char *)text, WIRE_MSG_MAX);
	ret = request_run(&rq);
	sys2(__NR_munmap, text, WIRE_MSG_MAX);
	if (ret)
		return ret;
	if (memcmp(rq.ctx, rt.handoff.ctx, sizeof(rq.ctx)) != 0) {
		say("the daemon was restarted and this job's credentials are not in this program's "
		    "environment: start the job again with `skyshim run`",
		    "");
		return -EACCES;
	}
	return 0;
}

static bool unanswered(const struct request *rq)
{
	return is_hint(rq->op) || (rq->op == WIRE_ENSURE && rq->flags & WIRE_ENSURE_NOWAIT);
}

static int exchange(struct thread *t, struct request *rq, struct answer *answer)
{
	int sock = connect_daemon(rq->op);
	int ret;

	if (sock < 0)
		return sock;
	t->sock = sock;
	ret = send_request(sock, rq) < 0 ? -EPIPE : 0;
	if (!ret && !unanswered(rq)) {
		ret = wait_answer(t, sock, rq);
		if (!ret)
			ret = receive(sock, rq, answer);
		rq->resent |= ret == -EPIPE;
	}
	t->sock = -1;
	sys1(__NR_close, sock);
	return ret;
}

int request_beside(struct thread *t, struct request *rq, uint64_t mask, int64_t ms)
{
	struct answer answer = {.head.error = 0};
	int sock = connect_once();
	int ret;

	if (sock < 0)
		return sock;
	t->sock_beside = sock;
	ret = send_request(sock, rq) < 0 ? -EPIPE : 0;
	if (!ret)
		ret = request_poll(sock, mask, ms) == 1 ? receive(sock, rq, &answer) : -ETIMEDOUT;
	t->sock_beside = -1;
	sys1(__NR_close, sock);
	rq->attr = answer.head.attr;
	return ret ? ret : answer.head.error;
}

/* A program that has used up its descriptors may still ask: for as long as the question takes,
 * the soft limit gives way as far as the hard one allows. missing: numbers that it takes. */
static int exchange_beyond_limit(struct thread *t, struct request *rq, struct answer *answer,
				 unsigned missing)
{
	struct {
		uint64_t soft, hard;
	} limit, wider;
	int ret;

	if (sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, &limit) || limit.soft >= limit.hard ||
	    limit.hard - limit.soft < missing)
		return -EMFILE;
	wider = limit;
	wider.soft = limit.hard - limit.soft > FDS_NEEDED ? limit.soft + FDS_NEEDED : limit.hard;
	if (sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, &wider, 0))
		return -EMFILE;
	ret = exchange(t, rq, answer);
	sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, &limit, 0);
	return ret;
}

/* Once for a program, which may ask for many files. */
static void say_other_version(struct request *rq)
{
	static bool said;

	rq->said = true;
	if (rq->op != WIRE_TWIN && !__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		say(WIRE_OTHER_VERSION, "");
}

/* How many of the descriptors that it takes there are numbers for. Looked at for what makes or cuts
 * a file: that must not have happened when there are none for the answer. */
static unsigned room_for(const struct request *rq)
{
	bool changes = rq->op == WIRE_OPEN && rq->flags & (O_CREAT | O_TRUNC);

	return changes ? fdroom_free(FDS_NEEDED) : FDS_NEEDED;
}

/* Asks once, or once more when the answer found no room; but what was made new is there then. */
static int exchange_in(struct thread *t, struct request *rq, struct answer *answer, unsigned room)
{
	const unsigned is_new = O_CREAT | O_EXCL;
	int ret;

	if (room < FDS_NEEDED)
		return exchange_beyond_limit(t, rq, answer, FDS_NEEDED - room);
	ret = exchange(t, rq, answer);
	if (ret != -EMFILE || (rq->op == WIRE_OPEN && is_new == (rq->flags & is_new)))
		return ret;
	request_close_fds(rq);
	rq->resent = true; /* it was served */
	return exchange_beyond_limit(t, rq, answer, 1);
}

int request_run(struct request *rq)
{
	struct thread *t = thread_current();
	unsigned room = room_for(rq);
	int registered = 0;
	int ret = -EPIPE;

	rq->resent = false;
	if (rq->op == WIRE_CLONE)
		rq->mtime_ns = (int64_t)number_of(t);
	else if (changes_names(rq->op) && !rq->offset)
		rq->offset = number_of(t);
	if (!rt.handoff.sock[0]) {
		say("object stores cannot be reached: this build has no daemon", "");
		return -EIO;
	}

	for (int i = 0; i < REQUEST_TRIES && ret == -EPIPE; i++) {
		struct answer answer = {.head.error = 0};

		rq->fds = 0;
		ret = exchange_in(t, rq, &answer, room);
		if (ret) {
			request_close_fds(rq);
			continue;
		}
		ret = answer.head.error;
		rq->attr = answer.head.attr;
		memcpy(rq->ctx, answer.head.ctx, sizeof(rq->ctx));
		if (ret == -WIRE_EUNKNOWN_CTX) {
			/* how one becomes known is asked of nobody whom that could tell so */
			ret = rq->op == WIRE_HELLO ? -EIO : register_context();
			if (!ret) {
				/* once more, of each daemon that has come; that costs no try */
				i -= registered++ < REQUEST_TRIES;
				ret = -EPIPE;
			}
		} else if (ret == -EPROTONOSUPPORT) {
			say_other_version(rq);
			ret = -EIO;
		} else if (ret == -WIRE_ELINK && rq->is_aside) {
			ret = -ENOENT;
		} else if (ret == -WIRE_ELINK) {
			ret = symlink_redirect(t, rq->attr.size, answer.text);
		} else if (!ret && rq->answer) {
			rq->answer_len = answer.head.text_len;
			memcpy(rq->answer, answer.text, rq->answer_len + 1);
		} else if ((ret || rq->op == WIRE_FLUSH) && answer.head.text_len) {
			say(answer.text, "");
			rq->said = true;
		}
	}
	if ((ret == -EPIPE || ret == -ETIMEDOUT) && rq->op != WIRE_TWIN && !is_hint(rq->op)) {
		say("the daemon does not answer at ", rt.handoff.sock);
		ret = -EIO;
	}
	return ret;
}

void request_close_fds(struct request *rq)
{
	for (unsigned i = 0; i < rq->fds; i++)
		sys1(__NR_close, rq->fd[i]);
	rq->fds = 0;
}
