// SPDX-License-Identifier: Apache-2.0
/*
 * One exchange on its way through libcurl. libcurl is told to do as little on its own as it can: no
 * redirects, no environment, no path clean-up, no credentials, no time-outs but the connection's.
 * First byte and stalls are watched here, since libcurl's own low-speed watch counts in seconds.
 */
#include "core/http/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_BYTES 262144 /* libcurl's buffer, thus the largest piece that body() sees */
#define IDLE_MAX_S    60L    /* an older idle connection is not used again */
#define USER_AGENT    "skyshim/" SKYSHIM_VERSION

/* Records the first error of a callback. Returns what makes libcurl stop. */
static size_t stop(struct transfer *t, int error, enum http_failure why)
{
	if (error == HTTP_ENOUGH) {
		t->enough = true;
	} else if (!t->error) {
		t->error = error;
		t->why = why;
	}
	return 0;
}

static size_t on_head_done(struct transfer *t, size_t bytes)
{
	struct http_exchange *x = t->x;
	int ret;

	if (x->status < 200)
		return bytes; /* an interim answer; the real one follows */
	t->headed = true;
	t->watch_since_ms = 0; /* a new phase: transfer_watch() starts its window */
	t->watch_bytes = 0;
	ret = x->head ? x->head(x) : 0;
	return ret ? stop(t, ret, HTTP_CALLER) : bytes;
}

/* libcurl hands over one line at a time, the status line of every answer included. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	struct http_exchange *x = t->x;
	size_t bytes = size * count;
	int ret;

	if (t->headed)
		return bytes; /* trailers: nothing here is asked for */
	if (bytes >= 5 && !memcmp(line, "HTTP/", 5)) {
		long status = 0;

		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		x->status = (int)status;
		header_clear(&x->answer);
		return bytes;
	}
	if (bytes <= 2 && (!bytes || line[0] == '\r' || line[0] == '\n'))
		return on_head_done(t, bytes);
	ret = header_add_line(&x->answer, line, bytes);
	if (ret < 0)
		return stop(t, ret, ret == -ENOMEM ? HTTP_CALLER : HTTP_MALFORMED);
	return bytes;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t bytes = size * count;
	int ret;

	t->watch_bytes += bytes;
	ret = t->x->body ? t->x->body(t->x, data, bytes) : 0;
	return ret ? stop(t, ret, HTTP_CALLER) : bytes;
}

static int note_origin(struct transfer *t)
{
	const char *host = strstr(t->x->url, "://");
	size_t len;

	if (!host)
		return -EINVAL;
	len = (size_t)(host - t->x->url) + 3;
	len += strcspn(t->x->url + len, "/?");
	if (len >= sizeof(t->origin))
		return -EINVAL;
	memcpy(t->origin, t->x->url, len);
	return 0;
}

struct transfer *transfer_new(struct http_exchange *x, CURL *easy)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!easy)
		easy = curl_easy_init();
	if (!t || !easy) {
		curl_easy_cleanup(easy);
		free(t);
		return NULL;
	}
	t->x = x;
	t->easy = easy;
	x->failure = HTTP_NONE;
	x->error = 0;
	x->status = 0;
	x->connections = 0;
	x->detail[0] = '\0';
	header_clear(&x->answer);
	return t;
}

static int add_fields(struct transfer *t)
{
	const struct header_list *fields = t->x->fields;

	for (size_t i = 0; fields && i < fields->count; i++) {
		const struct header *field = &fields->field[i];
		struct curl_slist *grown;
		char *line = NULL;

		/* curl sends a field without a value only when it is written with a semicolon */
		if (asprintf(&line, field->value[0] ? "%s: %s" : "%s;%s", field->name,
			     field->value) < 0)
			return -ENOMEM;
		grown = curl_slist_append(t->fields, line);
		free(line);
		if (!grown)
			return -ENOMEM;
		t->fields = grown;
	}
	return 0;
}

