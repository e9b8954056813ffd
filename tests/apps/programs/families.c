/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the system that a program may use beside files: families FAMILY FILE says what each did,
 * and reads FILE in between; natively and intercepted it says the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *file;

static void say(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, result);
	fflush(stdout);
}

/* The clouds are still there. */
static void read_file(void)
{
	unsigned sum = 0;
	char buf[4096];
	int fd = open(file, O_RDONLY);
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)buf[i];
	close(fd);
	say("file", sum & 0xffffff);
}

static void run_child(char *const argv[], char *const envp[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, envp);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	say("child", WEXITSTATUS(status));
}

static void family_argv(void)
{
	char *none[] = {NULL}, *empty[] = {"", NULL}, *many[] = {"x", "argc", "", "b c", NULL};

	run_child(none, none);
	run_child(empty, none);
	run_child(many, none);
}

static void family_limits(void)
{
	struct rlimit lim = {1ul << 32, 1ul << 32}, now;
	char *argv[] = {"x", "stack", NULL}, *none[] = {NULL};
	void *at;

	say("set address space", setrlimit(RLIMIT_AS, &lim));
	at = mmap(NULL, 1ul << 33, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	say("map more than that", at == MAP_FAILED ? -1 : 0);
	at = mmap(NULL, 1ul << 24, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("map less", at == MAP_FAILED ? -1 : 0);
	read_file();
	lim = (struct rlimit){1 << 21, 1 << 21};
	say("set stack", setrlimit(RLIMIT_STACK, &lim));
	run_child(argv, none);
	lim = (struct rlimit){20, 20};
	say("set descriptors", setrlimit(RLIMIT_NOFILE, &lim));
	say("dup beyond", fcntl(0, F_DUPFD, 20));
	read_file();
	say("get", getrlimit(RLIMIT_NOFILE, &now));
	say("descriptors", (long)now.rlim_cur);
}

static void family_waiting(void)
{
	struct signalfd_siginfo got = {0};
	struct timespec second = {5, 0};
	siginfo_t info = {0};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	say("signalfd", fd < 0 ? -1 : 0);
	kill(getpid(), SIGUSR1);
	read_file();
	say("read", read(fd, &got, sizeof(got)));
	say("signal", (long)got.ssi_signo);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 40 + i});
	read_file();
	for (int i = 0; i < 3; i++) {
		say("sigtimedwait", sigtimedwait(&set, &info, &second) - SIGRTMIN);
		say("value", info.si_value.sival_int);
	}
}

static void family_memory(void)
{
	char *page =
		mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *at;

	say("mlock", mlock(page, 4096));
	say("munlock", munlock(page, 4096));
	say("huge", madvise(page, 4 << 20, MADV_HUGEPAGE));
	page[5000] = 7;
	say("dontneed", madvise(page + 4096, 4096, MADV_DONTNEED));
	say("zero", page[5000]);
	at = mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("noreplace over", at == MAP_FAILED ? -1 : 0);
	munmap(page, 4 << 20);
	at = mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("noreplace free", at == page ? 0 : -1);
	at = mremap(at, 4096, 8192, MREMAP_MAYMOVE);
	say("mremap", at == MAP_FAILED ? -1 : 0);
	say("membarrier", syscall(SYS_membarrier, 0, 0, 0) < 0 ? -1 : 0);
	read_file();
}

static void *die_with_it(void *mutex)
{
	pthread_mutex_lock(mutex);
	return NULL;
}

static void family_robust(void)
{
	pthread_mutex_t *mutex =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	pthread_t thread;
	void *head = NULL;
	size_t bytes = 0;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(mutex, &attr);
	if (!fork()) {
		pthread_mutex_lock(mutex);
		read_file();
		_exit(0);
	}
	wait(NULL);
	say("owner died", pthread_mutex_lock(mutex) == EOWNERDEAD);
	pthread_mutex_consistent(mutex);
	pthread_mutex_unlock(mutex);
	pthread_create(&thread, NULL, die_with_it, mutex);
	pthread_join(thread, NULL);
	say("thread died", pthread_mutex_lock(mutex) == EOWNERDEAD);
	say("list", syscall(SYS_get_robust_list, 0, &head, &bytes));
	say("bytes", (long)bytes);
}

static void family_pipes(void)
{
	struct iovec iov = {"lent bytes", 10};
	int a[2], b[2], fd = open(file, O_RDONLY);
	char buf[64] = "";

	if (pipe(a) || pipe(b))
		return;
	say("vmsplice", vmsplice(a[1], &iov, 1, 0));
	say("tee", tee(a[0], b[1], 64, 0));
	say("read", read(b[0], buf, sizeof(buf)));
	puts(buf);
	say("splice", splice(fd, NULL, a[1], NULL, 20, 0));
	say("tee", tee(a[0], b[1], 64, 0));
	say("read", read(b[0], buf, sizeof(buf)));
	close(fd);
}

