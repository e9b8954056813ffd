/* SPDX-License-Identifier: Apache-2.0 */
/* See waiting.h. The signals are blocked and looked for: so there is no handler to be seen, and
 * what is told is told before the default action, which is the kernel's as ever. */
#include "intercept/waiting.h"

#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/termbits.h>
#include <errno.h>
#include <string.h>

#include "intercept/kernel.h"
#include "intercept/signals.h"

#define TICK_MS	    100
#define SHOWS_TICKS 10 /* before anything is drawn */
#define DRAW_TICKS  3
#define ASK_MS	    1000
#define LINE_BYTES  128
#define ERR_FD	    2
#define MIB_SHIFT   20

struct wait {
	struct thread *t;
	const struct request *rq;
	uint64_t mask;	  /* while it sleeps */
	uint64_t ending;  /* signals that end the program */
	uint64_t handled; /* and those that the program would handle, if it went on */
	uint64_t blocked; /* of both, by us */
	size_t drawn;	  /* bytes of the line that stands there */
};

/* --- the line --- */

static size_t put_text(char *line, size_t at, const char *text)
{
	while (*text && at < LINE_BYTES)
		line[at++] = *text++;
	return at;
}

static size_t put_number(char *line, size_t at, uint64_t n)
{
	char digits[21];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return put_text(line, at, digits + i);
}

/* Whoever has stopped the terminal's output does not stop the program by that. */
static void put(const char *line, size_t bytes)
{
	struct pollfd pfd = {.fd = ERR_FD, .events = POLLOUT};

	if (sys3(__NR_poll, &pfd, 1, 0) == 1 && pfd.revents & POLLOUT)
		sys3(__NR_write, ERR_FD, line, bytes);
}

static bool term_is_dumb(void)
{
	static const char name[] = "TERM=";

	for (char **e = rt.envp; *e; e++)
		if (!strncmp(*e, name, sizeof(name) - 1))
			return !(*e)[sizeof(name) - 1] || !strcmp(*e + sizeof(name) - 1, "dumb");
	return true;
}

static bool may_draw(void)
{
	struct termios mode;
	int group = 0;

	return !sys3(__NR_ioctl, ERR_FD, TCGETS, &mode) && mode.c_lflag & ICANON &&
	       !sys3(__NR_ioctl, ERR_FD, TIOCGPGRP, &group) && group == sys1(__NR_getpgid, 0) &&
	       !term_is_dumb();
}

static void clear(struct wait *w)
{
	char line[LINE_BYTES + 2];

	if (!w->drawn)
		return;
	memset(line, ' ', w->drawn);
	line[0] = line[w->drawn] = '\r';
	put(line, w->drawn + 1);
	w->drawn = 0;
}

/* How far it is; files: 0 when that is not known. */
static uint64_t ask(const struct wait *w, struct wire_attr *out)
{
	struct request rq = {
		.op = WIRE_LEFT, .data_dev = w->rq->data_dev, .data_ino = w->rq->data_ino};

	if (request_beside(w->t, &rq, w->mask, ASK_MS))
		return 0;
	*out = rq.attr;
	return rq.attr.nlink;
}

static void draw(struct wait *w)
{
	struct wire_attr left;
	char line[LINE_BYTES];
	uint64_t files = ask(w, &left);
	size_t at;

	if (!files || !may_draw()) {
		clear(w);
		return;
	}
	at = put_text(line, 0, "\rskyshim: uploading, ");
	at = put_number(line, at, files);
	at = put_text(line, at, files == 1 ? " file, " : " files, ");
	at = put_number(line, at, left.ino >> MIB_SHIFT);
	at = put_text(line, at, " of ");
	at = put_number(line, at, (left.size + (1u << MIB_SHIFT) - 1) >> MIB_SHIFT);
	at = put_text(line, at, " MiB");
	while (at < w->drawn) /* a longer one stood there */
		line[at++] = ' ';
	put(line, at);
	w->drawn = at;
}

/* --- signals --- */

static void tell(struct wait *w)
{
	struct wire_attr left;
	char line[LINE_BYTES + 1];
	uint64_t files = ask(w, &left);
	size_t at;

	clear(w);
	if (!files)
		return;
	at = put_number(line, 0, files);
	at = put_text(line, at, files == 1 ? " file is" : " files are");
	at = put_text(line, at, " still being uploaded by the daemon; `skyshim recover` tells");
	line[at] = '\0';
	say(line, "");
}

/* Which signals end this wait, and blocks them. */
static void begin(struct wait *w)
{
	static const int ends[] = {K_SIGHUP, K_SIGINT, K_SIGTERM};
	uint64_t old, all, programs = signals_mask(w->t);
	struct ksigaction act;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (programs & SIGBIT(ends[i]) || sys4(__NR_rt_sigaction, ends[i], 0, &act, 8))
			continue;
		/* the first process of a container lives on */
		if (act.handler == K_SIG_DFL && sys0(__NR_getpid) != 1)
			w->ending |= SIGBIT(ends[i]);
		else if (act.handler > K_SIG_IGN && w->rq->ends)
			w->handled |= SIGBIT(ends[i]);
	}
	all = w->ending | w->handled;
	w->mask |= all;
	if (!sys4(__NR_rt_sigprocmask, K_SIG_BLOCK, &all, &old, 8))
		w->blocked = all & ~old;
}

/* One that came meanwhile acts now. What was put off has our mask. */
static void end(struct wait *w)
{
	clear(w);
	sys4(__NR_rt_sigprocmask, K_SIG_UNBLOCK, &w->blocked, 0, 8);
	if (w->t->deferred)
		w->t->deferred_mask &= ~w->blocked;
}

/* Has one come that nobody will handle any more? One whose default action is the program's end has
 * that, unless a debugger takes it away. */
static bool look(struct wait *w)
{
	uint64_t pending = 0, act;

	sys2(__NR_rt_sigpending, &pending, 8);
	act = pending & w->ending;
	if (!act && !(pending & w->handled))
		return false;
	tell(w);
	if (act)
		sys4(__NR_rt_sigprocmask, K_SIG_UNBLOCK, &act, 0, 8);
	w->ending &= ~act;
	w->mask &= ~act;
	return !act;
}

int waiting_for(struct thread *t, int sock, const struct request *rq, uint64_t mask)
{
	struct wait w = {.t = t, .rq = rq, .mask = mask};
	int ret = 0;

	/* mostly it is over by then */
	if (rq->op == WIRE_FLUSH)
		ret = request_poll(sock, mask, TICK_MS);
	if (ret)
		return ret < 0 ? ret : 0;
	begin(&w);
	for (unsigned tick = 1; !ret; tick++) {
		ret = request_poll(sock, w.mask, TICK_MS);
		if (!ret && look(&w))
			ret = -EINTR;
		else if (!ret && tick >= SHOWS_TICKS && tick % DRAW_TICKS == 0)
			draw(&w);
	}
	end(&w);
	return ret < 0 ? ret : 0;
}
