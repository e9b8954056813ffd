// SPDX-License-Identifier: Apache-2.0
/* Of a value's highest bit and the three below it, the bucket. */
#include "core/histogram.h"

#define STEP_BITS 3

_Static_assert(HISTOGRAM_STEPS == 1 << STEP_BITS, "the steps are so many bits");

/* Values below HISTOGRAM_STEPS have fewer than STEP_BITS bits after their highest: they are put
 * where they would be with zeros behind. */
static unsigned bucket_of(uint64_t us)
{
	unsigned octave;
	unsigned step;

	if (!us)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(us);
	if (octave >= HISTOGRAM_OCTAVES)
		return HISTOGRAM_BUCKETS - 1;
	step = octave >= STEP_BITS ? (unsigned)(us >> (octave - STEP_BITS))
				   : (unsigned)(us << (STEP_BITS - octave));
	return octave * HISTOGRAM_STEPS + (step & (HISTOGRAM_STEPS - 1));
}

/* The first value beyond a bucket. */
static uint64_t end_of(unsigned bucket)
{
	uint64_t octave = bucket / HISTOGRAM_STEPS;
	uint64_t step = bucket % HISTOGRAM_STEPS;
	uint64_t end = (HISTOGRAM_STEPS + step + 1) << octave;

	return (end + HISTOGRAM_STEPS - 1) >> STEP_BITS;
}

void histogram_add(struct histogram *h, int64_t us)
{
	uint64_t value = us > 0 ? (uint64_t)us : 0;

	atomic_fetch_add_explicit(&h->bucket[bucket_of(value)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_us, value, memory_order_relaxed);
}

uint64_t histogram_below(const struct histogram *h, unsigned octave)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < octave * HISTOGRAM_STEPS && i < HISTOGRAM_BUCKETS; i++)
		count += h->bucket[i];
	return count;
}

uint64_t histogram_count(const struct histogram *h)
{
	return histogram_below(h, HISTOGRAM_OCTAVES);
}

uint64_t histogram_at(const struct histogram *h, double share)
{
	uint64_t count = histogram_count(h);
	uint64_t want = (uint64_t)(share * (double)count);
	uint64_t seen = 0;

	if ((double)want < share * (double)count || !want)
		want++;
	if (!count)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want)
			return end_of(i) - 1;
	}
	return end_of(HISTOGRAM_BUCKETS - 1) - 1;
}
