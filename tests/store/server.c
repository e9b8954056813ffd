/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP plumbing over libmicrohttpd. A request goes through three calls of its access handler: the
 * header (start), the body piece by piece (take_piece), and the end (finish). Signatures cover the
 * target as it was sent, so the target is caught before libmicrohttpd decodes it.
 */
#include "tests/store/server.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <microhttpd.h>
#include <openssl/evp.h>

#include "tests/store/send.h"
#include "tests/store/settings.h"
#include "tests/store/stats.h"

#define CONNECTIONS_MAX	 4096u
#define CONNECTION_BYTES (256u << 10) /* receive buffer and header of one connection */
#define THREAD_STACK	 (1u << 20)
#define HUGE_PAGE_BYTES	 (2u << 20)
#define BODY_BYTES_START (64u << 10)
#define IDLE_S		 120u
#define ADMIN_PREFIX	 "/_admin/"

/* Lives as long as its connection. */
struct connection {
	struct pace in, out;
	bool counted;
};

struct exchange {
	struct request req;
	struct reply reply;
	struct sender sender;
	const struct dialect *dialect;
	struct connection *connection;
	EVP_MD_CTX *md5, *sha256;
	size_t body_cap;
	char *target;
	uint64_t started_ns;
	uint64_t bytes_in;
	bool started, settled, answered;
	bool complete; /* the body has come to its end */
};

static struct MHD_Daemon *mhd;
static const struct dialect *const *served; /* NULL-terminated */
static atomic_ullong request_count;

static const char *request_header(const struct exchange *ex, const char *name)
{
	return headers_get(&ex->req.headers, name);
}

static enum MHD_Result take_header(void *arg, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct request *req = arg;

	(void)kind;
	if (headers_add(&req->headers, name, value ? value : ""))
		req->malformed = true;
	return MHD_YES;
}

/* Cuts the target into path and query. */
static void parse_target(struct exchange *ex)
{
	struct request *req = &ex->req;
	char *mark = strchr(ex->target, '?');
	char *host_end;

	req->path = ex->target;
	req->query = "";
	if (mark) {
		*mark = '\0';
		req->query = mark + 1;
	}
	if (!strncmp(req->path, "http://", 7)) { /* absolute form, as to a proxy: RFC 9112, 3.2.2 */
		host_end = strchr(req->path + 7, '/');
		if (host_end)
			req->path = host_end;
	}
	if (*req->path != '/' || uri_params_parse(req->query, &req->params))
		req->malformed = true;
}

static bool is_loopback(const struct sockaddr *addr)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;

	if (addr->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return addr->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void want_digest(EVP_MD_CTX **ctx, const EVP_MD *md, bool wanted)
{
	if (!wanted)
		return;
	*ctx = EVP_MD_CTX_new();
	if (*ctx && !EVP_DigestInit_ex(*ctx, md, NULL)) {
		EVP_MD_CTX_free(*ctx);
		*ctx = NULL;
	}
}

/* Room for a body of known length. A big one in huge pages: on virtual machines, faulting in small
 * ones costs more than everything else that is done to the bytes. */
static char *new_body(size_t bytes)
{
	void *body;

	if (bytes < HUGE_PAGE_BYTES)
		return malloc(bytes);
	if (posix_memalign(&body, HUGE_PAGE_BYTES, bytes))
		return NULL;
	madvise(body, bytes, MADV_HUGEPAGE);
	return body;
}

static void reserve_body(struct exchange *ex, size_t want)
{
	size_t cap = ex->body_cap ? ex->body_cap : BODY_BYTES_START;
	char *body = NULL;

	if (want <= ex->body_cap || ex->req.body_too_big)
		return;
	while (cap < want)
		cap *= 2;
	if (!ex->body_cap)
		cap = want; /* the first time it is the announced length */
	if (want <= ex->req.body_max)
		body = ex->req.body ? realloc(ex->req.body, cap) : new_body(cap);
	if (!body) {
		ex->req.body_too_big = true;
		return;
	}
	ex->req.body = body;
	ex->body_cap = cap;
}

static void choose_fault(struct exchange *ex)
{
	const char *path = ex->req.fault_path ? ex->req.fault_path : "";

	ex->sender.fault.kind = FAULT_NONE;
	if (ex->dialect != &admin_dialect)
		ex->sender.fault = faults_pick(ex->req.verb, ex->req.method, path);
}

static bool is_admin(const struct exchange *ex)
{
	return ex->dialect == &admin_dialect;
}

static void count_begin(struct exchange *ex)
{
	if (is_admin(ex))
		return;
	if (!ex->connection->counted)
		stats_connection();
	ex->connection->counted = true;
	stats_begin(ex->req.verb);
}

/* The last of them claims everything. */
static const struct dialect *choose_dialect(const struct request *req)
{
	const struct dialect *const *d = served;

	if (!strncmp(req->path, ADMIN_PREFIX, strlen(ADMIN_PREFIX)))
		return &admin_dialect;
	while ((*d)->claims && !(*d)->claims(req))
		d++;
	return *d;
}

/* The header is complete. */
static void start(struct exchange *ex, struct MHD_Connection *connection, const char *method)
{
	const union MHD_ConnectionInfo *info;
	struct request *req = &ex->req;
	const char *length;

	ex->started = true;
	ex->started_ns = pace_now_ns();
	snprintf(req->id, sizeof(req->id), "%016llX", ++request_count * 0x9E3779B97F4A7C15ull);
	req->method = method;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, req);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	req->from_loopback = is_loopback(info->client_addr);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	ex->connection = info->socket_context;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	ex->sender.fd = info->connect_fd;
	ex->sender.tls = req->tls = settings.tls_cert != NULL;
	ex->sender.mhd = connection;
	ex->sender.pace = &ex->connection->out;
	ex->sender.head = !strcmp(method, "HEAD");
	ex->sender.reply = &ex->reply;
	parse_target(ex);

	ex->dialect = choose_dialect(req);
	req->body_max = EXCHANGE_BODY_MAX;
	ex->dialect->begin(req);
	count_begin(ex);
	choose_fault(ex);
	ex->settled = ex->dialect->settle(req, &ex->reply);
	if (ex->settled)
		return;

	want_digest(&ex->md5, EVP_md5(), req->want_md5);
	want_digest(&ex->sha256, EVP_sha256(), req->want_sha256);
	length = request_header(ex, "Content-Length");
	if (length)
		reserve_body(ex, strtoull(length, NULL, 10));
}

