/* SPDX-License-Identifier: Apache-2.0 */
/* Threads to which no signal comes: the daemon's are for its main thread. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>

/* Starts one. out: pthread_join(3) is to be called; NULL: it goes by itself. Returns 0, or the
 * negative errno of pthread_create(3). */
int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg);

#endif
