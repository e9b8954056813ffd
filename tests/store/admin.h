/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin interface: loopback only, no signature, counted nowhere. Parameters stand in the query,
 * or in the body like a form's.
 *
 *   GET  /_admin/stats      counters as JSON
 *   GET  /_admin/log        the last requests as JSON, oldest first
 *   POST /_admin/reset      counters and log to zero (rules and settings stay)
 *   GET  /_admin/config     settings and fault rules in force as JSON
 *   POST /_admin/config     latency_ms=N bandwidth_kbs=N fault=RULE (any number; "none" clears
 * first) POST /_admin/generate   bucket=B key=K size=N                        one object bucket=B
 * prefix=P count=N size=N [fanout=F] [levels=L] [suffix=S] [text=1] [mtime=S]: objects without
 * memory, see generate.h GET  /_admin/sha256     bucket=B key=K: what a client must find in that
 * object
 */
#ifndef STORE_ADMIN_H
#define STORE_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/generate.h"

#define ADMIN_COUNT_MAX	 5000000u /* objects of one generate */
#define ADMIN_LEVELS_MAX 8u

struct admin_tree {
	const char *bucket;
	const char *prefix; /* of every key; the whole key when count is 0 */
	const char *suffix; /* of every key; "" for none */
	uint64_t count;	    /* 0: one object called prefix */
	uint64_t size;	    /* bytes of each */
	uint64_t fanout;    /* names in one directory; 0: no directories */
	uint64_t levels;    /* of directories */
	int64_t mtime_s;    /* 0: now */
	enum generate_kind kind;
};

/* Makes the objects; the bucket is created when it is missing. Returns 0 or a negative errno. */
int admin_generate(const struct admin_tree *tree);

/* Sets latency_ms, bandwidth_kbs or a fault rule, as the admin interface and the command line take
 * them. Returns 0 or -EINVAL, *why_out says why; -ENOENT: no such name. */
int admin_set(const char *name, const char *value, const char **why_out);

#endif
