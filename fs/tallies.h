/* SPDX-License-Identifier: Apache-2.0 */
/* core/tally.h as JSON. docs/stats.md describes it for who reads it. */
#ifndef FS_TALLIES_H
#define FS_TALLIES_H

#include <jansson.h>

#include "core/tally.h"

/* A wire_op's name in what is shown. */
extern const char *const tallies_ops[WIRE_OPS];

/* All of a tally, to be released; NULL without memory. buckets: the histograms as well. */
json_t *tallies_json(const struct tally *tally, bool buckets);

/* An array of all jobs, the oldest first: who they are, and little more. */
json_t *tallies_jobs(void);

/* Who a job is. */
json_t *tallies_job(const struct job *job);

#endif
