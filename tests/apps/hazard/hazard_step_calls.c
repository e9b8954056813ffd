/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that are stepped through: one for each way that a call can take. */
#include "tests/apps/hazard/hazard_step.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define K_SIGSET_BYTES 8
#define PAGE	       4096

static struct stat status;
static char data[4096];
static unsigned long mask_in, mask_out;
static stack_t stack_out;
static int local, cloud, sockets[2];
static volatile long usr2;

static void set(struct step_call *c, long nr, long a, long b, long d)
{
	memset(c, 0, offsetof(struct step_call, code));
	c->nr = nr;
	c->arg[0] = a;
	c->arg[1] = b;
	c->arg[2] = d;
	c->arg[4] = 0x5e4;
	c->arg[5] = 0x5e5;
	c->low = c->high = 0;
	c->mask_after = 0;
	c->anywhere = 0;
}

static void nothing(struct step_call *c)
{
	(void)c;
}

static void open_both(struct step_call *c)
{
	(void)c;
	local = open("/proc/self/exe", O_RDONLY);
	cloud = open(hazard_big, O_RDONLY);
}

static void getppid_prepare(struct step_call *c)
{
	set(c, SYS_getppid, 1, 2, 3);
	c->low = c->high = getppid();
}

static void fstat_local(struct step_call *c)
{
	set(c, SYS_fstat, local, (long)&status, 3);
}

static void fstat_cloud(struct step_call *c)
{
	set(c, SYS_fstat, cloud, (long)&status, 3);
}

static void pread_cloud(struct step_call *c)
{
	set(c, SYS_pread64, cloud, (long)data, sizeof(data));
	c->arg[3] = 12345;
	c->low = c->high = sizeof(data);
	memset(data, 0, sizeof(data));
}

static void pread_finish(struct step_call *c)
{
	if (!probe_same(data, 12345, sizeof(data)))
		c->result = -1;
}

static void close_none(struct step_call *c)
{
	set(c, SYS_close, -1, 2, 3);
	c->low = c->high = -9; /* EBADF */
}

static void dup_cloud(struct step_call *c)
{
	set(c, SYS_dup, cloud, 2, 3);
	c->low = 3;
	c->high = 100;
}

static void close_result(struct step_call *c)
{
	if (c->result >= 0)
		close((int)c->result);
}

static void open_cloud(struct step_call *c)
{
	set(c, SYS_open, (long)hazard_small, O_RDONLY, 0);
	c->low = 3;
	c->high = 100;
}

static void open_missing(struct step_call *c)
{
	set(c, SYS_open, (long)"/none/such", O_RDONLY, 0);
	c->low = c->high = -2; /* ENOENT */
}

static void open_through_proc(struct step_call *c)
{
	set(c, SYS_open, (long)"/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_PATH, 0);
	c->low = 3;
	c->high = 100;
}

static void stat_cloud(struct step_call *c)
{
	set(c, SYS_stat, (long)hazard_big, (long)&status, 3);
}

static void mask_block(struct step_call *c)
{
	mask_in = 1UL << (SIGHUP - 1);
	mask_out = ~0UL;
	set(c, SYS_rt_sigprocmask, SIG_BLOCK, (long)&mask_in, (long)&mask_out);
	c->arg[3] = K_SIGSET_BYTES;
	c->mask_after = mask_in;
}

static void mask_finish(struct step_call *c)
{
	if (mask_out)
		c->result = (long)mask_out;
}

static void stack_query(struct step_call *c)
{
	set(c, SYS_sigaltstack, 0, (long)&stack_out, 3);
}

static void receive_prepare(struct step_call *c)
{
	static char control[64];
	static struct iovec part = {data, 8};
	static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	set(c, SYS_recvmsg, sockets[0], (long)&message, MSG_DONTWAIT);
	c->low = c->high = write(sockets[1], "8 bytes.", 8);
}

static void receive_once(struct step_call *c)
{
	(void)c;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets))
		_exit(3);
}

static void on_usr2(int number)
{
	(void)number;
	usr2++;
}

static long to_itself(long nr, long a, long b, long d)
{
	(void)nr;
	(void)a;
	(void)b;
	(void)d;
	usr2 = 0;
	hazard_raw(SYS_tgkill, getpid(), getpid(), SIGUSR2);
	return usr2;
}

static void handler_once(struct step_call *c)
{
	struct sigaction action = {.sa_handler = on_usr2, .sa_flags = SA_ONSTACK};

	(void)c;
	sigaction(SIGUSR2, &action, NULL);
}

/* Sending a signal, the way into its handler and the way back. */
static void handler_prepare(struct step_call *c)
{
	set(c, 0, 1, 2, 3);
	c->low = c->high = 1;
	c->code = to_itself;
	c->anywhere = 1;
}

static void made_once(struct step_call *c)
{
	char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	memcpy(at, hazard_code, HAZARD_CODE_BYTES);
	c->code = (hazard_call *)(void *)at;
}

static void made_prepare(struct step_call *c)
{
	set(c, 0, SYS_getppid, 2, 3);
	c->low = c->high = getppid();
}

static void made_open(struct step_call *c)
{
	set(c, 0, SYS_open, (long)hazard_small, O_RDONLY);
	c->low = 3;
	c->high = 100;
}

void hazard_step(void)
{
	static const struct step_case cases[] = {
		{"getppid", nothing, getppid_prepare, NULL},
		{"fstat-local", open_both, fstat_local, NULL},
		{"fstat-cloud", open_both, fstat_cloud, NULL},
		{"pread-cloud", open_both, pread_cloud, pread_finish},
		{"close", nothing, close_none, NULL},
		{"dup-cloud", open_both, dup_cloud, close_result},
		{"open-missing", nothing, open_missing, NULL},
		{"open-through-proc", nothing, open_through_proc, close_result},
		{"stat-cloud", nothing, stat_cloud, NULL},
		{"mask", nothing, mask_block, mask_finish},
		{"alternate-stack", nothing, stack_query, NULL},
		{"receive", receive_once, receive_prepare, NULL},
		{"handler", handler_once, handler_prepare, NULL},
		{"made-at-run-time", made_once, made_prepare, NULL},
		{"made-opens", made_once, made_open, close_result},
		{"open-cloud", nothing, open_cloud, close_result},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		step_run(&cases[i], SIGUSR1);
}
