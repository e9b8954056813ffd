/* SPDX-License-Identifier: Apache-2.0 */
/* See cut.h. The signal comes of an access of the thread it comes to, none of which is in here. */
#include "core/cut.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES UINT64_C(4096) /* x86-64 */

static struct watched {
	uintptr_t at; /* atomic; 0: free */
	size_t bytes;
	bool *is_cut;
} watched[CUT_WATCHED_MAX];

static struct watched *find(uintptr_t address)
{
	for (size_t i = 0; i < CUT_WATCHED_MAX; i++) {
		uintptr_t at = __atomic_load_n(&watched[i].at, __ATOMIC_ACQUIRE);

		if (at && address >= at && address - at < watched[i].bytes)
			return &watched[i];
	}
	return NULL;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	static const char line[] = "skyshim: a file in the cache directory was cut while it was in "
				   "use; the daemon ends, and the next one goes on\n";
	uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE_BYTES - 1);
	struct watched *w = info->si_code > 0 ? find(page) : NULL;

	(void)context;
	if (w && mmap((void *)page, PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
		__atomic_store_n(w->is_cut, true, __ATOMIC_RELEASE);
		return;
	}
	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		w = NULL;	 /* nobody to tell */
	signal(number, SIG_DFL); /* the access is made again */
	if (info->si_code <= 0)
		raise(number);
}

static void install(void)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &act, NULL);
}

int cut_watch(void *at, size_t bytes, bool *is_cut)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	for (size_t i = 0; i < CUT_WATCHED_MAX; i++) {
		struct watched *w = &watched[i];

		if (__atomic_load_n(&w->at, __ATOMIC_RELAXED))
			continue;
		w->bytes = bytes;
		w->is_cut = is_cut;
		*is_cut = false;
		__atomic_store_n(&w->at, (uintptr_t)at, __ATOMIC_RELEASE);
		return 0;
	}
	return -ENOSPC;
}

void cut_unwatch(void *at)
{
	struct watched *w = find((uintptr_t)at);

	if (w)
		__atomic_store_n(&w->at, 0, __ATOMIC_RELEASE);
}
