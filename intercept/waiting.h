/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wait for uploads, which may be long: the user sees on a terminal how far it is, and a signal
 * that ends the program ends the wait, with a line on standard error: the daemon goes on.
 *
 * The terminal is that of standard error. Nothing is drawn on one that is not this program's to
 * write to (it is in the background), that a program has for itself (no line mode), or that cannot
 * take a line back (TERM=dumb, or none).
 */
#ifndef INTERCEPT_WAITING_H
#define INTERCEPT_WAITING_H

#include "intercept/request.h"
#include "intercept/thread.h"

/* Waits until the socket has the answer to rq, a WIRE_FLUSH or WIRE_SETTLE. mask: of signals, while
 * it waits. Returns 0, a negative errno of poll, or -EINTR: rq->ends, and a signal that the program
 * handles has come, which it never will now. */
int waiting_for(struct thread *t, int sock, const struct request *rq, uint64_t mask);

#endif
