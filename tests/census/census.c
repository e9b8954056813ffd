/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skyshim-census [--list] [--keep DIR] FILE...: makes a twin of each file and prints what became of
 * its system calls. With --keep the twins stay in DIR, under the files' own names; --list tells the
 * offsets of what is not proven or was left to the trap. Exit status 1 when a site was left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/scope.h"
#include "intercept/rewrite/rewrite.h"

#define MS_PER_S  1e3
#define NS_PER_MS 1e6

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * MS_PER_S + (double)t.tv_nsec / NS_PER_MS;
}

static int open_twin(const char *keep, const char *name)
{
	char path[4096];

	if (!keep)
		return memfd_create(name, MFD_CLOEXEC);
	snprintf(path, sizeof(path), "%s/%s", keep, name);
	return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void list_offsets(const char *what, uint32_t count, const uint64_t *at)
{
	for (uint32_t i = 0; i < count && i < REWRITE_LISTED; i++)
		printf("    %s at %#llx\n", what, (unsigned long long)at[i]);
}

/* Returns the number of sites left. */
static unsigned take(const char *path, const char *keep, bool list)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct rewrite_report r = {0};
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPE_FD int out = open_twin(keep, name);
	double start = now_ms();
	int rc = fd < 0 || out < 0 ? -errno : rewrite_file(fd, out, NULL, &r);
	double spent = now_ms() - start;

	if (rc) {
		printf("%-28.28s %s\n", name, strerror(-rc));
		return 0;
	}
	printf("%-28.28s %6u %6u %6u %6u %5u %5u %8u %6u %6u %8u %5u %9llu %8.1f\n", name, r.sites,
	       r.head.methods[TWIN_BEFORE], r.head.methods[TWIN_AFTERWARDS],
	       r.head.methods[TWIN_AROUND], r.head.methods[TWIN_HOP], r.head.left, r.head.unproven,
	       r.inside, r.tables, r.numbered, r.soft, (unsigned long long)r.decoded, spent);
	if (list) {
		list_offsets("unproven", r.head.unproven, r.unproven_at);
		list_offsets("left", r.head.left, r.left_at);
	}
	return r.head.left;
}

int main(int argc, char **argv)
{
	const char *keep = NULL;
	unsigned left = 0;
	bool list = false;
	int first = 1;

	if (first < argc && !strcmp(argv[first], "--list")) {
		list = true;
		first++;
	}
	if (first + 1 < argc && !strcmp(argv[first], "--keep")) {
		keep = argv[first + 1];
		first += 2;
	}
	printf("%-28s %6s %6s %6s %6s %5s %5s %8s %6s %6s %8s %5s %9s %8s\n", "file", "sites",
	       "before", "after", "around", "hop", "left", "unproven", "inside", "tables",
	       "numbered", "soft", "decoded", "ms");
	for (int i = first; i < argc; i++)
		left += take(argv[i], keep, list);
	return left != 0;
}
