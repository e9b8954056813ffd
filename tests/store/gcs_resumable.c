/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resumable uploads ("Perform resumable uploads"): a session takes bytes in order, keeps whole
 * units of 256 KiB of what has arrived, even of a request that broke off, and becomes an object
 * with the last byte. Its address is the permission, and answers ever after with what came of it.
 */
#include "tests/store/gcs.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "tests/store/bucket.h"
#include "tests/store/keyset.h"
#include "tests/store/scope.h"

#define UNIT	     (256u << 10)
#define ID_BYTES     33 /* with NUL */
#define SESSIONS_MAX 10000
#define UNKNOWN	     UINT64_MAX

struct session {
	char id[ID_BYTES];
	char *bucket, *name;
	json_t *resource;
	struct object_condition condition;
	uint64_t total;		 /* UNKNOWN: not said yet */
	struct content **pieces; /* what has arrived */
	size_t count;
	uint64_t bytes;	     /* of them */
	struct object *made; /* what came of it */
	bool cancelled;
};

/* Held for a whole request: that one upload waits for the other costs tests nothing. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct keyset sessions; /* by id; under lock */

static void drop_pieces(struct session *s)
{
	for (size_t i = 0; i < s->count; i++)
		content_put(s->pieces[i]);
	free(s->pieces);
	s->pieces = NULL;
	s->count = 0;
}

static void session_free(struct session *s)
{
	drop_pieces(s);
	object_put(s->made);
	json_decref(s->resource);
	free(s->bucket);
	free(s->name);
	free(s);
}

/* resource is taken, also on failure. NULL: no memory, or too many. */
static struct session *session_new(const char *bucket, const char *name, json_t *resource)
{
	struct session *s = calloc(1, sizeof(*s));
	unsigned char raw[ID_BYTES / 2];
	void *old;
	int err = -ENOMEM;

	if (!s) {
		json_decref(resource);
		return NULL;
	}
	s->resource = resource;
	s->bucket = strdup(bucket);
	s->name = strdup(name);
	RAND_bytes(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(s->id + 2 * i, 3, "%02x", raw[i]);
	pthread_mutex_lock(&lock);
	if (s->bucket && s->name && sessions.count < SESSIONS_MAX)
		err = keyset_put(&sessions, s->id, strlen(s->id), s, &old);
	pthread_mutex_unlock(&lock);
	if (!err)
		return s;
	session_free(s);
	return NULL;
}

/* The length that the first request may announce. False: no number; refused. */
static bool announced(struct gcs_call *c, uint64_t *out)
{
	const char *text = gcs_header(c, "X-Upload-Content-Length");
	char *end;

	*out = UNKNOWN;
	if (!text)
		return true;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (isdigit((unsigned char)*text) && !*end && !errno)
		return true;
	gcs_fail(c, 400, "invalid", "Invalid value for: X-Upload-Content-Length");
	return false;
}

static void answer_address(struct gcs_call *c, const struct session *s)
{
	struct buf address = {0};

	gcs_base_url(c, &address);
	buf_printf(&address, "/upload/storage/v1/b/%s/o?uploadType=resumable&name=", s->bucket);
	uri_encode(&address, s->name, strlen(s->name), false);
	buf_printf(&address, "&upload_id=%s", s->id);
	c->reply->status = 200;
	reply_header(c->reply, "Location", address.data ? address.data : "");
	buf_free(&address);
}

void gcs_resumable_start(struct gcs_call *c)
{
	const char *type = gcs_header(c, "X-Upload-Content-Type");
	json_t *resource = gcs_body(c);
	const char *name = resource ? gcs_upload_name(c, resource) : NULL;
	struct object_condition condition;
	struct bucket_info info;
	struct session *s;
	uint64_t total;

	if (!name || !gcs_conditions(c, "", &condition) || !announced(c, &total)) {
		json_decref(resource);
		return;
	}
	if (bucket_lookup(c->bucket, &info)) {
		json_decref(resource);
		gcs_fail_errno(c, -ENXIO);
		return;
	}
	if (type && !json_object_get(resource, "contentType"))
		json_object_set_new(resource, "contentType", json_string(type));
	s = session_new(c->bucket, name, resource);
	if (!s) {
		gcs_fail(c, 503, "backendError", "too many uploads, or no memory");
		return;
	}
	s->condition = condition;
	s->total = total;
	answer_address(c, s);
}

/* Content-Range of a chunk. */
struct chunk {
	uint64_t first, end; /* end: behind the last byte; both 0 of a question */
	uint64_t total;	     /* UNKNOWN for '*' */
	bool asks;	     /* has no bytes of its own */
};

static bool take_number(const char **at, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 10);
	*at = end;
	return !errno && *out < INT64_MAX;
}

