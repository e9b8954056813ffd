/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-rewrite SECONDS SEED FILE...: rewrites damaged copies of FILEs. The damage depends only
 * on SEED and a copy's number, which is printed when something is wrong, so that the same seed
 * finds it again. What the sanitizers see ends the program; so do a copy that takes too long, an
 * error that rewrite.h does not name, and a twin that contradicts itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "intercept/rewrite/rewrite.h"
#include "tests/fuzz/damage.h"

#define FILE_MAX     (1u << 20) /* bytes: larger files are cut */
#define DAMAGE_MAX   12u
#define SLOW_SECONDS 10u

struct seed {
	uint8_t *data;
	size_t bytes;
};

static void wrong(const char *what, unsigned long number)
{
	fprintf(stderr, "copy %lu: %s\n", number, what);
	abort();
}

static void check_sites(const struct twin_header *h, const struct twin_site *s,
			unsigned long number)
{
	uint64_t start = 0, tramp = 0;

	for (uint32_t i = 0; i < h->site_count; i++, s++) {
		if (s->start < start || s->tramp < tramp ||
		    s->start + s->bytes > h->high - h->low ||
		    s->tramp + s->tramp_bytes > h->code_bytes)
			wrong("sites overlap or lie outside", number);
		if (s->syscall + 2 > s->bytes || s->check > s->pass ||
		    s->pass + TWIN_AFTER > s->slow || s->slow > s->tramp_bytes ||
		    s->step_count > TWIN_STEPS_MAX || !s->step_count)
			wrong("a site contradicts itself", number);
		if (twin_to_tramp(s, s->start) != s->tramp ||
		    twin_to_program(s, s->tramp + s->check) != s->start + s->syscall)
			wrong("steps", number);
		start = s->start + s->bytes;
		tramp = s->tramp + s->tramp_bytes;
	}
}

static void check_twin(int fd, const struct rewrite_report *r, unsigned long number)
{
	size_t bytes = r->head.site_count * sizeof(struct twin_site);
	struct twin_site *sites = malloc(bytes + 1);
	struct stat st;

	fstat(fd, &st);
	if (!twin_valid(&r->head, &r->head.key, (uint64_t)st.st_size))
		wrong("the twin is not valid", number);
	if (pread(fd, sites, bytes, (off_t)r->head.sites_offset) != (ssize_t)bytes)
		wrong("the sites cannot be read", number);
	check_sites(&r->head, sites, number);
	free(sites);
}

/* True when a twin came of it. */
static int try_copy(const uint8_t *data, size_t bytes, unsigned long number)
{
	int fd = memfd_create("copy", 0), out = memfd_create("twin", 0), rc;
	uint64_t seen[2] = {random32() % (bytes + 1), UINT64_MAX};
	struct rewrite_options options = {seen, 2};
	struct rewrite_report report;

	if (fd < 0 || out < 0 || write(fd, data, bytes) != (ssize_t)bytes)
		wrong(strerror(errno), number);
	alarm(SLOW_SECONDS);
	rc = rewrite_file(fd, out, &options, &report);
	alarm(0);
	if (rc && rc != -ENOEXEC && rc != -E2BIG && rc != -ENOMEM)
		wrong(strerror(-rc), number);
	if (!rc)
		check_twin(out, &report, number);
	close(fd);
	close(out);
	return !rc;
}

static struct seed read_seed(const char *path)
{
	struct seed s = {.data = malloc(FILE_MAX)};
	FILE *file = fopen(path, "re");

	if (!file || !s.data) {
		perror(path);
		exit(2);
	}
	s.bytes = fread(s.data, 1, FILE_MAX, file);
	fclose(file);
	return s;
}

int main(int argc, char **argv)
{
	static uint8_t copy[FILE_MAX];
	struct seed seeds[64];
	unsigned long number = 0, twins = 0;
	int count = argc - 3 > 64 ? 64 : argc - 3;
	time_t end;

	if (count < 1) {
		fprintf(stderr, "usage: fuzz-rewrite SECONDS SEED FILE...\n");
		return 2;
	}
	for (int i = 0; i < count; i++)
		seeds[i] = read_seed(argv[i + 3]);
	end = time(NULL) + atoi(argv[1]);
	for (; time(NULL) < end; number++) {
		const struct seed *s = &seeds[number % (unsigned long)count];
		size_t bytes = s->bytes;

		damage_begin(strtoull(argv[2], NULL, 0), number);
		memcpy(copy, s->data, bytes);
		if (random32() % 16 == 0)
			bytes = random32() % bytes + 1;
		for (unsigned n = random32() % DAMAGE_MAX + 1; n; n--)
			damage(copy, bytes);
		twins += (unsigned long)try_copy(copy, bytes, number);
	}
	for (int i = 0; i < count; i++)
		free(seeds[i].data);
	printf("%lu damaged files, %lu twins\n", number, twins);
	return twins ? 0 : 1;
}
