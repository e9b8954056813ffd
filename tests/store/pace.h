/* SPDX-License-Identifier: Apache-2.0 */
/* Time: waits that end early when the store stops or the peer goes, and bandwidth per connection.
 */
#ifndef STORE_PACE_H
#define STORE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
	uint64_t free_ns; /* when the next byte may pass; on pace_now_ns()'s clock */
};

uint64_t pace_now_ns(void); /* monotonic */

/* Waits. fd: a connection whose end stops the wait too, or -1. False when it was cut short. */
bool pace_wait_ns(uint64_t ns, int fd);

/* Waits until fd can take bytes, at most ms. False when the store stops, or fd is dead or late. */
bool pace_writable(int fd, unsigned ms);

/* How many bytes to move at once under a limit (0: none), at most most. */
size_t pace_step(uint64_t bytes_per_s, size_t most);

/* Waits until bytes more may have passed under the limit. False when cut short. */
bool pace_bytes(struct pace *p, uint64_t bytes_per_s, size_t bytes, int fd);

/* Makes every wait, present and future, end at once. Async-signal-safe. Returns 0 or a negative
 * errno. */
int pace_init(void);
void pace_stop(void);

#endif
