/* SPDX-License-Identifier: Apache-2.0 */
/* The one line that a user gets when a call fails: what, where, which credentials, and what to do.
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/backend.h"
#include "core/http/exchange.h"
#include "core/store.h"

/* All write to out, without a newline or any other control byte. */

/* The service answered with an error. */
void report_fault(const struct store_call *call, const struct store_site *site, int status,
		  const struct store_fault *fault, char out[STORE_MESSAGE_BYTES]);

/* There was no answer, or not a whole one. tries: how often it was sent. */
void report_failure(const struct store_call *call, const struct store_site *site,
		    const struct http_exchange *x, unsigned tries, char out[STORE_MESSAGE_BYTES]);

/* There was an answer that cannot be right. */
void report_bad_answer(const struct store_call *call, const struct store_site *site,
		       const char *request_id, const char *what, char out[STORE_MESSAGE_BYTES]);

/* Nothing was sent. */
void report_local(const struct store_call *call, const char *what, char out[STORE_MESSAGE_BYTES]);

/* How often a request is sent when it meets this failure; 1: trying again cannot help. */
unsigned report_tries(enum http_failure failure);

#endif
