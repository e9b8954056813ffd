/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one I/O thread waits for: the sockets of its libcurl handles, their timers, and to be woken.
 * libcurl says by callbacks which sockets and until when (curl_multi_socket_action(3)), the kernel
 * which of them are ready (epoll(7)); only those are looked at. curl_multi_perform(3) looks at all
 * exchanges each time, by a poll(2) each: with 64 on their way, 120 for a turn of the loop.
 */
#ifndef CORE_HTTP_EVENTS_H
#define CORE_HTTP_EVENTS_H

#include <curl/curl.h>
#include <stdint.h>
#include <sys/epoll.h>

#define EVENTS_READY_MAX 64 /* taken at a time; the rest are ready still */

struct events {
	CURLM *multi;
	int epoll_fd, wake_fd;
	int64_t due_ms;	 /* libcurl's next timer, by clock_mono_ms(); INT64_MAX: none */
	uint32_t serial; /* of the socket that was added last; never 0 */
	int ready_count;
	struct epoll_event ready[EVENTS_READY_MAX];
};

/* Follows what multi, which has no exchange yet, does. Returns 0; or a negative errno, then there
 * is nothing to close. */
int events_open(struct events *e, CURLM *multi);

/* After curl_multi_cleanup(): that tells of sockets once more. */
void events_close(const struct events *e);

/* Ends a wait, or the next one. Any thread. */
void events_wake(const struct events *e);

/* Waits until there is something to do, most_ms at most. */
void events_wait(struct events *e, int64_t most_ms);

/* Has libcurl do what was waited for at its sockets. */
void events_run_ready(struct events *e);

/* Has libcurl do what is due by its timers, as is all of an exchange that was just added. */
void events_run_due(struct events *e);

#endif