/* How many bytes of the body are taken before the connection is cut, or nothing more is read;
 * UINT64_MAX: all. */
static uint64_t cut_at(const struct exchange *ex)
{
	const char *length = request_header(ex, "Content-Length");

	if (ex->sender.fault.kind != FAULT_CUT && ex->sender.fault.kind != FAULT_DEAF)
		return UINT64_MAX;
	if (ex->sender.fault.at != FAULT_AT_MIDDLE)
		return ex->sender.fault.at;
	return length ? strtoull(length, NULL, 10) / 2 : 0;
}

static void take_piece(struct exchange *ex, const char *data, size_t bytes)
{
	struct request *req = &ex->req;

	ex->bytes_in += bytes;
	pace_bytes(&ex->connection->in, settings.bandwidth_bytes, bytes, -1);
	if (ex->settled)
		return;
	reserve_body(ex, req->body_bytes + bytes);
	if (req->body_too_big)
		return;
	memcpy(req->body + req->body_bytes, data, bytes);
	req->body_bytes += bytes;
	if (ex->md5)
		EVP_DigestUpdate(ex->md5, data, bytes);
	if (ex->sha256)
		EVP_DigestUpdate(ex->sha256, data, bytes);
}

/* False: the connection ends here. What came of it stands before the peer can know that. */
static bool take_until_cut(struct exchange *ex, const char *data, size_t bytes)
{
	uint64_t left = cut_at(ex) - ex->bytes_in;

	take_piece(ex, data, bytes > left ? (size_t)left : bytes);
	if (bytes <= left)
		return true;
	if (ex->sender.fault.kind == FAULT_DEAF) {
		send_nothing(&ex->sender);
		return false;
	}
	if (!ex->settled && ex->dialect->broken)
		ex->dialect->broken(&ex->req);
	ex->complete = true;
	send_reset(ex->sender.fd);
	return false;
}

/* Carries out what is left to carry out. False: the connection is to end without an answer. */
static bool produce(struct exchange *ex)
{
	const struct fault *f = &ex->sender.fault;

	if (f->kind == FAULT_RESET && f->at == FAULT_AT_MIDDLE) {
		pace_wait_ns(settings.latency_ms * 1000000ull, -1);
		send_reset(ex->sender.fd);
		return false;
	}
	if (f->kind == FAULT_MUTE || f->kind == FAULT_DEAF) {
		send_nothing(&ex->sender);
		return false;
	}
	if (f->kind == FAULT_SLOWDOWN || f->kind == FAULT_INTERNAL || f->kind == FAULT_DENIED ||
	    f->kind == FAULT_EXPIRED || f->kind == FAULT_OK_ERROR) {
		reply_reset(&ex->reply);
		ex->dialect->fault(&ex->req, f, &ex->reply);
		return true;
	}
	if (ex->settled)
		return true;
	if (ex->md5)
		EVP_DigestFinal_ex(ex->md5, ex->req.md5, NULL);
	if (ex->sha256)
		EVP_DigestFinal_ex(ex->sha256, ex->req.sha256, NULL);
	ex->dialect->handle(&ex->req, &ex->reply);
	if (f->kind == FAULT_WRONG_ETAG)
		reply_belie_etag(&ex->reply);
	return true;
}

