/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending. Each connection has a thread of its own, so pacing and stalling are plain waits.
 * libmicrohttpd writes all answers but one: it cannot drip a header block, so the slow-headers
 * fault writes to the socket itself, and then closes it.
 */
#include "tests/store/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/store/scope.h"
#include "tests/store/settings.h"

#define BLOCK_BYTES    (512u << 10) /* what libmicrohttpd asks for at a time */
#define STALL_MS       600000u	    /* unless the rule says otherwise */
#define SLOW_HEADER_MS 200u
#define WRITE_WAIT_MS  60000u
#define NS_PER_MS      1000000ull

void send_reset(int fd)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	/* Dissolving the association makes Linux send RST on an established connection. */
	if (connect(fd, &nobody, sizeof(nobody)))
		shutdown(fd, SHUT_RDWR); /* the next best thing */
}

static uint64_t fault_at(const struct sender *s)
{
	return s->fault.at == FAULT_AT_MIDDLE ? reply_bytes(s->reply) / 2 : s->fault.at;
}

static bool cuts_body(enum fault_kind kind)
{
	return kind == FAULT_TRUNCATE || kind == FAULT_STALL || kind == FAULT_RESET;
}

void send_nothing(const struct sender *s)
{
	pace_wait_ns((s->fault.ms ? s->fault.ms : STALL_MS) * NS_PER_MS, s->fd);
}

/* The end that a fault puts to a body or to an answer without one. */
static void cut(const struct sender *s)
{
	if (s->fault.kind == FAULT_STALL)
		send_nothing(s);
	if (s->fault.kind == FAULT_RESET)
		send_reset(s->fd);
}

/* The next bytes of the body at pos, at most max: paced, cut or corrupted. -1: close the
 * connection. */
static ssize_t body_next(struct sender *s, uint64_t pos, char *out, size_t max)
{
	uint64_t rate = settings.bandwidth_bytes;
	uint64_t rest = reply_bytes(s->reply) - pos;
	uint64_t at = fault_at(s);
	size_t bytes = pace_step(rate, max);

	if (bytes > rest)
		bytes = (size_t)rest;
	if (cuts_body(s->fault.kind)) {
		if (pos >= at) {
			cut(s);
			return -1;
		}
		if (bytes > at - pos)
			bytes = (size_t)(at - pos);
	}
	if (!pace_bytes(s->pace, rate, bytes, -1))
		return -1;
	reply_read(s->reply, pos, out, bytes);
	if (s->fault.kind == FAULT_CORRUPT && at >= pos && at - pos < bytes)
		out[at - pos] ^= 1;
	s->sent = pos + bytes;
	return (ssize_t)bytes;
}

static ssize_t read_body(void *arg, uint64_t pos, char *out, size_t max)
{
	ssize_t bytes = body_next(arg, pos, out, max);

	return bytes < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : bytes;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t done = send(fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (done < 0 && errno == EAGAIN) {
			if (!pace_writable(fd, WRITE_WAIT_MS))
				return false;
			continue;
		}
		if (done < 0)
			return false;
		data += done;
		bytes -= (size_t)done;
	}
	return true;
}

static void header_block(const struct sender *s, struct buf *out)
{
	const struct headers *h = &s->reply->headers;

	buf_printf(out, "HTTP/1.1 %d Slow\r\nConnection: close\r\nContent-Length: %llu\r\n",
		   s->reply->status, (unsigned long long)reply_bytes(s->reply));
	for (size_t i = 0; i < h->count; i++)
		buf_printf(out, "%s: %s\r\n", h->items[i].name, h->items[i].value);
	buf_str(out, "\r\n");
}

/* The whole answer by hand, its header byte by byte. */
static void send_slowly(struct sender *s)
{
	SCOPE_FREE char *block = malloc(BLOCK_BYTES);
	uint64_t wait_ns = (s->fault.ms ? s->fault.ms : SLOW_HEADER_MS) * NS_PER_MS;
	uint64_t total = s->head ? 0 : reply_bytes(s->reply);
	struct buf header = {0};
	bool ok = block != NULL;

	header_block(s, &header);
	ok = ok && !header.failed;
	for (size_t i = 0; ok && i < header.len; i++)
		ok = write_all(s->fd, header.data + i, 1) && pace_wait_ns(wait_ns, s->fd);
	while (ok && s->sent < total) {
		ssize_t bytes = body_next(s, s->sent, block, BLOCK_BYTES);

		ok = bytes > 0 && write_all(s->fd, block, (size_t)bytes);
	}
	buf_free(&header);
	shutdown(s->fd, SHUT_WR);
}

static struct MHD_Response *make_response(struct sender *s)
{
	const struct reply *r = s->reply;
	uint64_t bytes = reply_bytes(r);
	const void *direct = r->content ? content_direct(r->content, r->offset, bytes)
					: r->text.data;

	if (!bytes || (direct && !settings.bandwidth_bytes && s->fault.kind == FAULT_NONE)) {
		s->sent = s->head ? 0 : bytes;
		return MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)direct,
						       MHD_RESPMEM_PERSISTENT);
	}
	/* made anew for each: more than malloc() keeps is mapped and unmapped */
	return MHD_create_response_from_callback(bytes, bytes < BLOCK_BYTES ? bytes : BLOCK_BYTES,
						 read_body, s, NULL);
}

enum MHD_Result send_reply(struct sender *s)
{
	const struct headers *h = &s->reply->headers;
	struct MHD_Response *response;
	enum MHD_Result ret;

	pace_wait_ns((uint64_t)settings.latency_ms * NS_PER_MS, -1);
	if (cuts_body(s->fault.kind) && (s->head || !reply_bytes(s->reply))) {
		cut(s);
		return MHD_NO;
	}
	if (s->fault.kind == FAULT_SLOW_HEADERS && !s->tls) {
		send_slowly(s);
		return MHD_NO;
	}
	if (s->fault.kind == FAULT_SLOW_HEADERS) /* under TLS the socket is not ours to write to */
		pace_wait_ns(100ull * (s->fault.ms ? s->fault.ms : SLOW_HEADER_MS) * NS_PER_MS,
			     s->fd);

	response = make_response(s);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < h->count; i++)
		MHD_add_response_header(response, h->items[i].name, h->items[i].value);
	ret = MHD_queue_response(s->mhd, (unsigned)s->reply->status, response);
	MHD_destroy_response(response);
	return ret;
}