/* "FIRST-LAST"; an open end ("0-*", of clients that do not know it yet) is where the body ends. */
static bool take_bytes(const struct gcs_call *c, const char **at, struct chunk *out, bool *open_out)
{
	if (!take_number(at, &out->first) || *(*at)++ != '-')
		return false;
	*open_out = **at == '*';
	if (*open_out) {
		(*at)++;
		out->end = out->first + c->req->body_bytes;
		return true;
	}
	return take_number(at, &out->end) && out->end++ >= out->first;
}

static bool parse_chunk(const struct gcs_call *c, struct chunk *out)
{
	const char *at = gcs_header(c, "Content-Range");
	bool open = false;

	*out = (struct chunk){.total = UNKNOWN};
	if (!at) { /* all of it in one request */
		out->end = out->total = c->req->body_bytes;
		return true;
	}
	if (strncmp(at, "bytes ", 6) != 0)
		return false;
	at += 6;
	out->asks = *at == '*';
	if (out->asks)
		at++;
	else if (!take_bytes(c, &at, out, &open))
		return false;
	if (*at++ != '/')
		return false;
	if (*at != '*')
		return take_number(&at, &out->total) && !*at &&
		       (out->asks || out->end <= out->total);
	if (open) /* nothing follows */
		out->total = out->end;
	return !at[1];
}

/* Appends the part of the body that is new; with partial, only whole units. body[0] is the byte
 * number first. Returns 0 or -ENOMEM. */
static int append(struct gcs_call *c, struct session *s, uint64_t first, bool partial)
{
	struct request *req = c->req;
	uint64_t end = first + req->body_bytes;
	struct content *whole, *piece;
	struct content **pieces;

	if (partial)
		end -= end % UNIT;
	if (end <= s->bytes)
		return 0;
	whole = content_memory(req->body, req->body_bytes);
	req->body = NULL;
	if (!whole)
		return -ENOMEM;
	piece = content_slice(whole, s->bytes - first, end - s->bytes);
	content_put(whole);
	pieces = piece ? realloc(s->pieces, (s->count + 1) * sizeof(void *)) : NULL;
	if (!pieces) {
		content_put(piece);
		return -ENOMEM;
	}
	s->pieces = pieces;
	s->pieces[s->count++] = piece;
	s->bytes = end;
	return 0;
}

/* All is here: makes the object. The session stays as it is when that is refused. */
static void finalize(struct gcs_call *c, struct session *s)
{
	struct content *all = s->count ? content_join(s->pieces, s->count)
				       : content_memory(NULL, 0);
	char md5[CONTENT_MD5_HEX];
	struct object *o;
	int err;

	if (!all || content_digest(all, "MD5", md5, sizeof(md5))) {
		content_put(all);
		gcs_fail(c, 500, "internalError", "no memory");
		return;
	}
	o = gcs_upload_object(c, s->name, s->resource, all, md5);
	if (!o)
		return;
	err = gcs_store_keep(s->bucket, o, &s->condition);
	if (err) {
		gcs_fail_errno_of(c, err, s->bucket, s->name);
		object_put(o);
		return;
	}
	s->made = o;
	drop_pieces(s);
	gcs_answer(c, gcs_resource(c, s->bucket, o));
}

