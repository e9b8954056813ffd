// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of names. A question is a detached thread's, which owns it until its answer is posted:
 * nobody waits for a resolver that hangs, not even who stops.
 */
#include "core/http/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/http/engine.h"
#include "core/log.h"
#include "core/thread.h"

#define QUESTIONS_MAX 16   /* threads that ask, at once */
#define POST_AGAIN_US 5000 /* the I/O thread has more tasks than it may: one of them ends soon */
#define ALL_MAX	      (2 * ADDRESSES_EACH_MAX)
#define LINE_BYTES    (ADDRESSES_HOST_BYTES + ALL_MAX * (INET6_ADDRSTRLEN + 3))

struct address {
	struct sockaddr_storage at;
	int64_t aside_ms;  /* until then it goes behind the others */
	unsigned failures; /* since it worked last */
	bool on_trial;
};

struct host {
	char name[ADDRESSES_HOST_BYTES]; /* "": free */
	char port[ADDRESSES_PORT_BYTES];
	struct address of[ALL_MAX];
	unsigned count;
	unsigned turn;	   /* counts who has been told */
	bool is_asked;	   /* a question is under way */
	bool is_libcurls;  /* it has none that can be told */
	int64_t told_ms;   /* by the last answer that had some */
	int64_t heard_ms;  /* by the last answer */
	int64_t again_ms;  /* not asked again before */
	uint64_t answered; /* number of the last answer, also of one that was none */
	uint64_t used;
};

struct question {
	struct http_task task;
	char name[ADDRESSES_HOST_BYTES];
	char port[ADDRESSES_PORT_BYTES];
	struct sockaddr_storage at[ALL_MAX];
	unsigned count;
	int error; /* of getaddrinfo(3) */
};

static atomic_uint questions;

static _Thread_local struct {
	struct host *host; /* ADDRESSES_HOSTS_MAX, or NULL before the first */
	uint64_t uses, answers;
} known;

/* --- whom it is about --- */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && !strcasecmp(text + len - n, end);
}

/* A name that libcurl gives to the resolver as it is. */
static bool is_plain_name(const char *host)
{
	size_t len = strlen(host);
	const char *last = strrchr(host, '.');

	for (const char *c = host; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			    *c))
			return false;
	}
	last = last ? last + 1 : host;
	return len && *last && !(*last >= '0' && *last <= '9') && !ends_with(host, "localhost") &&
	       !ends_with(host, ".onion");
}

void addresses_wanted(const char *origin, struct addresses_want *out)
{
	const char *host = strstr(origin, "://"), *port;
	size_t len, digits;

	*out = (struct addresses_want){0};
	if (!host)
		return;
	host += 3;
	len = strcspn(host, ":/?");
	port = host[len] == ':' ? host + len + 1 : strncasecmp(origin, "https:", 6) ? "80" : "443";
	digits = strspn(port, "0123456789");
	if (len >= sizeof(out->host) || !digits || port[digits] || digits >= sizeof(out->port))
		return;
	memcpy(out->host, host, len);
	memcpy(out->port, port, digits);
	if (!is_plain_name(out->host))
		out->host[0] = '\0';
}

static struct host *find(const char *name, const char *port)
{
	for (size_t i = 0; known.host && i < ADDRESSES_HOSTS_MAX; i++) {
		struct host *h = &known.host[i];

		if (!strcasecmp(h->name, name) && !strcmp(h->port, port))
			return h;
	}
	return NULL;
}

/* In the place of the oldest that nobody asks about. NULL: no memory, or all are asked about. */
static struct host *make(const struct addresses_want *want)
{
	struct host *oldest = NULL;

	if (!known.host)
		known.host = calloc(ADDRESSES_HOSTS_MAX, sizeof(*known.host));
	for (size_t i = 0; known.host && i < ADDRESSES_HOSTS_MAX; i++) {
		struct host *h = &known.host[i];

		if (!h->is_asked && (!oldest || h->used < oldest->used))
			oldest = h;
	}
	if (!oldest)
		return NULL;
	*oldest = (struct host){0};
	strcpy(oldest->name, want->host);
	strcpy(oldest->port, want->port);
	return oldest;
}

