/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server for the tests of the driver: it has one object, which a PUT replaces, and does to
 * each request what the next step of a script says. Raw sockets, so that it can misbehave in ways
 * that no library would.
 */
#ifndef TESTS_UNIT_FAULT_SERVER_H
#define TESTS_UNIT_FAULT_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAULT_STEPS_MAX	  128 /* more than a host gets connections */
#define FAULT_OBJECT_MAX  4194304
#define FAULT_REQUEST_MAX 16384

enum fault_kind {
	FAULT_SERVE,	    /* as it should be */
	FAULT_TRUNCATE,	    /* close the connection after `at` bytes of the body */
	FAULT_RESET,	    /* close it with a reset, without an answer */
	FAULT_STALL,	    /* say nothing more after `at` bytes of the body */
	FAULT_SILENCE,	    /* never answer */
	FAULT_CORRUPT,	    /* flip a bit at `at` of the body */
	FAULT_RAW,	    /* send `raw` and close */
	FAULT_IGNORE_RANGE, /* the whole object, 200 */
	FAULT_WRONG_RANGE,  /* another part than was asked for */
	FAULT_DRIP, /* `raw`, but with `at` blanks, 100 ms each, between its head and body */
	/* of a request with a body, and of others as far as that makes sense */
	FAULT_LOST,	/* carry it out and close the connection without an answer */
	FAULT_NO_LEAVE, /* as it should be, but "100 Continue" is never said */
	FAULT_TAKE	/* read `at` bytes of the body and no more, and say nothing */
};

struct fault_step {
	enum fault_kind kind;
	size_t at;
	const char *raw;
	const char *etag; /* instead of the object's */
};

struct fault_server {
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_bool stopping;
	struct fault_step step[FAULT_STEPS_MAX]; /* beyond the last given one: FAULT_SERVE */
	atomic_uint requests;
	atomic_uint connections;
	char request[FAULT_STEPS_MAX][FAULT_REQUEST_MAX]; /* what came, for a look at it */
	size_t size;
	const char *etag;
	const char *fields;	 /* further header lines of a success, each with CRLF */
	char modified[64];	 /* of the object */
	char own_etag[40];	 /* of an object that was put */
	const char *random_etag; /* that it gets instead, as one that is encrypted; or NULL */
	atomic_uint puts;	 /* carried out */
	unsigned char object[FAULT_OBJECT_MAX];
	unsigned char body[FAULT_OBJECT_MAX]; /* of the last request that had one */
};

static struct fault_server fault; /* one a test process */

static void fault_send(int fd, const void *data, size_t bytes)
{
	const char *from = data;

	while (bytes) {
		ssize_t sent = send(fd, from, bytes, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		from += sent;
		bytes -= (size_t)sent;
	}
}

static void fault_wait_end(int fd)
{
	char sink[256];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (!fault.stopping) {
		if (poll(&p, 1, 20) > 0 && recv(fd, sink, sizeof(sink), 0) <= 0)
			return;
	}
}

/* The same without reading anything. */
static void fault_hold(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	while (!fault.stopping && poll(&p, 1, 20) <= 0)
		;
}

/* Reads one request head. Returns false at the end of the connection. */
static bool fault_read(int fd, char *out)
{
	size_t len = 0;

	out[0] = '\0';
	while (len + 1 < FAULT_REQUEST_MAX && !fault.stopping) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 20) == 0)
			continue;
		if (recv(fd, out + len, 1, 0) != 1)
			return false;
		out[++len] = '\0';
		if (len >= 4 && !memcmp(out + len - 4, "\r\n\r\n", 4))
			return true;
	}
	return false;
}

static void fault_date(time_t when, char out[64])
{
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(out, 64, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* The value of a header field, or "". */
static const char *fault_field(const char *request, const char *name, char out[256])
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "\r\n%s: ", name);
	at = strcasestr(request, start);
	snprintf(out, 256, "%.*s", at ? (int)strcspn(at + strlen(start), "\r") : 0,
		 at ? at + strlen(start) : "");
	return out;
}

static bool fault_has_body(const char *request)
{
	return !strncmp(request, "PUT ", 4) || !strncmp(request, "POST ", 5);
}

/* Reads the body, at most `most` bytes of it. Returns false when it does not come. */
static bool fault_take(int fd, const char *request, bool leave, size_t most, size_t *bytes_out)
{
	char value[256];
	size_t length = strtoull(fault_field(request, "Content-Length", value), NULL, 10);
	size_t done = 0;

	if (leave && *fault_field(request, "Expect", value))
		fault_send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	*bytes_out = length;
	if (length > most)
		length = most;
	while (done < length && !fault.stopping) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		static _Thread_local char piece[65536];
		size_t want = length - done < sizeof(piece) ? length - done : sizeof(piece);
		ssize_t got;

		if (poll(&p, 1, 20) == 0)
			continue;
		got = recv(fd, piece, want, 0);
		if (got <= 0)
			return false;
		if (done + (size_t)got <= FAULT_OBJECT_MAX) /* a larger one is never wanted whole */
			memcpy(fault.body + done, piece, (size_t)got);
		done += (size_t)got;
	}
	return done == length;
}