static void family_others(void)
{
	char secret[16] = "in the parent", got[16] = "";
	struct iovec to = {got, sizeof(got)}, from = {secret, sizeof(secret)};
	int status, pidfd;
	siginfo_t info = {0};
	pid_t pid = fork();

	if (!pid) {
		strcpy(secret, "in the child");
		kill(getpid(), SIGSTOP);
		read_file();
		_exit(7);
	}
	waitpid(pid, &status, WUNTRACED);
	say("process_vm_readv", process_vm_readv(pid, &to, 1, &from, 1, 0));
	puts(got);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	say("pidfd", pidfd < 0 ? -1 : 0);
	say("signal", syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0));
	say("waitid", waitid(P_PID, (id_t)pid, &info, WEXITED));
	say("status", info.si_status);
}

static void family_rights(void)
{
	struct {
		uint32_t version;
		int pid;
	} head = {0x20080522, 0};
	struct {
		uint32_t effective, permitted, inheritable;
	} caps[2] = {{0}};

	say("no new privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("capset", syscall(SYS_capset, &head, caps));
	say("capget", syscall(SYS_capget, &head, caps));
	say("effective", caps[0].effective);
	read_file();
	say("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
	say("dumpable", prctl(PR_SET_DUMPABLE, 0));
	read_file();
}

static void *in_thread(void *folder)
{
	say("unshare", unshare(CLONE_FS | CLONE_FILES));
	say("chdir", chdir(folder));
	read_file();
	close(0);
	return NULL;
}

static void family_apart(void)
{
	char here[4096], there[4096];
	pthread_t thread;

	if (!getcwd(here, sizeof(here)))
		return;
	pthread_create(&thread, NULL, in_thread, "/");
	pthread_join(thread, NULL);
	say("still here", getcwd(there, sizeof(there)) && !strcmp(here, there));
	say("still open", fcntl(0, F_GETFD));
}

static void family_events(void)
{
	struct itimerspec soon = {.it_value = {0, 1000000}};
	char buf[4096];
	uint64_t ticks = 0;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), watch = inotify_init1(IN_CLOEXEC);

	say("inotify", inotify_add_watch(watch, ".", IN_CREATE) < 0 ? -1 : 0);
	close(open("families-made", O_CREAT | O_WRONLY, 0600));
	say("event", read(watch, buf, sizeof(buf)) > 0);
	puts(((struct inotify_event *)buf)->name);
	unlink("families-made");
	timerfd_settime(timer, 0, &soon, NULL);
	read_file();
	say("timer", read(timer, &ticks, sizeof(ticks)));
}

/* Writing is given up, reading goes on. */
static void family_landlock(void)
{
	uint64_t handled = 1 << 1; /* LANDLOCK_ACCESS_FS_WRITE_FILE */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);

	say("ruleset", ruleset < 0 ? -1 : 0);
	say("no new privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("restrict", syscall(SYS_landlock_restrict_self, ruleset, 0));
	say("write", open("/dev/null", O_WRONLY) < 0 ? -1 : 0);
	read_file();
	close(ruleset);
}

static void *touch(void *page)
{
	return (void *)(intptr_t) * (volatile char *)page;
}

/* A page that another thread provides, when it is touched. */
static void family_userfault(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_copy copy = {0};
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffd_msg msg = {0};
	pthread_t thread;
	void *value;

	say("userfaultfd", fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	say("api", ioctl(fd, UFFDIO_API, &api));
	range.range.start = (uintptr_t)pages;
	range.range.len = 4096;
	say("register", ioctl(fd, UFFDIO_REGISTER, &range));
	pthread_create(&thread, NULL, touch, pages);
	say("event", read(fd, &msg, sizeof(msg)) > 0 && msg.event == UFFD_EVENT_PAGEFAULT);
	read_file();
	memset(pages + 4096, 42, 4096);
	copy.dst = (uintptr_t)pages;
	copy.src = (uintptr_t)pages + 4096;
	copy.len = 4096;
	say("copy", ioctl(fd, UFFDIO_COPY, &copy));
	pthread_join(thread, &value);
	say("value", (intptr_t)value);
	close(fd);
}

static const struct {
	const char *name;
	void (*run)(void);
} families[] = {
	{"argv", family_argv},	   {"limits", family_limits},	  {"waiting", family_waiting},
	{"memory", family_memory}, {"robust", family_robust},	  {"pipes", family_pipes},
	{"others", family_others}, {"rights", family_rights},	  {"apart", family_apart},
	{"events", family_events}, {"landlock", family_landlock}, {"userfault", family_userfault},
};

/* What is executed with odd arguments says how many it got. */
static int as_child(int argc, char **argv)
{
	struct rlimit lim = {0};

	getrlimit(RLIMIT_STACK, &lim);
	if (argc > 1 && !strcmp(argv[1], "stack"))
		return (int)(lim.rlim_cur >> 20);
	return 10 + argc;
}

int main(int argc, char **argv)
{
	file = argc == 3 ? argv[2] : NULL;
	for (size_t i = 0; file && i < sizeof(families) / sizeof(families[0]); i++) {
		if (strcmp(argv[1], families[i].name) != 0)
			continue;
		read_file();
		families[i].run();
		return 0;
	}
	return as_child(argc, argv);
}
