/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each mechanism is not asked for but used, in a child: a sandbox may accept a call and do nothing.
 * A trap that works kills the child by SIGSYS.
 */
#include "core/cli/mechanisms.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "core/base/twin.h"
#include "core/cli/verdict.h"
#include "core/scope.h"

#define HWCAP2_FSGSBASE_BIT 2			/* asm/hwcap2.h, which clashes with libc's names */
#define NO_TRAP		    254			/* exit status: the call went through */
#define ROOM_BYTES	    (UINT64_C(1) << 30) /* of address space that a program may want */
#define MEMORY_WANTED	    (UINT64_C(128) << 20)

/* The errno of a probe made in a child, 0, NO_TRAP, or -1 if the child died of something else. */
static int in_child(int (*probe)(void), bool is_trap)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (!pid) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		_exit(probe());
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return errno;
	}
	if (WIFSIGNALED(status))
		return is_trap && WTERMSIG(status) == SIGSYS ? 0 : -1;
	return WEXITSTATUS(status);
}

static int probe_dispatch(void)
{
	static volatile char selector;

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector))
		return errno;
	selector = 1; /* SYSCALL_DISPATCH_FILTER_BLOCK */
	syscall(SYS_getppid);
	selector = 0;
	return NO_TRAP;
}

static int probe_seccomp(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return errno;
	syscall(SYS_getppid);
	return NO_TRAP;
}

/* Sets the argument area of this process to where it is; needs no rights since Linux 5.9. */
static int probe_mm_map(void)
{
	unsigned size = 0;

	return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) ? errno : 0;
}

static int probe_gs(void)
{
	static uint64_t area[2] = {0, 42};
	uint64_t value = 0;

	if (syscall(SYS_arch_prctl, ARCH_SET_GS, area))
		return errno;
	__asm__ volatile("movq %%gs:8, %0" : "=r"(value));
	return value == 42 ? 0 : NO_TRAP;
}

static const char *reason(int error)
{
	return error == NO_TRAP ? "it is accepted, but without effect"
	       : error > 0	? strerror(error)
				: "the process is killed";
}

static void check_traps(void)
{
	int dispatch = in_child(probe_dispatch, true);
	int seccomp = in_child(probe_seccomp, true);

	if (!dispatch)
		say(GOOD, "syscall dispatch", "available: what no twin covers traps");
	else if (!seccomp)
		say(NOTE, "syscall dispatch",
		    "%s; a seccomp filter does its work, from when a program makes code at run "
		    "time. That program and all it starts are slower then (each system call "
		    "0.2 us), have no_new_privs (no rights by set-uid), and cannot start "
		    "32-bit programs. Linux 5.11 has it; a sandbox may have to allow "
		    "prctl(PR_SET_SYSCALL_USER_DISPATCH)",
		    reason(dispatch));
	else
		say(BAD, "syscall dispatch",
		    "%s, and no seccomp either: code made at run time is not covered. Use Linux "
		    "5.11 or later, or a sandbox that allows one of them",
		    reason(dispatch));
	if (!seccomp)
		say(GOOD, "seccomp trap", "available%s",
		    dispatch ? "" : ", and not needed: syscall dispatch is better");
	else
		say(NOTE, "seccomp trap", "%s; %s", reason(seccomp),
		    dispatch ? "see syscall dispatch" : "not needed: syscall dispatch is there");
}

static void check_memory(void)
{
	FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
	unsigned long long bytes = 0;
	struct rlimit lim;

	if (!getrlimit(RLIMIT_AS, &lim) && lim.rlim_cur < ROOM_BYTES)
		say(NOTE, "address space",
		    "limited to %llu MiB: where a twin finds no room its program traps, more "
		    "slowly; raise it (ulimit -v)",
		    (unsigned long long)lim.rlim_cur >> 20);
	else
		say(GOOD, "address space", "%s",
		    lim.rlim_cur == RLIM_INFINITY ? "not limited" : "limited, but large enough");
	if (file && fscanf(file, "%llu", &bytes) == 1 && bytes < MEMORY_WANTED)
		say(NOTE, "memory",
		    "this container may use %llu MiB: large programs may have no twin; give it "
		    "more than %llu",
		    bytes >> 20, (unsigned long long)MEMORY_WANTED >> 20);
	if (file)
		fclose(file);
}

void mechanisms_check(void)
{
	int error;

	check_traps();
	error = in_child(probe_gs, false);
	if (error)
		say(BAD, "gs register",
		    "%s; the runtime cannot find its own state: a sandbox must allow "
		    "arch_prctl(ARCH_SET_GS)",
		    reason(error));
	else if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT)
		say(GOOD, "gs register", "available, by instructions (FSGSBASE)");
	else
		say(GOOD, "gs register",
		    "available, by system call: a thread starts a little later (Linux 5.9 and "
		    "FSGSBASE of the processor avoid that)");
	error = in_child(probe_mm_map, false);
	if (error)
		say(NOTE, "PR_SET_MM", "%s; ps and /proc/PID/cmdline may show the runtime's own",
		    reason(error));
	else
		say(GOOD, "PR_SET_MM", "available");
	check_memory();
}

void mechanisms_check_cache(const char *cache_dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/doctor-XXXXXX", cache_dir);
	SCOPE_FD int fd = n < PATH_MAX ? mkostemp(path, O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return; /* said by others */
	unlink(path);
	if (ftruncate(fd, TWIN_PAGE)) {
		say(BAD, "twins", "cannot write in %s: %s", cache_dir, strerror(errno));
		return;
	}
	map = mmap(NULL, TWIN_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		say(NOTE, "twins",
		    "%s does not allow executable mappings (%s): every system call traps, which "
		    "is slow. Set SKYSHIM_CACHE_DIR to a directory that is not mounted noexec",
		    cache_dir, strerror(errno));
		return;
	}
	munmap(map, TWIN_PAGE);
	say(GOOD, "twins", "can be mapped from the cache");
}
