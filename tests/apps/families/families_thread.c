/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: what dies with them, what each has of its own, restartable sequences. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define THREADS	   16
#define RSEQ_SIG   0x53053053u
#define RSEQ_BYTES 32

static void *die_with_it(void *mutex)
{
	pthread_mutex_lock(mutex);
	return NULL;
}

void family_robust(void)
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

static void *in_thread(void *folder)
{
	say("unshare", unshare(CLONE_FS | CLONE_FILES));
	say("chdir", chdir(folder));
	read_file();
	close(0);
	return NULL;
}

void family_apart(void)
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

/* Much of it, in two kinds: initialised and not, each aligned to its own. */
static __thread char much[200000];
static __thread long lined __attribute__((aligned(256))) = 77;

static void *own_memory(void *arg)
{
	long number = (long)(intptr_t)arg, wrong = 0;

	wrong += lined != 77 || (uintptr_t)&lined % 256 || much[0] || much[199999];
	lined = number;
	memset(much, (int)number, sizeof(much));
	errno = (int)number;
	for (int i = 0; i < 20; i++) {
		wrong += file_sum() < 0 || big_sum(number * 4096) < 0;
		wrong += lined != number || much[0] != (char)number || errno != (int)number;
	}
	for (size_t i = 0; i < sizeof(much); i++)
		wrong += much[i] != (char)number;
	return (void *)(intptr_t)wrong;
}

void family_tls(void)
{
	pthread_t thread[THREADS];
	long wrong = 0, made = 0;
	void *result;

	for (int i = 0; i < THREADS; i++)
		made += !pthread_create(&thread[i], NULL, own_memory, (void *)(intptr_t)(i + 1));
	for (int i = 0; i < made; i++) {
		pthread_join(thread[i], &result);
		wrong += (long)(intptr_t)result;
	}
	say("made", made);
	say("wrong", wrong);
	say("the first's", lined);
	read_file();
}

static volatile int enough;

static void *nothing(void *arg)
{
	file_sum();
	return arg;
}

static void *comes_and_goes(void *arg)
{
	pthread_t thread;

	while (!enough)
		if (!pthread_create(&thread, NULL, nothing, NULL))
			pthread_join(thread, NULL);
	return arg;
}

static void *goes_on(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		usleep(1000);
		if (file_sum() < 0)
			_exit(1);
	}
	_exit(14);
}

/* Threads that end while another forks: their children have one, and can start more. */
void family_exits(void)
{
	pthread_t busy[3], thread;
	long good = 0;

	for (int i = 0; i < 3; i++)
		pthread_create(&busy[i], NULL, comes_and_goes, NULL);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(20);
			if (pthread_create(&thread, NULL, nothing, NULL) ||
			    pthread_join(thread, NULL) || file_sum() < 0)
				_exit(1);
			_exit(9);
		}
		good += ended(pid) == 9;
	}
	enough = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(busy[i], NULL);
	say("good", good);
	/* The first thread goes, the others stay and are the process. */
	fflush(stdout);
	if (!fork()) {
		pthread_create(&thread, NULL, goes_on, NULL);
		pthread_exit(NULL);
	}
	say("others stayed", ended(-1));
}

struct rseq_area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t critical;
	uint32_t flags, node, mm_cid;
	char rest[4];
} __attribute__((aligned(32)));

struct critical {
	uint32_t version, flags;
	uint64_t start, bytes, abort;
};

static __thread struct rseq_area own_area;
static __thread int own_area_known;
extern const char sequence_from[], sequence_to[], sequence_abort[];
static volatile long in_sequence, at_abort, ticks;

/* Adds 1 in a sequence that is begun anew whenever it was interrupted: it waits for that on
 * purpose, rounds times. Returns how often it began. */
static long sequence(struct rseq_area *area, volatile long *counter, long rounds)
{
	long begun = 0;

	__asm__ volatile(".pushsection __rseq_cs, \"aw\"\n .balign 32\n"
			 "77: .long 0, 0\n .quad sequence_from, sequence_to - sequence_from, "
			 "sequence_abort\n"
			 ".popsection\n"
			 "jmp 2f\n .long 0x53053053\n"
			 ".globl sequence_abort\nsequence_abort:\n"
			 "2: inc %[begun]\n"
			 "mov %[rounds], %%rcx\n"
			 "lea 77b(%%rip), %%rax\n mov %%rax, 8(%[area])\n"
			 ".globl sequence_from\nsequence_from:\n"
			 "3: dec %%rcx\n jnz 3b\n"
			 "incq %[counter]\n"
			 ".globl sequence_to\nsequence_to:\n"
			 "movq $0, 8(%[area])\n"
			 : [begun] "+r"(begun), [counter] "+m"(*counter)
			 : [area] "r"(area), [rounds] "r"(rounds)
			 : "rax", "rcx", "memory", "cc");
	return begun;
}

/* In a sequence that the kernel has given up, a handler is shown where that goes on. */
static void look_where(int number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)number;
	(void)info;
	ticks++;
	in_sequence += at >= (uintptr_t)sequence_from && at < (uintptr_t)sequence_to;
	at_abort += at == (uintptr_t)sequence_abort;
	file_sum();
}

/* The libc's area, or one that we register ourselves where it has none. */
static struct rseq_area *rseq_area(void)
{
#ifdef __GLIBC__
	extern const ptrdiff_t __rseq_offset __attribute__((weak));
	extern const unsigned __rseq_size __attribute__((weak));

	if (&__rseq_size && __rseq_size)
		return (struct rseq_area *)((char *)__builtin_thread_pointer() + __rseq_offset);
#endif
	if (!own_area_known && syscall(SYS_rseq, &own_area, RSEQ_BYTES, 0, RSEQ_SIG))
		return NULL;
	own_area_known = 1;
	return &own_area;
}

static void *count_in_sequence(void *arg)
{
	struct rseq_area *area = rseq_area();
	volatile long counter = 0;
	long begun = 0, wrong = 0;

	if (!area)
		return (void *)-1l;
	for (int i = 0; i < 30; i++) {
		begun += sequence(area, &counter, 3000000);
		wrong += area->cpu_id >= (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
		wrong += area->cpu_id != area->cpu_id_start || file_sum() < 0;
	}
	(void)arg;
	return (void *)(wrong || counter != 30 ? -2l : begun > 30);
}

void family_rseq(void)
{
	struct sigaction action = {.sa_sigaction = look_where, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval every = {{0, 3000}, {0, 3000}}, off = {{0, 0}, {0, 0}};
	struct rseq_area *area = rseq_area();
	sigset_t alarm;
	pthread_t thread;
	void *result;

	say("registered", area ? 0 : -1);
	if (!area)
		return;
	say("again", syscall(SYS_rseq, area, RSEQ_BYTES, 0, RSEQ_SIG));
	say("another", syscall(SYS_rseq, (char *)area + 32, RSEQ_BYTES, 0, RSEQ_SIG));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	say("interrupted and right", (long)count_in_sequence(NULL));
	pthread_create(&thread, NULL, count_in_sequence, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM); /* from here on it is the thread that is interrupted */
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	pthread_join(thread, &result);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	say("in a thread", (long)result);
	setitimer(ITIMER_REAL, &off, NULL);
	say("handler", ticks > 5);
	say("shown the sequence", in_sequence);
	say("shown its other end", at_abort > 0);
	if (!fork())
		_exit(count_in_sequence(NULL) == (void *)-1l ? 1 : 13);
	say("in a child", ended(-1));
	say("still", area->cpu_id < 4096);
}