static bool set_route(CURL *easy, const struct http_route *route)
{
	bool ok = true;

	/* empty strings keep libcurl from reading the daemon's own environment */
	ok &= !curl_easy_setopt(easy, CURLOPT_PROXY, route->proxy ? route->proxy : "");
	ok &= !curl_easy_setopt(easy, CURLOPT_NOPROXY, route->no_proxy ? route->no_proxy : "");
	if (route->ca_file || route->ca_dir) {
		ok &= !curl_easy_setopt(easy, CURLOPT_CAINFO, route->ca_file);
		ok &= !curl_easy_setopt(easy, CURLOPT_CAPATH, route->ca_dir);
	}
	return ok;
}

static bool set_manners(CURL *easy, const struct http_limits *limits)
{
	bool ok = true;

	ok &= !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	ok &= !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	ok &= !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	ok &= !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	ok &= !curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
	ok &= !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
	ok &= !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	ok &= !curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	ok &= !curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* a resolver thread that hangs must not hang this one when its transfer is given up */
	ok &= !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	return ok;
}

int transfer_prepare(struct transfer *t, const struct http_limits *limits)
{
	bool head = !strcmp(t->x->method, "HEAD");
	CURL *easy = t->easy;
	bool ok;
	int ret;

	if (!head && strcmp(t->x->method, "GET") != 0)
		return -EINVAL;
	ret = note_origin(t);
	if (!ret)
		ret = add_fields(t);
	if (ret < 0)
		return ret;

	ok = set_manners(easy, limits) && set_route(easy, &t->x->route);
	ok &= !curl_easy_setopt(easy, CURLOPT_URL, t->x->url);
	ok &= !curl_easy_setopt(easy, head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->fields);
	ok &= !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	ok &= !curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	ok &= !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	ok &= !curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	ok &= !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error_text);
	ok &= !curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	return ok ? 0 : -ENOMEM;
}

void transfer_started(struct transfer *t, int64_t now_ms)
{
	t->watch_since_ms = now_ms;
}

enum http_failure transfer_watch(struct transfer *t, const struct http_limits *limits,
				 int64_t now_ms)
{
	int64_t passed = now_ms - t->watch_since_ms;

	if (!t->headed)
		return passed >= limits->first_byte_ms ? HTTP_FIRST_BYTE : HTTP_NONE;
	if (!t->watch_since_ms) {
		t->watch_since_ms = now_ms;
		return HTTP_NONE;
	}
	if (passed < limits->stall_ms)
		return HTTP_NONE;
	if (t->watch_bytes * 1000 < (uint64_t)limits->stall_bytes_per_s * (uint64_t)passed)
		return HTTP_STALLED;
	t->watch_since_ms = now_ms;
	t->watch_bytes = 0;
	return HTTP_NONE;
}

static enum http_failure classify(const struct transfer *t, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return HTTP_NAME;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PROXY:
		return HTTP_PROXY;
	case CURLE_COULDNT_CONNECT:
		return HTTP_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_CONNECT_TIMEOUT; /* no other is set */
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return HTTP_TRUST;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
		return HTTP_TLS;
	case CURLE_PARTIAL_FILE:
		return HTTP_CUT;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
		return t->headed ? HTTP_CUT : HTTP_RESET;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_URL_MALFORMAT:
	case CURLE_FAILED_INIT:
		return HTTP_CALLER;
	default:
		return HTTP_MALFORMED;
	}
}

void transfer_result(struct transfer *t, CURLcode code, enum http_failure given_up)
{
	struct http_exchange *x = t->x;
	long opened = 0;

	if (!curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &opened) && opened > 0)
		x->connections = (unsigned)opened;
	if (given_up != HTTP_NONE) {
		x->failure = given_up;
		return;
	}
	if (t->error) {
		x->failure = t->why;
		x->error = t->error;
		if (t->why == HTTP_MALFORMED)
			snprintf(x->detail, sizeof(x->detail), "a bad header field or too many");
		return;
	}
	if (code == CURLE_OK || t->enough)
		return;
	x->failure = classify(t, code);
	x->error = code == CURLE_URL_MALFORMAT ? -EINVAL : -ENOMEM;
	snprintf(x->detail, sizeof(x->detail), "%s",
		 t->error_text[0] ? t->error_text : curl_easy_strerror(code));
}

CURL *transfer_free(struct transfer *t)
{
	CURL *easy = t->easy;

	curl_easy_reset(easy);
	curl_slist_free_all(t->fields);
	free(t);
	return easy;
}