/* --- asking --- */

static bool is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *four = (const void *)a, *four_b = (const void *)b;
	const struct sockaddr_in6 *six = (const void *)a, *six_b = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return four->sin_addr.s_addr == four_b->sin_addr.s_addr;
	return a->ss_family == AF_INET6 &&
	       !memcmp(&six->sin6_addr, &six_b->sin6_addr, sizeof(six->sin6_addr));
}

/* Only what CURLOPT_RESOLVE can say: no scope of a link. */
static bool can_be_told(const struct addrinfo *info)
{
	const struct sockaddr_in6 *six = (const void *)info->ai_addr;

	return info->ai_family == AF_INET || (info->ai_family == AF_INET6 && !six->sin6_scope_id);
}

/* Unless it is there, or there are enough: many of one family keep out none of the other. */
static void add_address(struct question *q, const struct addrinfo *info)
{
	struct sockaddr_storage at = {0};
	unsigned beside = 0;

	if (!can_be_told(info) || info->ai_addrlen > sizeof(at))
		return;
	memcpy(&at, info->ai_addr, info->ai_addrlen);
	for (unsigned i = 0; i < q->count; i++) {
		if (is_same(&q->at[i], &at))
			return;
		beside += q->at[i].ss_family == at.ss_family;
	}
	if (beside < ADDRESSES_EACH_MAX)
		q->at[q->count++] = at;
}

static void look_up(struct question *q)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
	int six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* this machine has no other, as libcurl sees it; it may also have no descriptor left */
	if (six < 0 && errno == EAFNOSUPPORT)
		hints.ai_family = AF_INET;
	if (six >= 0)
		close(six);
	q->error = getaddrinfo(q->name, q->port, &hints, &all);
	if (q->error)
		return;
	for (struct addrinfo *info = all; info; info = info->ai_next)
		add_address(q, info);
	freeaddrinfo(all);
}

static void *ask(void *arg)
{
	struct question *q = arg;
	int ret;

	look_up(q);
	atomic_fetch_sub(&questions, 1);
	do {
		ret = http_post(&q->task, 0);
		if (ret == -ENOMEM)
			usleep(POST_AGAIN_US);
	} while (ret == -ENOMEM);
	if (ret) /* the engine has stopped */
		free(q);
	return NULL;
}

/* What was known of an address stays known. */
static void take_answer(struct host *h, const struct question *q)
{
	struct address now[ALL_MAX] = {0};

	for (unsigned i = 0; i < q->count; i++) {
		now[i].at = q->at[i];
		for (unsigned j = 0; j < h->count; j++) {
			if (is_same(&h->of[j].at, &q->at[i]))
				now[i] = h->of[j];
		}
	}
	memcpy(h->of, now, sizeof(now));
	h->count = q->count;
}

static void on_answer(struct http_task *task, bool canceled)
{
	struct question *q = (struct question *)task;
	struct host *h = canceled ? NULL : find(q->name, q->port);
	int64_t now_ms = clock_mono_ms();

	if (h && h->is_asked) {
		h->is_asked = false;
		h->answered = ++known.answers;
		h->is_libcurls = !q->error && !q->count;
		h->heard_ms = now_ms;
		h->again_ms = now_ms + ADDRESSES_AGAIN_MS;
		if (q->error) {
			log_info("%s: %s%s", q->name, gai_strerror(q->error),
				 h->count ? "; its addresses are taken to be what they were" : "");
		} else {
			take_answer(h, q);
			h->told_ms = now_ms;
			h->again_ms = now_ms + ADDRESSES_FRESH_MS;
		}
	}
	free(q);
}

