/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the hosts of an I/O thread are: all addresses of a name, of which each connection gets
 * another first. One that cannot be connected to goes behind the others, for longer each time it is
 * tried again in vain. A name is asked about once for all who want it, by a thread that may hang
 * (getaddrinfo(3)), and again after ADDRESSES_FRESH_MS while what is known goes on serving: also
 * when nobody answers any more.
 *
 * Each I/O thread knows its own; all this is called there. Names of the machine itself, numbers and
 * whatever goes through a proxy are left to libcurl, and so is what a thread cannot be had for.
 */
#ifndef CORE_HTTP_ADDRESSES_H
#define CORE_HTTP_ADDRESSES_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* From an answer on: they are asked for anew, by whoever comes next; who comes then waits for that
 * answer, if it does not take long. */
#define ADDRESSES_FRESH_MS	60000
#define ADDRESSES_STALE_MS	600000
#define ADDRESSES_STALE_WAIT_MS 1000
#define ADDRESSES_AGAIN_MS	5000 /* after an answer that was none */

/* For so long an address that failed is aside, twice as long each time; then one connection tries
 * it, for so long. */
#define ADDRESSES_ASIDE_MS     30000
#define ADDRESSES_ASIDE_MAX_MS 600000
#define ADDRESSES_TRIAL_MS     10000

#define ADDRESSES_HOSTS_MAX  64 /* names with a port, of a thread; the oldest is forgotten */
#define ADDRESSES_EACH_MAX   16 /* of a name, of each family; more are not looked at */
#define ADDRESSES_HOST_BYTES 256
#define ADDRESSES_PORT_BYTES 6

/* What a connection wants to know, and found out. Zeroed before. */
struct addresses_want {
	char host[ADDRESSES_HOST_BYTES]; /* "": libcurl looks for itself */
	char port[ADDRESSES_PORT_BYTES];
	int64_t since_ms; /* addresses_find() came first; 0: not yet */
	uint64_t asked;	  /* answers to all questions until then */
	/* the last one tried, of each family; AF_UNSPEC: none */
	struct sockaddr_storage tried_four, tried_six;
};

/* Whom does a connection to "https://host:port" want? */
void addresses_wanted(const char *origin, struct addresses_want *out);

/* The value of CURLOPT_RESOLVE for the next connection, to be freed, in *out, and 1 (with NULL:
 * libcurl looks for itself); 0: not yet, ask again when the thread has been woken, or in a while;
 * -ENOENT: nobody knows the name; -ENOMEM. */
int addresses_find(struct addresses_want *want, int64_t now_ms, struct curl_slist **out);

/* A connection to it is being tried: those that were tried before in its family have failed, since
 * libcurl tries one of each at a time. */
void addresses_try(struct addresses_want *want, const struct sockaddr *address, int64_t now_ms);

/* What was tried has come to nothing, or to something (text: which, as of CURLINFO_PRIMARY_IP). */
void addresses_failed(struct addresses_want *want, int64_t now_ms);
void addresses_worked(const struct addresses_want *want, const char *text);

/* Forgets all, before the thread ends. */
void addresses_forget(void);

#endif
