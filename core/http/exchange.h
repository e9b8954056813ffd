/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request and its answer, as the engine (core/http/engine.h) carries it out. No redirect
 * is followed here: credentials never go to a host that the caller did not name. Nothing is sent
 * twice, but for a GET or HEAD on a kept-alive connection that turned out to be closed.
 */
#ifndef CORE_HTTP_EXCHANGE_H
#define CORE_HTTP_EXCHANGE_H

#include <stdbool.h>
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
	HTTP_IDENTITY,	      /* the server does not take our certificate, or wants one */
	HTTP_PROXY,	      /* the proxy's fault */
	HTTP_FIRST_BYTE,      /* connected, but no answer in time */
	HTTP_STALLED,	      /* the answer's body came too slowly, or the request's went so */
	HTTP_CUT,	      /* the connection ended within the body */
	HTTP_RESET,	      /* the connection ended before the answer */
	HTTP_MALFORMED,	      /* not HTTP, or over a ceiling */
	HTTP_CALLER,	      /* head(), body() or send() returned an error: see error */
	HTTP_CANCELED,	      /* http_stop() */
	HTTP_FAILURES
};

/* How to get there. Strings may be NULL and must live until done(). */
struct http_route {
	const char *ca_file; /* replaces the system's CAs */
	const char *ca_dir;
	const char *client_cert; /* PEM files that prove who asks, "" or NULL for none */
	const char *client_key;	 /* "" or NULL: it stands in client_cert */
	const char *proxy;    /* NULL: direct; the process's own environment is never looked at */
	const char *no_proxy; /* hosts that are reached directly, as curl(1) takes them */
	bool http2; /* spoken if the server takes it when TLS is agreed on (RFC 9113 section 3.2) */
};

struct http_exchange {
	/* Set by the caller, valid until done(). */
	/* "GET", "HEAD", "DELETE"; "PUT", "POST", "PATCH" have a body of their own */
	const char *method;
	const char *url; /* absolute, sent byte for byte */
	const struct header_list *fields;
	struct http_route route;
	uint64_t send_bytes; /* of the request's body */
	bool expect;	     /* ask for leave before the body goes (RFC 9110 section 10.1.1) */
	double speed_max;    /* bytes a second, of each direction; 0: as it comes */
	bool impatient;	     /* it is asked again elsewhere when it straggles: straggle_ms */
	bool fresh;	     /* over a connection of its own, not one that is there */
	bool works;	     /* the server has to work before it answers: http_limits.work_ms */
	/* nobody waits for it yet: where others have to, it goes last, for http_limits.ahead_ms, or
	 * until *is_wanted (NULL: that does not come), which any thread may set, atomically */
	bool is_ahead;
	const bool *is_wanted;
	/* On the I/O thread, with send_bytes: fills buf with the body's bytes from offset on, in
	 * order, all within send_bytes. Returns 0, or a negative errno that ends the exchange. */
	int (*send)(struct http_exchange *x, uint64_t offset, void *buf, size_t bytes);
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
	bool straggled;			/* HTTP_STALLED by straggle_ms */
	bool continued;			/* the server gave leave for the body */
	unsigned connections;		/* opened for it */
	long local_port;		/* of its connection; 0: there was none */
	int64_t sent_us, started_us;	/* http_send() came; a connection was its. 0: never */
	char detail[HTTP_DETAIL_BYTES]; /* of a failure, in words */
};

/* Does nobody wait for it still? */
static inline bool http_is_ahead(bool is_ahead, const bool *is_wanted)
{
	return is_ahead && !(is_wanted && __atomic_load_n(is_wanted, __ATOMIC_RELAXED));
}

#endif
