/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox FOLDER: children that allow themselves few system calls and are killed for any other, by
 * each kind of filter, and then do what they have allowed. Whatever the runtime does besides would
 * kill them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CODE_MAX 64
#define DONE	 7  /* exit status: as it should be */
#define SET_UP	 99 /* exit status: there is no such filter here */
#define ALLOWED	 0x1fff
#define LOCAL	 "/etc/passwd"
#define FILTER(otherwise, ...)                               \
	do {                                                 \
		static const int calls[] = {__VA_ARGS__};    \
		filter(calls, sizeof(calls) / 4, otherwise); \
	} while (0)

static const char *folder;
static int pipe_fd[2];
static volatile int handled, trapped;

static void set_filter(struct sock_filter *code, int count)
{
	struct sock_fprog program = {(unsigned short)count, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(SET_UP);
}

static void filter(const int *calls, size_t count, unsigned otherwise)
{
	struct sock_filter code[CODE_MAX];
	int at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							  (unsigned)calls[i], 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
	set_filter(code, at);
}

static void strict(void)
{
	char c;

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(SET_UP);
	if (read(pipe_fd[0], &c, 1) != 1 || write(pipe_fd[1], &c, 1) != 1)
		syscall(SYS_exit, 1);
	syscall(SYS_exit, c == 'x' ? DONE : 2);
}

static void strict_killed(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	syscall(SYS_getppid);
	syscall(SYS_exit, 0);
}

static void by_seccomp_call(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {5, code};
	int fd = open(LOCAL, O_RDONLY);
	char text[5];

	close(STDIN_FILENO);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		_exit(SET_UP);
	_exit(read(fd, text, 5) == 5 ? DONE : 1);
}

static void opens(void)
{
	char text[5];
	int fd;
	long n;

	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_read, SYS_openat, SYS_close, SYS_newfstatat,
	       SYS_exit_group, SYS_fstat);
	fd = open(LOCAL, O_RDONLY);
	n = read(fd, text, 5);
	close(fd);
	_exit(n == 5 ? DONE : 1);
}

/* A cloud file that has been read before. */
static void reads_again(void)
{
	char text[14], again[14];
	int fd;

	if (chdir(folder))
		_exit(1);
	fd = open("small.txt", O_RDONLY);
	if (read(fd, text, 14) != 14)
		_exit(2);
	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_read, SYS_pread64, SYS_lseek, SYS_exit_group);
	_exit(pread(fd, again, 14, 0) == 14 && !memcmp(text, again, 14) ? DONE : 3);
}

static void denied(void)
{
	int fd;

	FILTER(SECCOMP_RET_ERRNO | EPERM, SYS_read, SYS_exit_group);
	fd = open(LOCAL, O_RDONLY);
	_exit(fd < 0 && errno == EPERM && syscall(SYS_getpid) == -1 ? DONE : 1);
}

static void on_sys(int number, siginfo_t *info, void *context)
{
	trapped = number == SIGSYS ? info->si_syscall : 0;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 4242;
}

static void answered(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	set_filter(code, 4);
	_exit(syscall(SYS_getppid) == 4242 && trapped == SYS_getppid ? DONE : 1);
}

static void on_alarm(int number)
{
	(void)number;
	handled++;
}

static void tick(int flags)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerspec every = {{0, 500000}, {0, 500000}};
	timer_t timer;

	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, NULL, &timer) || timer_settime(timer, 0, &every, NULL))
		_exit(SET_UP);
}

static void handles(void)
{
	static char zeroes[65536];
	int fd = open("/dev/zero", O_RDONLY);

	tick(0);
	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_read, SYS_exit_group, SYS_rt_sigreturn);
	while (handled < 50)
		if (read(fd, zeroes, sizeof(zeroes)) <= 0)
			_exit(1);
	_exit(DONE);
}

static void handles_opening(void)
{
	tick(SA_RESTART);
	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_openat, SYS_close, SYS_exit_group, SYS_rt_sigreturn);
	while (handled < 100) {
		int fd = open(LOCAL, O_RDONLY);

		if (fd < 0)
			_exit(1);
		close(fd);
	}
	_exit(DONE);
}

static void forks(void)
{
	int pid, status = 0;

	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_fork, SYS_clone, SYS_wait4, SYS_exit_group,
	       SYS_rt_sigprocmask, SYS_getpid, SYS_gettid, SYS_set_robust_list, SYS_rseq);
	pid = fork();
	if (!pid)
		_exit(DONE);
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void *give_back(void *argument)
{
	return argument;
}

static void thread(void)
{
	pthread_t made;
	void *got = NULL;

	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_clone, SYS_clone3, SYS_exit, SYS_exit_group,
	       SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_mmap, SYS_mprotect, SYS_munmap,
	       SYS_madvise, SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_brk, SYS_getrandom,
	       SYS_gettid, SYS_arch_prctl, SYS_sigaltstack); /* those three: the runtime's */
	if (pthread_create(&made, NULL, give_back, pipe_fd) || pthread_join(made, &got))
		_exit(1);
	_exit(got == (void *)pipe_fd ? DONE : 2);
}

static void maps(void)
{
	void *file, *memory;
	int fd;

	FILTER(SECCOMP_RET_KILL_PROCESS, SYS_mmap, SYS_munmap, SYS_exit_group, SYS_openat,
	       SYS_close, SYS_pread64, SYS_fstat); /* fstat: the runtime's */
	fd = open(LOCAL, O_RDONLY);
	file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	close(fd);
	_exit(file != MAP_FAILED && memory != MAP_FAILED && !munmap(memory, 65536) ? DONE : 1);
}

/* As man does: what it starts may not make calls that its libc does not make. */
static void executes(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_faccessat2, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fgetxattr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	set_filter(code, 5);
	execl(LOCAL, LOCAL, (char *)NULL);
	if (errno != EACCES)
		_exit(1);
	execl("/usr/bin/expr", "expr", "3", "+", "4", (char *)NULL);
	_exit(2);
}

/* Of all files, those below /usr may be read and executed. */
static void landlock(void)
{
	struct landlock_ruleset_attr handled_access = {.handled_access_fs = ALLOWED};
	struct landlock_path_beneath_attr below = {
		.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
				  LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open("/usr", O_PATH),
	};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &handled_access,
				 sizeof(handled_access), 0);

	if (rules < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) ||
	    syscall(SYS_landlock_restrict_self, rules, 0))
		_exit(SET_UP);
	if (open(LOCAL, O_RDONLY) >= 0)
		_exit(1);
	execl("/usr/bin/env", "env", "/usr/bin/expr", "1", "+", "2", (char *)NULL);
	_exit(2);
}

static const struct {
	const char *name;
	void (*run)(void);
} all[] = {
	{"strict", strict},
	{"strict, killed", strict_killed},
	{"by the seccomp call", by_seccomp_call},
	{"opens", opens},
	{"reads again", reads_again},
	{"denied", denied},
	{"answered by a handler", answered},
	{"handles signals", handles},
	{"handles signals, opening", handles_opening},
	{"forks", forks},
	{"thread", thread},
	{"maps", maps},
	{"executes", executes},
	{"landlock", landlock},
};

int main(int argc, char **argv)
{
	folder = argc > 1 ? argv[1] : ".";
	if (pipe(pipe_fd) || write(pipe_fd[1], "x", 1) != 1)
		return 1;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int status = 0, pid;

		fflush(stdout);
		pid = fork();
		if (!pid) {
			all[i].run();
			_exit(1);
		}
		waitpid(pid, &status, 0);
		printf("%s: %s %d\n", all[i].name, WIFEXITED(status) ? "exit" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	}
	return 0;
}