/* Returns whether a question is under way. */
static bool start_question(struct host *h)
{
	struct question *q;

	if (h->is_asked)
		return true;
	q = calloc(1, sizeof(*q));
	if (q) {
		q->task.run = on_answer;
		q->task.shard = http_shard();
		memcpy(q->name, h->name, sizeof(q->name));
		memcpy(q->port, h->port, sizeof(q->port));
		if (atomic_fetch_add(&questions, 1) < QUESTIONS_MAX &&
		    !thread_start(NULL, ask, q)) {
			h->is_asked = true;
			return true;
		}
		atomic_fetch_sub(&questions, 1);
	}
	free(q);
	return false;
}

/* --- telling --- */

static int add_text(char *line, size_t room, const struct sockaddr_storage *at)
{
	const struct sockaddr_in *four = (const void *)at;
	const struct sockaddr_in6 *six = (const void *)at;
	const void *bytes = at->ss_family == AF_INET ? (const void *)&four->sin_addr
						     : (const void *)&six->sin6_addr;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(at->ss_family, bytes, text, sizeof(text));
	return snprintf(line, room, at->ss_family == AF_INET ? ",%s" : ",[%s]", text);
}

static bool is_aside(const struct address *a, int64_t now_ms)
{
	return a->aside_ms > now_ms;
}

/* Those of one family, from the one whose turn it is. Returns how many. */
static unsigned in_turn(struct host *h, int family, struct address *out[ADDRESSES_EACH_MAX])
{
	struct address *all[ADDRESSES_EACH_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < h->count; i++) {
		if (h->of[i].at.ss_family == family)
			all[n++] = &h->of[i];
	}
	for (unsigned i = 0; i < n; i++)
		out[i] = all[(h->turn + i) % n];
	return n;
}

/* Those of one family, the ones that are aside behind the others. */
static size_t add_family(struct host *h, int family, int64_t now_ms, char *line, size_t len)
{
	struct address *all[ADDRESSES_EACH_MAX];
	unsigned n = in_turn(h, family, all);

	for (int aside = 0; aside < 2; aside++) {
		for (unsigned i = 0; i < n; i++) {
			if (is_aside(all[i], now_ms) == aside)
				len += (size_t)add_text(line + len, LINE_BYTES - len, &all[i]->at);
		}
	}
	return len;
}

/* One whose time aside is over is tried by this connection alone: until that has come to something,
 * others keep away from it. */
static void begin_trial(struct host *h, int family, int64_t now_ms)
{
	struct address *all[ADDRESSES_EACH_MAX];

	if (!in_turn(h, family, all) || !all[0]->failures || is_aside(all[0], now_ms))
		return;
	all[0]->aside_ms = now_ms + ADDRESSES_TRIAL_MS;
	all[0]->on_trial = true;
}

/* The resolver's order of the two families stays: libcurl begins with the first one's. */
static struct curl_slist *tell(struct host *h, int64_t now_ms)
{
	int first = h->of[0].at.ss_family, other = first == AF_INET ? AF_INET6 : AF_INET;
	char line[LINE_BYTES];
	size_t len = (size_t)snprintf(line, sizeof(line), "%s:%s:", h->name, h->port);
	size_t begin = len;

	h->turn++;
	len = add_family(h, first, now_ms, line, len);
	len = add_family(h, other, now_ms, line, len);
	memmove(line + begin, line + begin + 1, len - begin); /* the first comma */
	begin_trial(h, first, now_ms);
	return curl_slist_append(NULL, line);
}

/* Is it to wait for an answer, rather than go where others went long ago? */
static bool awaits(const struct host *h, const struct addresses_want *want, int64_t now_ms)
{
	return h->is_asked && h->answered <= want->asked &&
	       (!h->count || (now_ms - h->told_ms >= ADDRESSES_STALE_MS &&
			      now_ms - want->since_ms < ADDRESSES_STALE_WAIT_MS));
}