static void incomplete(struct gcs_call *c, const struct session *s)
{
	c->reply->status = 308;
	if (s->bytes)
		reply_header_printf(c->reply, "Range", "bytes=0-%llu",
				    (unsigned long long)(s->bytes - 1));
}

/* False: the chunk cannot be; refused. */
static bool possible(struct gcs_call *c, struct session *s, const struct chunk *k)
{
	uint64_t said = k->end - k->first;

	if (!k->asks && said != c->req->body_bytes) {
		gcs_fail(c, 400, "invalid",
			 "Invalid request.  There were %zu byte(s) in the request body.  There "
			 "should have been %llu byte(s) according to the Content-Range header.",
			 c->req->body_bytes, (unsigned long long)said);
		return false;
	}
	if (!k->asks && k->first > s->bytes) {
		gcs_fail(c, 503, "backendError",
			 "Invalid request.  According to the Content-Range header, the upload "
			 "offset is %llu byte(s), which exceeds already uploaded size of %llu "
			 "byte(s).",
			 (unsigned long long)k->first, (unsigned long long)s->bytes);
		return false;
	}
	if ((k->total != UNKNOWN && s->total != UNKNOWN && k->total != s->total) ||
	    (k->total != UNKNOWN && k->total < s->bytes)) {
		gcs_fail(c, 400, "invalid", "Invalid request.  The total size has changed.");
		return false;
	}
	return true;
}

static void take_chunk(struct gcs_call *c, struct session *s, const struct chunk *k)
{
	bool last;

	if (!possible(c, s, k))
		return;
	if (k->total != UNKNOWN)
		s->total = k->total;
	last = k->total != UNKNOWN && (k->asks ? s->bytes : k->end) == k->total;
	if (!k->asks && append(c, s, k->first, !last)) {
		gcs_fail(c, 500, "internalError", "no memory");
		return;
	}
	if (last)
		finalize(c, s);
	else
		incomplete(c, s);
}

/* The session of the request, with the lock held; NULL: refused, and not locked. */
static struct session *open_session(struct gcs_call *c)
{
	const char *id = gcs_param(c, "upload_id");
	struct session *s;

	pthread_mutex_lock(&lock);
	s = keyset_get(&sessions, id, strlen(id));
	if (s && !s->cancelled && !strcmp(s->bucket, c->bucket))
		return s;
	gcs_fail(c, s ? 499 : 404, s ? "clientClosedRequest" : "notFound",
		 s ? "Client Closed Request" : "No such upload.");
	pthread_mutex_unlock(&lock);
	return NULL;
}

void gcs_resumable_chunk(struct gcs_call *c)
{
	struct session *s = open_session(c);
	struct chunk k;

	if (!s)
		return;
	if (!parse_chunk(c, &k))
		gcs_fail(c, 400, "invalid", "Failed to parse Content-Range header.");
	else if (s->made)
		gcs_answer(c, gcs_resource(c, s->bucket, s->made));
	else
		take_chunk(c, s, &k);
	pthread_mutex_unlock(&lock);
}

void gcs_resumable_broken(struct gcs_call *c)
{
	struct reply unheard = {0}; /* nobody is there to read it */
	struct gcs_call alone = *c;
	struct session *s;
	struct chunk k;

	alone.reply = &unheard;
	s = open_session(&alone);
	reply_reset(&unheard);
	if (!s)
		return;
	if (!s->made && parse_chunk(c, &k) && !k.asks && k.first <= s->bytes)
		append(c, s, k.first, true);
	pthread_mutex_unlock(&lock);
}

void gcs_resumable_cancel(struct gcs_call *c)
{
	struct session *s = open_session(c);

	if (!s)
		return;
	s->cancelled = !s->made;
	drop_pieces(s);
	pthread_mutex_unlock(&lock);
	gcs_fail(c, 499, "clientClosedRequest", "Client Closed Request");
}
