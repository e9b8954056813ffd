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

#include "core/clock.h"
#include "core/http/sockets.h"

#define RECEIVE_BYTES 262144 /* libcurl's buffer, thus the largest piece that body() sees */
#define IDLE_MAX_S    60L    /* an older idle connection is not used again */
#define SEND_BYTES    262144 /* the largest piece of a request's body */
#define EXPECT_MAX_MS 1000   /* the body goes then without leave: not every server gives it */
#define TAKEN_BYTES   65536  /* that who takes an answer keeps for a while: a block of the cache */
#define USER_AGENT    "skyshim/" SKYSHIM_VERSION

/* What the kernel may hold of a body that libcurl has written, and the slowest line that is given
 * the time to carry it before the wait for an answer begins. Both waits together stay below a
 * call's patience (core/flight.h), so that a dead connection is replaced. */
#define QUEUED_BYTES_MAX    4194304u
#define QUEUED_BYTES_PER_MS 256u

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

/* transfer_watch() starts its window anew. */
static void new_phase(struct transfer *t)
{
	t->watch_since_ms = 0;
	t->watch_bytes = 0;
}

static size_t on_head_done(struct transfer *t, size_t bytes)
{
	struct http_exchange *x = t->x;
	int ret;

	if (x->status < 200)
		return bytes; /* an interim answer; the real one follows */
	t->headed = true;
	new_phase(t);
	straggle_heard(&t->straggle, 0);
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
		x->continued |= status == 100;
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
	straggle_heard(&t->straggle, bytes);
	ret = t->x->body ? t->x->body(t->x, data, bytes) : 0;
	return ret ? stop(t, ret, HTTP_CALLER) : bytes;
}

static size_t on_send(char *buf, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	uint64_t rest = t->x->send_bytes - t->sent;
	size_t bytes = size * count < rest ? size * count : (size_t)rest;
	int ret;

	if (!bytes)
		return 0;
	ret = t->x->send(t->x, t->sent, buf, bytes);
	if (ret < 0) {
		stop(t, ret, HTTP_CALLER);
		return CURL_READFUNC_ABORT;
	}
	if (!t->sent)
		new_phase(t);
	t->sent += bytes;
	t->watch_bytes += bytes;
	if (t->sent == t->x->send_bytes)
		new_phase(t);
	return bytes;
}

/* Called before each sending. libcurl repeats a request on its own when a kept-alive connection
 * turns out to be closed. Of a request that changes something, the first may have been carried out:
 * whether it is sent again is for the caller to say. */
static int on_start(void *arg, char *server, char *local, int server_port, int local_port)
{
	struct transfer *t = arg;
	bool again = t->started;

	(void)server, (void)local, (void)server_port, (void)local_port;
	t->started = true;
	return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
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
	x->continued = false;
	x->straggled = false;
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

/* Without this line libcurl decides by itself when to ask. */
static int add_expect(struct transfer *t)
{
	struct curl_slist *grown =
		curl_slist_append(t->fields, t->x->expect ? "Expect: 100-continue" : "Expect:");

	if (!grown)
		return -ENOMEM;
	t->fields = grown;
	return 0;
}

static bool set_route(CURL *easy, const struct http_route *route)
{
	long version = route->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
	bool ok = true;

	ok &= !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
	/* empty strings keep libcurl from reading the daemon's own environment */
	ok &= !curl_easy_setopt(easy, CURLOPT_PROXY, route->proxy ? route->proxy : "");
	ok &= !curl_easy_setopt(easy, CURLOPT_NOPROXY, route->no_proxy ? route->no_proxy : "");
	if (route->ca_file || route->ca_dir) {
		ok &= !curl_easy_setopt(easy, CURLOPT_CAINFO, route->ca_file);
		ok &= !curl_easy_setopt(easy, CURLOPT_CAPATH, route->ca_dir);
	}
	if (route->client_cert && *route->client_cert)
		ok &= !curl_easy_setopt(easy, CURLOPT_SSLCERT, route->client_cert);
	if (route->client_key && *route->client_key)
		ok &= !curl_easy_setopt(easy, CURLOPT_SSLKEY, route->client_key);
	return ok;
}

static bool set_manners(struct transfer *t, const struct http_limits *limits)
{
	CURL *easy = t->easy;
	bool ok = sockets_follow(easy, &t->want);

	ok &= !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	ok &= !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	ok &= !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	ok &= !curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
	/* Where libcurl asks by itself, one address is drawn for as long as it keeps them, a
	 * minute. Not for each connection: all would ask the resolver, and fail with it. */
	ok &= !curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
	ok &= !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
	ok &= !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	ok &= !curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	ok &= !curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* a resolver thread that hangs must not hang this one when its transfer is given up */
	ok &= !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	return ok;
}

enum method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_DELETE,
	METHOD_PUT,
	METHOD_POST,
	METHOD_PATCH
};

