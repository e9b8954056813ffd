/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim stop`: asks the daemon to leave and waits until it has. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/place.h"
#include "core/cli/cli.h"
#include "core/cli/where.h"
#include "fs/ask.h"

#define WAIT_MS 15000 /* for the daemon to give its cache directory free */

/* The lock is free when the process is gone. */
static int wait_until_gone(const char *cache_dir)
{
	int dir_fd = place_open(cache_dir, NULL);
	int lock_fd = -EAGAIN;

	for (int ms = 0; dir_fd >= 0 && lock_fd == -EAGAIN && ms < WAIT_MS; ms += 10) {
		lock_fd = place_lock(dir_fd);
		if (lock_fd == -EAGAIN)
			poll(NULL, 0, 10);
	}
	if (dir_fd >= 0)
		close(dir_fd);
	if (lock_fd < 0)
		return dir_fd < 0 ? dir_fd : lock_fd;
	close(lock_fd);
	return 0;
}

int cli_stop(char **argv)
{
	struct where w;
	pid_t daemon;
	int ret = cli_no_arguments("stop", argv);

	if (ret)
		return ret;
	if (where_find(&w))
		return 1;
	ret = ask_stop(w.sock, &daemon);
	if (ret == -ECONNREFUSED || ret == -ENOENT) {
		puts("no daemon is running");
		ret = 0;
	} else if (ret == -ETIMEDOUT) {
		ask_complain(ret, daemon);
	} else if (ret) {
		fprintf(stderr, "skyshim: stop: %s\n", strerror(-ret));
	} else {
		ret = wait_until_gone(w.cache_dir);
		if (ret)
			fputs("skyshim: stop: the daemon does not end\n", stderr);
		else
			puts("stopped");
	}
	free(w.cache_dir);
	return ret ? 1 : 0;
}