/* A broken condition or a wrong digest, or NULL. bytes: of the body. */
static const char *fault_refuse(const char *request, size_t bytes)
{
	unsigned char digest[32];
	char md5[32], sha256[65];
	char value[256];
	char bare[64];

	EVP_Digest(fault.body, bytes, digest, NULL, EVP_md5(), NULL);
	EVP_EncodeBlock((unsigned char *)md5, digest, 16);
	EVP_Digest(fault.body, bytes, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		sprintf(sha256 + 2 * i, "%02x", digest[i]);
	if (strcmp(fault_field(request, "Content-MD5", value), md5) != 0 &&
	    (*value || strcmp(fault_field(request, "X-Amz-Content-Sha256", value), sha256) != 0))
		return "HTTP/1.1 400 Bad\r\nContent-Length: 42\r\n\r\n"
		       "<Error><Code>BadDigest</Code></Error>     ";

	if (*fault_field(request, "If-None-Match", value) && fault.etag[0])
		return "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n";
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(fault.etag + !!fault.etag[0], "\""),
		 fault.etag + !!fault.etag[0]);
	if (*fault_field(request, "If-Match", value) && strcmp(value, bare) != 0)
		return "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n";
	return NULL;
}

/* PUT. Returns false when the connection is to be closed. */
static bool fault_put(int fd, const char *request, const struct fault_step *step)
{
	size_t most = step->kind == FAULT_TAKE ? step->at : SIZE_MAX;
	const char *refusal;
	unsigned char digest[16];
	char text[512];
	size_t bytes;

	if (!fault_take(fd, request, step->kind != FAULT_NO_LEAVE, most, &bytes))
		return false;
	if (step->kind == FAULT_TAKE) {
		fault_hold(fd);
		return false;
	}
	if (bytes > FAULT_OBJECT_MAX)
		return false;
	refusal = fault_refuse(request, bytes);
	if (!refusal) {
		fault.size = bytes;
		memcpy(fault.object, fault.body, fault.size);
		EVP_Digest(fault.object, fault.size, digest, NULL, EVP_md5(), NULL);
		fault.own_etag[0] = '"';
		for (int i = 0; i < 16; i++)
			snprintf(fault.own_etag + 1 + 2 * i, 4, "%02x\"", digest[i]);
		fault.etag = fault.random_etag ? fault.random_etag : fault.own_etag;
		fault_date(time(NULL), fault.modified);
		fault.puts++;
	}
	if (step->kind == FAULT_LOST)
		return false;
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nETag: %s\r\nx-amz-request-id: REQ%u\r\n%s"
		 "Content-Length: 0\r\n\r\n",
		 step->etag ? step->etag : fault.etag, (unsigned)fault.requests,
		 fault.fields ? fault.fields : "");
	fault_send(fd, refusal ? refusal : text, strlen(refusal ? refusal : text));
	return true;
}

static void fault_drip(int fd, const struct fault_step *step)
{
	const char *body = strstr(step->raw, "\r\n\r\n") + 4;

	fault_send(fd, step->raw, (size_t)(body - step->raw));
	for (size_t i = 0; i < step->at && !fault.stopping; i++) {
		usleep(100000);
		fault_send(fd, "\n", 1);
	}
	fault_send(fd, body, strlen(body));
	shutdown(fd, SHUT_WR);
	fault_wait_end(fd);
}

