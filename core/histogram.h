/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often something took how long: counts in buckets whose width grows with the value, eight to
 * each power of two, so that what is read back is right within an eighth. Any thread may add,
 * without a lock; who reads meanwhile sees some of what is being added.
 */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_STEPS	  8  /* of each power of two */
#define HISTOGRAM_OCTAVES 31 /* from 1 us to 2^31 us, 36 minutes; what is longer counts as that */
#define HISTOGRAM_BUCKETS (HISTOGRAM_OCTAVES * HISTOGRAM_STEPS)

struct histogram {
	atomic_uint_fast64_t bucket[HISTOGRAM_BUCKETS];
	atomic_uint_fast64_t sum_us;
};

void histogram_add(struct histogram *h, int64_t us);

uint64_t histogram_count(const struct histogram *h);

/* The value that a share (0..1) of all does not exceed: the upper end of the bucket where that is.
 * 0 without any. */
uint64_t histogram_at(const struct histogram *h, double share);

/* How many are below 2^octave us. */
uint64_t histogram_below(const struct histogram *h, unsigned octave);

#endif
