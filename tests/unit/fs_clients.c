// SPDX-License-Identifier: Apache-2.0
#include "fs/clients.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	cr_assert_not_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static pid_t start(void)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (!pid) {
		pause();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(fs_clients, those_that_have_ended_hold_no_descriptors)
{
	unsigned before = descriptors();
	pid_t alive = start();

	clients_seen(alive);
	clients_joined(alive, 7);
	for (int i = 0; i < 500; i++) {
		pid_t pid = start();

		clients_seen(pid);
		clients_seen(pid); /* known */
		end(pid);
	}
	cr_assert_leq(descriptors(), before + 100);
	cr_assert(clients_any_of(7));
	cr_assert_eq(clients_alive(), 1u);
	end(alive);
	cr_assert_not(clients_any_of(7));
	cr_assert_eq(clients_alive(), 0u);
	cr_assert_eq(descriptors(), before);
}

Test(fs_clients, many_that_live_are_all_known)
{
	enum { MANY = 200 };
	pid_t pid[MANY];

	for (int i = 0; i < MANY; i++) {
		pid[i] = start();
		clients_seen(pid[i]);
	}
	cr_assert_eq(clients_alive(), (unsigned)MANY);
	for (int i = 0; i < MANY; i++)
		end(pid[i]);
	cr_assert_eq(clients_alive(), 0u);
	clients_forget();
}