static enum method method_of(const struct http_exchange *x)
{
	static const char *const names[] = {"", "GET", "HEAD", "DELETE", "PUT", "POST", "PATCH"};

	for (int i = METHOD_GET; i <= METHOD_PATCH; i++) {
		if (!strcmp(names[i], x->method))
			return (enum method)i;
	}
	return METHOD_OTHER;
}

static bool has_body(enum method method)
{
	return method >= METHOD_PUT;
}

static bool set_method(struct transfer *t, enum method method, const struct http_limits *limits)
{
	int64_t half_ms = limits->first_byte_ms / 2;
	long expect_ms = half_ms < EXPECT_MAX_MS ? (long)half_ms : EXPECT_MAX_MS;
	CURL *easy = t->easy;
	bool ok = true;

	if (method == METHOD_GET || method == METHOD_DELETE)
		ok &= !curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	else if (method == METHOD_HEAD)
		ok &= !curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		ok &= !curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	if (method == METHOD_DELETE || method == METHOD_POST || method == METHOD_PATCH)
		ok &= !curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->x->method);
	if (method == METHOD_GET || method == METHOD_HEAD)
		return ok;
	ok &= !curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_start);
	ok &= !curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	if (method == METHOD_DELETE)
		return ok;
	ok &= !curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->x->send_bytes);
	ok &= !curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
	ok &= !curl_easy_setopt(easy, CURLOPT_READDATA, t);
	ok &= !curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES);
	ok &= !curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, expect_ms);
	return ok;
}

int transfer_prepare(struct transfer *t, const struct http_limits *limits)
{
	enum method method = method_of(t->x);
	CURL *easy = t->easy;
	bool ok;
	int ret;

	if (method == METHOD_OTHER || (t->x->send_bytes && (!has_body(method) || !t->x->send)) ||
	    t->x->send_bytes > INT64_MAX)
		return -EINVAL;
	ret = note_origin(t);
	if (!ret)
		ret = add_fields(t);
	if (!ret && has_body(method))
		ret = add_expect(t);
	if (ret < 0)
		return ret;

	if (!t->x->route.proxy || !*t->x->route.proxy)
		addresses_wanted(t->origin, &t->want);
	ok = set_manners(t, limits) && set_route(easy, &t->x->route);
	ok &= !curl_easy_setopt(easy, CURLOPT_URL, t->x->url);
	ok &= set_method(t, method, limits);
	ok &= !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)t->x->fresh);
	ok &= !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->fields);
	ok &= !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	ok &= !curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	ok &= !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	ok &= !curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	ok &= !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error_text);
	ok &= !curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	if (t->x->speed_max > 0) {
		ok &= !curl_easy_setopt(easy, CURLOPT_MAX_RECV_SPEED_LARGE,
					(curl_off_t)t->x->speed_max);
		ok &= !curl_easy_setopt(easy, CURLOPT_MAX_SEND_SPEED_LARGE,
					(curl_off_t)t->x->speed_max);
	}
	return ok ? 0 : -ENOMEM;
}

int transfer_locate(struct transfer *t, const struct http_limits *limits, int64_t now_ms)
{
	char *detail = t->x->detail;
	int ret;

	if (t->resolve)
		return 1;
	ret = addresses_find(&t->want, now_ms, &t->resolve);
	if (!ret && now_ms - t->want.since_ms >= limits->connect_ms)
		ret = -ETIMEDOUT;
	if (ret == -ENOENT)
		snprintf(detail, HTTP_DETAIL_BYTES, "Could not resolve host: %s", t->want.host);
	else if (ret == -ETIMEDOUT)
		snprintf(detail, HTTP_DETAIL_BYTES, "Resolving %s took more than %lld ms",
			 t->want.host, (long long)limits->connect_ms);
	/* set in any case: libcurl remembers the last one that it has not taken yet */
	if (ret > 0 && curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve))
		ret = -ENOMEM;
	if (ret > 0 && t->resolve && curl_easy_setopt(t->easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 0L))
		ret = -ENOMEM;
	return ret;
}

void transfer_started(struct transfer *t, int64_t now_ms)
{
	t->watch_since_ms = now_ms;
}

uint64_t transfer_memory_spare(void)
{
	return RECEIVE_BYTES;
}

uint64_t transfer_memory(const struct transfer *t)
{
	return RECEIVE_BYTES + (t->x->send_bytes ? SEND_BYTES : TAKEN_BYTES);
}

/* How long an answer's first byte may take. */
static int64_t answer_ms(const struct transfer *t, const struct http_limits *limits)
{
	uint64_t queued = t->sent < QUEUED_BYTES_MAX ? t->sent : QUEUED_BYTES_MAX;

	return (t->x->works ? limits->work_ms : limits->first_byte_ms) +
	       (int64_t)(queued / QUEUED_BYTES_PER_MS);
}

