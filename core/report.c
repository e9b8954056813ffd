// SPDX-License-Identifier: Apache-2.0
/* The words for what went wrong. What a server or a path contributes is cut and cleaned. */
#include "core/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/http/retry.h"
#include "core/http/status.h"

#define SHOWN_BUCKET_BYTES 90 /* an account and a container */
#define SHOWN_KEY_BYTES	   96 /* of a key; the rest is the caller's to know */

/* words: printf format for the origin. advice: for the setting that led there. */
static const struct {
	unsigned tries;
	const char *words;
	const char *advice;
} failures[HTTP_FAILURES] = {
	[HTTP_NAME] = {3, "cannot resolve the host of", "check the network, and"},
	[HTTP_CONNECT] = {RETRY_TRIES_MAX, "cannot connect to", "check that it runs, and"},
	[HTTP_CONNECT_TIMEOUT] = {3, "no connection in time to", "check the network, and"},
	[HTTP_TLS] = {2, "no TLS connection to", "check http or https in"},
	[HTTP_TRUST] = {1, "the certificate is not trusted of",
			"set AWS_CA_BUNDLE to its CA's file, or check"},
	[HTTP_IDENTITY] = {1, "another client certificate is wanted by",
			   "set client_cert for it (man skyshim), or check"},
	[HTTP_PROXY] = {2, "the proxy failed on the way to", "check https_proxy, no_proxy and"},
	[HTTP_FIRST_BYTE] = {4, "no answer in time from", "check the network, and"},
	[HTTP_STALLED] = {4, "the transfer stalled with", "check the network, and"},
	[HTTP_CUT] = {RETRY_TRIES_MAX, "the answer was cut short from", "check the network, and"},
	[HTTP_RESET] = {RETRY_TRIES_MAX, "the connection was closed by", "check the network, and"},
	[HTTP_MALFORMED] = {3, "no proper HTTP answer from", "check"},
	[HTTP_CALLER] = {1, "cannot ask", "check"},
	[HTTP_CANCELED] = {1, "shutting down before an answer from", "check"},
};

struct line {
	char *out;
	size_t len;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	size_t space = STORE_MESSAGE_BYTES - line->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line->out + line->len, space, format, args);
	va_end(args);
	if (len > 0)
		line->len += (size_t)len < space ? (size_t)len : space - 1;
}

static struct line start(const struct store_call *call, char out[STORE_MESSAGE_BYTES])
{
	struct line line = {.out = out};
	const char *key = call->key ? call->key : "";

	out[0] = '\0';
	put(&line, "%s://%.*s", call->scheme ? call->scheme : "?", SHOWN_BUCKET_BYTES,
	    call->bucket ? call->bucket : "");
	if (*key)
		put(&line, "/%.*s%s", SHOWN_KEY_BYTES, key,
		    strlen(key) > SHOWN_KEY_BYTES ? "..." : "");
	put(&line, ": ");
	return line;
}

static void finish(struct line *line)
{
	for (char *c = line->out; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
}

void report_fault(const struct store_call *call, const struct store_site *site, int status,
		  const struct store_fault *fault, char out[STORE_MESSAGE_BYTES])
{
	struct line line = start(call, out);

	put(&line, "%s (%d%s%s)", status_meaning(status).words, status, fault->code[0] ? " " : "",
	    fault->code);
	if (fault->request_id[0])
		put(&line, ", request id %.64s", fault->request_id);
	put(&line, ", credentials: %.120s", site->credentials);
	if (fault->detail[0])
		put(&line, ": %s", fault->detail);
	finish(&line);
}

void report_failure(const struct store_call *call, const struct store_site *site,
		    const struct http_exchange *x, unsigned tries, char out[STORE_MESSAGE_BYTES])
{
	struct line line = start(call, out);

	put(&line, "%s %.100s", failures[x->failure].words, site->origin);
	if (x->detail[0])
		put(&line, " (%.100s)", x->detail);
	if (tries > 1)
		put(&line, ", tried %u times", tries);
	put(&line, "; %s %s", failures[x->failure].advice, site->setting);
	finish(&line);
}

void report_bad_answer(const struct store_call *call, const struct store_site *site,
		       const char *request_id, const char *what, char out[STORE_MESSAGE_BYTES])
{
	struct line line = start(call, out);

	put(&line, "%s", what);
	if (request_id[0])
		put(&line, ", request id %.64s", request_id);
	put(&line, ", from %.100s, credentials: %.120s; check %s", site->origin, site->credentials,
	    site->setting);
	finish(&line);
}

void report_local(const struct store_call *call, const char *what, char out[STORE_MESSAGE_BYTES])
{
	struct line line = start(call, out);

	put(&line, "%s", what);
	finish(&line);
}

unsigned report_tries(enum http_failure failure)
{
	return failures[failure].tries;
}
