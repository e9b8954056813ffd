/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange on its way through a libcurl easy handle, with its own watch over time. Engine only.
 */
#ifndef CORE_HTTP_TRANSFER_H
#define CORE_HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/http/addresses.h"
#include "core/http/engine.h"
#include "core/http/exchange.h"
#include "core/http/straggle.h"

#define TRANSFER_ORIGIN_BYTES 320 /* "https://host:port", with NUL */

struct transfer {
	struct transfer *prev, *next; /* the engine's list */
	struct http_exchange *x;
	CURL *easy;
	struct curl_slist *fields;
	struct curl_slist *resolve; /* for CURLOPT_RESOLVE */
	struct addresses_want want;
	char origin[TRANSFER_ORIGIN_BYTES];
	char error_text[CURL_ERROR_SIZE];
	int64_t watch_since_ms; /* of the present phase or window */
	uint64_t watch_bytes;	/* of the body in this window, whichever is under way */
	struct straggle straggle;
	uint64_t sent;	       /* of the request's body, as far as libcurl took it */
	bool started;	       /* the request was sent once */
	bool headed;	       /* head() was called */
	bool enough;	       /* HTTP_ENOUGH was returned */
	int error;	       /* what a callback came upon */
	enum http_failure why; /* of that error */
};

/* easy: a handle without options, or NULL to make one. The transfer takes it over. NULL: no memory.
 */
struct transfer *transfer_new(struct http_exchange *x, CURL *easy);

/* Sets all options. Returns 0, -EINVAL, -ENOMEM. */
int transfer_prepare(struct transfer *t, const struct http_limits *limits);

/* Finds out where its host is, before it starts. Returns as addresses_find(), or -ETIMEDOUT when
 * nobody has said so for connect_ms. */
int transfer_locate(struct transfer *t, const struct http_limits *limits, int64_t now_ms);

/* The clock starts now. */
void transfer_started(struct transfer *t, int64_t now_ms);

/* HTTP_NONE, or why the transfer has to be given up at now_ms. */
enum http_failure transfer_watch(struct transfer *t, const struct http_limits *limits,
				 int64_t now_ms);

/* Bytes that libcurl and who takes the answer hold for it; that libcurl holds for a handle between
 * two of them. */
uint64_t transfer_memory(const struct transfer *t);
uint64_t transfer_memory_spare(void);

/* Fills the exchange's result: of libcurl's, or of a failure the engine found (given_up). */
void transfer_result(struct transfer *t, CURLcode code, enum http_failure given_up);

/* Frees it and gives the easy handle back, reset. */
CURL *transfer_free(struct transfer *t);

#endif