/* Has a body, of the request or of the answer, moved too little in the window that ends now? */
static bool is_too_slow(const struct transfer *t, const struct http_limits *limits, int64_t passed)
{
	if (t->headed && t->x->works) /* blanks, while it works */
		return !t->watch_bytes;
	return t->watch_bytes * 1000 < (uint64_t)limits->stall_bytes_per_s * (uint64_t)passed;
}

/* Has the answer's body come to a halt? */
static bool has_halted(struct transfer *t, const struct http_limits *limits, int64_t now_ms)
{
	int64_t silence;

	if (!t->headed || t->x->works)
		return false;
	silence = straggle_silence(&t->straggle, now_ms);
	t->x->straggled = t->x->impatient && straggle_gives_up(&t->straggle, limits, silence);
	return t->x->straggled || silence >= limits->stall_ms;
}

enum http_failure transfer_watch(struct transfer *t, const struct http_limits *limits,
				 int64_t now_ms)
{
	bool sending = !t->headed && t->sent && t->sent < t->x->send_bytes;
	int64_t passed = now_ms - t->watch_since_ms;

	if (!t->watch_since_ms) {
		t->watch_since_ms = now_ms;
		return HTTP_NONE;
	}
	if (has_halted(t, limits, now_ms))
		return HTTP_STALLED;
	if (!t->headed && !sending)
		return passed >= answer_ms(t, limits) ? HTTP_FIRST_BYTE : HTTP_NONE;
	if (passed < (t->headed && t->x->works ? limits->work_ms : limits->stall_ms))
		return HTTP_NONE;
	if (is_too_slow(t, limits, passed))
		return HTTP_STALLED;
	t->watch_since_ms = now_ms;
	t->watch_bytes = 0;
	return HTTP_NONE;
}

/* Did the server end it for our certificate, or for the lack of one? With TLS 1.3 it says so when
 * the handshake is over for us (RFC 8446 sections 4.4.2.4 and 6.2); OpenSSL has "alert" in the text
 * of what came from there only. */
static bool is_about_identity(const char *text)
{
	static const char *const reasons[] = {"certificate", "unknown ca", "access denied"};
	const char *alert = strstr(text, " alert ");

	for (size_t i = 0; alert && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strstr(alert, reasons[i]))
			return true;
	}
	return false;
}

static enum http_failure classify(const struct transfer *t, CURLcode code)
{
	if ((code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	     code == CURLE_SSL_CONNECT_ERROR) &&
	    is_about_identity(t->error_text))
		return HTTP_IDENTITY;
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
	case CURLE_SSL_CERTPROBLEM: /* our own */
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
	case CURLE_HTTP2:		/* GOAWAY, or frames that make no sense */
	case CURLE_HTTP2_STREAM:	/* RST_STREAM */
	case CURLE_SEND_FAIL_REWIND:	/* libcurl would have sent it again */
	case CURLE_ABORTED_BY_CALLBACK: /* and so here: on_start() */
		return t->headed ? HTTP_CUT : HTTP_RESET;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_URL_MALFORMAT:
	case CURLE_FAILED_INIT:
		return HTTP_CALLER;
	default:
		return HTTP_MALFORMED;
	}
}

/* What is known now of the addresses that were tried. */
static void note_address(struct transfer *t, CURLcode code, enum http_failure given_up)
{
	char *address = NULL;

	if (given_up != HTTP_NONE)
		return;
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT)
		addresses_failed(&t->want, clock_mono_ms());
	else if (code == CURLE_OK && t->x->connections &&
		 !curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address) && address)
		addresses_worked(&t->want, address);
}

void transfer_result(struct transfer *t, CURLcode code, enum http_failure given_up)
{
	struct http_exchange *x = t->x;
	long opened = 0;

	if (!curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &opened) && opened > 0)
		x->connections = (unsigned)opened;
	x->local_port = 0;
	curl_easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &x->local_port);
	note_address(t, code, given_up);
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
	if (code == CURLE_OK && x->status < 300 && t->sent < x->send_bytes) {
		x->failure = HTTP_CUT;
		snprintf(x->detail, sizeof(x->detail), "answered before it had the whole body");
		return;
	}
	if (code == CURLE_OK || t->enough) {
		straggle_ended();
		return;
	}
	x->failure = classify(t, code);
	if (code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_SEND_FAIL_REWIND)
		snprintf(t->error_text, sizeof(t->error_text),
			 "a kept-alive connection was closed");
	x->error = code == CURLE_URL_MALFORMAT ? -EINVAL : -ENOMEM;
	snprintf(x->detail, sizeof(x->detail), "%s",
		 t->error_text[0] ? t->error_text : curl_easy_strerror(code));
}

CURL *transfer_free(struct transfer *t)
{
	CURL *easy = t->easy;

	curl_easy_reset(easy);
	curl_slist_free_all(t->fields);
	curl_slist_free_all(t->resolve);
	free(t);
	return easy;
}