int addresses_find(struct addresses_want *want, int64_t now_ms, struct curl_slist **out)
{
	struct host *h = want->host[0] ? find(want->host, want->port) : NULL;

	*out = NULL;
	if (!want->host[0])
		return 1;
	if (!h)
		h = make(want);
	if (!h)
		return 1;
	h->used = ++known.uses;
	if (!want->since_ms) {
		want->since_ms = now_ms;
		want->asked = known.answers;
	}
	if (h->is_libcurls)
		return 1;
	if (!h->count && !h->is_asked && h->answered > want->asked)
		return -ENOENT;
	if (h->count ? now_ms >= h->again_ms : !h->is_asked) {
		if (!start_question(h) && !h->count)
			return 1;
	}
	if (awaits(h, want, now_ms))
		return 0;
	if (!h->count)
		return 0;
	*out = tell(h, now_ms);
	return *out ? 1 : -ENOMEM;
}

/* --- finding out --- */

/* Many may find it dead at once, which counts once. */
static void set_aside(const struct addresses_want *want, const struct sockaddr_storage *at,
		      int64_t now_ms)
{
	struct host *h = at->ss_family ? find(want->host, want->port) : NULL;

	for (unsigned i = 0; h && i < h->count; i++) {
		struct address *a = &h->of[i];
		int64_t ms = ADDRESSES_ASIDE_MS;

		if (!is_same(&a->at, at) || (is_aside(a, now_ms) && !a->on_trial))
			continue;
		for (unsigned j = 0; j < a->failures && ms < ADDRESSES_ASIDE_MAX_MS; j++)
			ms *= 2;
		a->aside_ms = now_ms + (ms < ADDRESSES_ASIDE_MAX_MS ? ms : ADDRESSES_ASIDE_MAX_MS);
		a->failures++;
		a->on_trial = false;
	}
}

static struct sockaddr_storage *tried_of(struct addresses_want *want, int family)
{
	return family == AF_INET ? &want->tried_four : family == AF_INET6 ? &want->tried_six : NULL;
}

void addresses_try(struct addresses_want *want, const struct sockaddr *address, int64_t now_ms)
{
	struct sockaddr_storage *tried = want->host[0] ? tried_of(want, address->sa_family) : NULL;

	if (!tried)
		return;
	set_aside(want, tried, now_ms);
	*tried = (struct sockaddr_storage){0};
	memcpy(tried, address,
	       address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6));
}

/* Is there none that is known to work? */
static bool none_works(const struct host *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (!h->of[i].failures)
			return false;
	}
	return true;
}

/* Where all have failed the service may have moved: then it is asked about before its time. */
void addresses_failed(struct addresses_want *want, int64_t now_ms)
{
	struct host *h = want->host[0] ? find(want->host, want->port) : NULL;

	set_aside(want, &want->tried_four, now_ms);
	set_aside(want, &want->tried_six, now_ms);
	want->tried_four.ss_family = want->tried_six.ss_family = AF_UNSPEC;
	if (h && none_works(h) && h->again_ms > h->heard_ms + ADDRESSES_AGAIN_MS)
		h->again_ms = h->heard_ms + ADDRESSES_AGAIN_MS;
}

/* The first to work after none did: it was the network, so the others are tried, each by one. */
void addresses_worked(const struct addresses_want *want, const char *text)
{
	struct host *h = want->host[0] ? find(want->host, want->port) : NULL;
	struct sockaddr_storage at = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	struct sockaddr_in *four = (void *)&at;
	struct sockaddr_in6 *six = (void *)&at;
	bool was_down;

	if (!h || inet_pton(at.ss_family, text,
			    at.ss_family == AF_INET ? (void *)&four->sin_addr
						    : (void *)&six->sin6_addr) != 1)
		return;
	was_down = none_works(h);
	for (unsigned i = 0; i < h->count; i++) {
		struct address *a = &h->of[i];
		bool is_it = is_same(&a->at, &at);

		if (is_it || was_down)
			a->aside_ms = 0;
		if (is_it) {
			a->failures = 0;
			a->on_trial = false;
		}
	}
}

void addresses_forget(void)
{
	free(known.host);
	known.host = NULL;
}
