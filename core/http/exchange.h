/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request and its answer, as the engine (core/http/engine.h) carries it out. Nothing is
 * tried twice and no redirect is followed here: credentials never go to a host that the caller did
 * not name.
 */
#ifndef CORE_HTTP_EXCHANGE_H
#define CORE_HTTP_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/http/header.h"

#define HTTP_DETAIL_BYTES 256
#define HTTP_ENOUGH	  1 /* from body(): what was wanted is here; the rest is not read */

/* Why there is no whole answer. */
enum http_failure {
	HTTP_NONE,	      /* there is one, whatever its status */
	HTTP_NAME,	      /* the host's name cannot be resolved */
	HTTP_CONNECT,	      /* nobody answers there */
	HTTP_CONNECT_TIMEOUT, /* not connected in time, TLS included */
	HTTP_TLS,	      /* no TLS could be agreed on */
	HTTP_TRUST,	      /* the certificate is not trusted, or the CA file not readable */
	HTTP_PROXY,	      /* the proxy's fault */
	HTTP_FIRST_BYTE,      /* connected, but no answer in time */
	HTTP_STALLED,	      /* the body came too slowly */
	HTTP_CUT,	      /* the connection ended within the body */
	HTTP_RESET,	      /* the connection ended before the answer */
	HTTP_MALFORMED,	      /* not HTTP, or over a ceiling */
	HTTP_CALLER,	      /* head() or body() returned an error: see error */
	HTTP_CANCELED,	      /* http_stop() */
	HTTP_FAILURES
};

/* How to get there. Strings may be NULL and must live until done(). */
struct http_route {
	const char *ca_file; /* replaces the system's CAs */
	const char *ca_dir;
	const char *proxy;    /* NULL: direct; the process's own environment is never looked at */
	const char *no_proxy; /* hosts that are reached directly, as curl(1) takes them */
};

struct http_exchange {
	/* Set by the caller, valid until done(). */
	const char *method; /* "GET" or "HEAD" */
	const char *url;    /* absolute, sent byte for byte */
	const struct header_list *fields;
	struct http_route route;
	/* All on the I/O thread. head: status and answer are complete. body: the next bytes. Both
	 * return 0, HTTP_ENOUGH or a negative errno; after either, done() follows. */
	int (*head)(struct http_exchange *x);
	int (*body)(struct http_exchange *x, const void *data, size_t bytes);
	void (*done)(struct http_exchange *x); /* once; may free the exchange */
	void *arg;

	/* Set by the engine before done(); answer is the caller's to clear. */
	enum http_failure failure;
	int error; /* with HTTP_CALLER, a negative errno */
	int status;
	struct header_list answer;
	unsigned connections;		/* opened for it */
	char detail[HTTP_DETAIL_BYTES]; /* of a failure, in words */
};

#endif