static enum MHD_Result finish(struct exchange *ex)
{
	ex->complete = true;
	if (!produce(ex))
		return MHD_NO;
	ex->answered = true;
	if (is_admin(ex))
		ex->sender.fault.kind = FAULT_NONE;
	return send_reply(&ex->sender);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_bytes, void **state)
{
	struct exchange *ex = *state;

	(void)arg;
	(void)url;
	(void)version;
	if (!ex)
		return MHD_NO;
	if (!ex->started) {
		start(ex, connection, method);
		/* Whoever asked first gets the refusal instead of "100 Continue". */
		if (ex->settled && request_header(ex, "Expect"))
			return finish(ex);
		return MHD_YES;
	}
	if (*data_bytes) {
		if (!take_until_cut(ex, data, *data_bytes))
			return MHD_NO;
		*data_bytes = 0;
		return MHD_YES;
	}
	return finish(ex);
}

/* The request line is here: the state of the exchange begins. NULL makes on_request() refuse. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct exchange *ex = calloc(1, sizeof(*ex));

	(void)arg;
	(void)connection;
	if (!ex)
		return NULL;
	ex->target = strdup(target);
	if (!ex->target) {
		free(ex);
		return NULL;
	}
	return ex;
}

static void count_end(struct exchange *ex)
{
	const char *range = request_header(ex, "Range");
	struct stats_entry entry = {.verb = ex->req.verb,
				    .method = ex->req.method,
				    .path = ex->req.path,
				    .query = ex->req.query,
				    .range = range ? range : "",
				    .status = ex->answered ? ex->reply.status : 0,
				    .bytes_in = ex->bytes_in,
				    .bytes_out = ex->sender.sent,
				    .fault = ex->sender.fault.kind,
				    .us = (pace_now_ns() - ex->started_ns) / 1000};

	entry.id = strtoull(ex->req.id, NULL, 16);
	stats_end(&entry);
}

static void on_end(void *arg, struct MHD_Connection *connection, void **state,
		   enum MHD_RequestTerminationCode how)
{
	struct exchange *ex = *state;

	(void)arg;
	(void)connection;
	(void)how;
	if (!ex)
		return;
	if (ex->started) {
		if (!is_admin(ex))
			count_end(ex);
		if (!ex->complete && !ex->settled && ex->dialect->broken)
			ex->dialect->broken(&ex->req);
		ex->dialect->end(&ex->req);
	}
	EVP_MD_CTX_free(ex->md5);
	EVP_MD_CTX_free(ex->sha256);
	reply_reset(&ex->reply);
	headers_free(&ex->req.headers);
	uri_params_free(&ex->req.params);
	free(ex->req.fault_path);
	free(ex->req.body);
	free(ex->target);
	free(ex);
	*state = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode what)
{
	(void)arg;
	(void)connection;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*state = calloc(1, sizeof(struct connection));
	} else {
		free(*state);
		*state = NULL;
	}
}

/* An unfinished connection costs one descriptor; the usual soft limit of 1024 is too few. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int parse_listen(struct sockaddr_storage *addr, unsigned *flags)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, settings.listen, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(settings.port);
		return 0;
	}
	if (inet_pton(AF_INET6, settings.listen, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(settings.port);
		*flags |= MHD_USE_IPv6;
		return 0;
	}
	fprintf(stderr, "skyshim-teststore: --listen %s: not a numeric address\n", settings.listen);
	return -1;
}

int server_start(const struct dialect *const *dialects, uint16_t *port_out)
{
	unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			 MHD_USE_POLL;
	struct sockaddr_storage addr;
	const union MHD_DaemonInfo *info;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)settings.tls_cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)settings.tls_key},
		{MHD_OPTION_END, 0, NULL}};

	if (parse_listen(&addr, &flags))
		return -1;
	raise_descriptor_limit();
	served = dialects;
	for (; *dialects; dialects++)
		stats_verbs((*dialects)->verbs);
	if (settings.tls_cert)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;

	mhd = MHD_start_daemon(
		flags, settings.port, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR,
		(struct sockaddr *)&addr, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, NULL, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_LISTEN_BACKLOG_SIZE,
		CONNECTIONS_MAX, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	info = mhd ? MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (!info) {
		fprintf(stderr,
			"skyshim-teststore: cannot listen on %s port %u%s: choose another --port "
			"or 0\n",
			settings.listen, settings.port,
			settings.tls_cert ? " (or the certificate is no use)" : "");
		return -1;
	}
	*port_out = info->port;
	return 0;
}

void server_stop(void)
{
	MHD_stop_daemon(mhd);
	mhd = NULL;
}
