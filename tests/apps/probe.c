/* SPDX-License-Identifier: Apache-2.0 */
/* What a program can notice about its own signals, threads and children; one line a check. The
 * output natively and intercepted is compared by tests/apps/native. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int hits;
static char *volatile handler_sp;
static sigjmp_buf out_of_handler;
extern char **environ;

static void count_hit(int sig)
{
	char here;

	(void)sig;
	handler_sp = &here;
	hits++;
}

static void jump_out(int sig)
{
	siglongjmp(out_of_handler, sig);
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&act.sa_mask);
	sigaction(sig, &act, NULL);
}

static void check_alternate_stack(void)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;

	sigaltstack(&ss, NULL);
	handle(SIGUSR1, count_hit, SA_ONSTACK);
	raise(SIGUSR1);
	printf("handler on its stack: %d\n",
	       handler_sp >= stack && handler_sp < stack + sizeof(stack));
	sigaltstack(NULL, &old);
	printf("stack reported: %d %d\n", old.ss_sp == stack, old.ss_flags);
}

static void check_masks(void)
{
	sigset_t all, old, now;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	sigprocmask(SIG_SETMASK, NULL, &now);
	printf("SIGSYS seen blocked: %d\n", sigismember(&now, SIGSYS));
	kill(getpid(), SIGUSR1);
	hits = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("delivered when unblocked: %d\n", hits);
}

static void check_interruption(void)
{
	struct itimerval soon = {.it_value.tv_usec = 50000};
	int fds[2];
	char c;
	ssize_t n;

	if (pipe(fds))
		exit(1);
	handle(SIGALRM, count_hit, 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	n = read(fds[0], &c, 1);
	printf("read interrupted: %zd %d\n", n, n < 0 && errno == EINTR);
	if (!fork()) {
		usleep(150000);
		_exit(write(fds[1], "x", 1) != 1);
	}
	handle(SIGALRM, count_hit, SA_RESTART);
	setitimer(ITIMER_REAL, &soon, NULL);
	do {
		n = read(fds[0], &c, 1);
	} while (n < 0 && errno == EINTR && (puts("not restarted"), 1));
	printf("read restarted: %zd %c\n", n, c);
	wait(NULL);
}

static void check_faults(void)
{
	handle(SIGSEGV, jump_out, SA_NODEFER);
	if (!sigsetjmp(out_of_handler, 1))
		*(volatile int *)8 = 1;
	else
		puts("fault caught");
	errno = 0;
	printf("bad pointer: %d %d\n", open((char *)8, O_RDONLY), errno == EFAULT);
	errno = 0;
	printf("bad result: %d %d\n", (int)syscall(SYS_stat, "/", (void *)8), errno == EFAULT);
	handle(SIGSEGV, SIG_DFL, 0);
}

static void *add(void *arg)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void check_children(void)
{
	char *const argv[] = {"sh", "-c", "exit 5", NULL};
	int total = 0, status;
	pthread_t threads[50];
	pid_t pid;

	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 50; i++)
			pthread_create(&threads[i], NULL, add, &total);
		for (int i = 0; i < 50; i++)
			pthread_join(threads[i], NULL);
	}
	printf("threads: %d\n", total);
	posix_spawnp(&pid, "sh", NULL, NULL, argv, environ);
	waitpid(pid, &status, 0);
	printf("spawned: %d\n", WEXITSTATUS(status));
	pid = vfork();
	if (!pid)
		_exit(6);
	waitpid(pid, &status, 0);
	printf("vforked: %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		*(volatile int *)8 = 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	check_alternate_stack();
	check_masks();
	check_interruption();
	check_faults();
	check_children();
	return 0;
}
