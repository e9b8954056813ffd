/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of fs/begun.h and of what stands on it: what is noted, and a driver of which the test
 * itself has what is called, store_run() or store_submit(). Include it once in a test. */
#ifndef TESTS_UNIT_BEGUN_RIG_H
#define TESTS_UNIT_BEGUN_RIG_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/backend.h"
#include "core/identify.h"

/* Uploads that are noted in this cache directory. */
static inline unsigned noted_in(const char *cache)
{
	char path[80];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/uploads", cache);
	d = opendir(path);
	cr_assert_not_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

#ifndef TESTS_UNIT_FAKE_STORE_H /* which is a whole driver */
int store_register(const struct store_ops *ops)
{
	(void)ops;
	return 0;
}

int store_start(unsigned io_threads)
{
	(void)io_threads;
	return 0;
}

void store_stop(void)
{
}

int store_identify(struct context *of, const char *scheme, const char *bucket,
		   struct store_identity *out)
{
	(void)of, (void)scheme, (void)bucket, (void)out;
	return -EINVAL;
}

void store_counters(struct store_counters *out)
{
	memset(out, 0, sizeof(*out));
}
#endif

#endif