/* Anything but PUT and POST. Returns false when the connection is to be closed. */
static bool fault_serve(int fd, const char *request, const struct fault_step *step)
{
	const char *range = strstr(request, "Range: bytes=");
	const char *etag = step->etag ? step->etag : fault.etag;
	bool head = !strncmp(request, "HEAD", 4);
	unsigned long long first = 0;
	unsigned long long last = fault.size - 1;
	unsigned char *body;
	char text[2048];
	char now[64];
	size_t bytes;
	size_t sent;
	int len;

	if (step->kind == FAULT_LOST)
		return false;
	if (range && step->kind != FAULT_IGNORE_RANGE) {
		last = UINT64_MAX;
		sscanf(range, "Range: bytes=%llu-%llu", &first, &last);
		if (first >= fault.size) {
			len = snprintf(text, sizeof(text),
				       "HTTP/1.1 416 Nope\r\nContent-Range: bytes */%zu\r\n"
				       "Content-Length: 0\r\n\r\n",
				       fault.size);
			fault_send(fd, text, (size_t)len);
			return true;
		}
		if (last >= fault.size)
			last = fault.size - 1;
		if (step->kind == FAULT_WRONG_RANGE)
			first++;
	} else {
		range = NULL;
	}
	bytes = fault.size ? (size_t)(last - first + 1) : 0;
	fault_date(time(NULL), now);
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 %s\r\nETag: %s\r\nx-amz-request-id: REQ%u\r\nDate: %s\r\n"
		       "Last-Modified: %s\r\n%sContent-Length: %zu\r\n",
		       range ? "206 Partial Content" : "200 OK", etag, (unsigned)fault.requests,
		       now, fault.modified, fault.fields ? fault.fields : "", bytes);
	if (range)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"Content-Range: bytes %llu-%llu/%zu\r\n", first, last, fault.size);
	len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
	fault_send(fd, text, (size_t)len);
	if (head)
		return true;

	body = malloc(bytes + 1);
	memcpy(body, fault.object + first, bytes);
	if (step->kind == FAULT_CORRUPT)
		body[step->at] ^= 1;
	sent = step->kind == FAULT_TRUNCATE || step->kind == FAULT_STALL ? step->at : bytes;
	fault_send(fd, body, sent < bytes ? sent : bytes);
	free(body);
	if (step->kind == FAULT_STALL)
		fault_wait_end(fd);
	return step->kind != FAULT_TRUNCATE && step->kind != FAULT_STALL;
}

/* The next request must not come on a connection that is about to be closed. */
static void fault_send_raw(int fd, const char *raw)
{
	static const char last[] = "\r\nConnection: close";
	const char *line_end = strstr(raw, "\r\n");

	if (!strncmp(raw, "HTTP/1.1 ", 9) && raw[9] != '1' && line_end) {
		fault_send(fd, raw, (size_t)(line_end - raw));
		fault_send(fd, last, sizeof(last) - 1);
		raw = line_end;
	}
	fault_send(fd, raw, strlen(raw));
	shutdown(fd, SHUT_WR);
	fault_wait_end(fd);
}

static void *fault_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	char *request = malloc(FAULT_REQUEST_MAX);
	bool more = true;

	while (more && fault_read(fd, request)) {
		unsigned number = fault.requests++;
		struct fault_step step = {0};
		size_t bytes;

		if (number < FAULT_STEPS_MAX) {
			step = fault.step[number];
			strcpy(fault.request[number], request);
		}
		switch (step.kind) {
		case FAULT_RESET:
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			more = false;
			break;
		case FAULT_SILENCE:
			fault_wait_end(fd);
			more = false;
			break;
		case FAULT_DRIP:
			fault_drip(fd, &step);
			more = false;
			break;
		case FAULT_RAW:
			if (fault_has_body(request) && !strcasestr(request, "\r\nExpect: "))
				fault_take(fd, request, false, SIZE_MAX, &bytes);
			fault_send_raw(fd, step.raw);
			more = false;
			break;
		default:
			more = fault_has_body(request) ? fault_put(fd, request, &step)
						       : fault_serve(fd, request, &step);
		}
	}
	close(fd);
	free(request);
	return NULL;
}

static void *fault_accept(void *arg)
{
	struct pollfd p = {.fd = fault.listener, .events = POLLIN};

	(void)arg;
	while (!fault.stopping) {
		pthread_t thread;
		int fd;

		if (poll(&p, 1, 20) <= 0)
			continue;
		fd = accept(fault.listener, NULL, NULL);
		if (fd < 0)
			continue;
		fault.connections++;
		pthread_create(&thread, NULL, fault_connection, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
	return NULL;
}

/* Starts with an object of size bytes of a pattern. */
static void fault_start(size_t size, const char *etag)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);

	fault.size = size;
	fault.etag = etag;
	strcpy(fault.modified, "Wed, 21 Oct 2015 07:28:00 GMT");
	for (size_t i = 0; i < size; i++)
		fault.object[i] = (unsigned char)(i * 2654435761u >> 13);
	fault.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bind(fault.listener, (struct sockaddr *)&address, sizeof(address));
	listen(fault.listener, 128);
	getsockname(fault.listener, (struct sockaddr *)&address, &len);
	fault.port = ntohs(address.sin_port);
	pthread_create(&fault.thread, NULL, fault_accept, NULL);
}

static void fault_stop(void)
{
	fault.stopping = true;
	pthread_join(fault.thread, NULL);
	close(fault.listener);
	usleep(60000); /* its connections see it within 20 ms */
}

#endif
