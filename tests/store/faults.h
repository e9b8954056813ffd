/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may go wrong on purpose, when, and how often. A rule is written as one text, on the command
 * line and in the admin interface alike:
 *
 *   KIND[,rate=0.05][,seed=1][,verb=GetObject][,count=3][,skip=1][,at=BYTES][,ms=N]
 *       [,retry-after=S][,key=GLOB]
 *
 * KIND  slowdown      503 SlowDown, with Retry-After if given     not carried out
 *       internal      500 InternalError                           not carried out
 *       denied        403 AccessDenied                            not carried out
 *       expired       400 ExpiredToken                            not carried out
 *       ok-error      200 with an error body                      not carried out
 *       mute          the body is taken, no answer for ms, then   not carried out
 *                     the connection closed
 *       deaf          nothing more of the request's body is read  not carried out
 *                     after at bytes (half), for ms; then closed
 *       reset         connection reset; before the request is carried out, or with at= after
 *                     that many bytes of the answer's body
 *       truncate      connection closed in mid body      the rest are carried out; at= says
 *       stall         nothing more in mid body, for ms   after how many bytes of the body (half)
 *       corrupt       one bit of the body flipped
 *       cut           connection reset after at= bytes (half) of the request's body have come
 *       slow-headers  the header block dripped, one byte each ms
 *       wrong-etag    the answer names another ETag than what was kept has
 * rate  share of matching requests, by a random sequence that seed fixes (1: all of them)
 * verb  the store's verb or the HTTP method; key: fnmatch(3) on BUCKET/KEY, must stand last
 * skip  matching requests let through first; count: how many fail before the rule is used up
 */
#ifndef STORE_FAULTS_H
#define STORE_FAULTS_H

#include <stdint.h>

#include "tests/store/buf.h"

#define FAULTS_MAX	64   /* rules in force at a time */
#define FAULT_TEXT_MAX	1400 /* bytes of a rule's text */
#define FAULT_AT_MIDDLE UINT64_MAX

enum fault_kind {
	FAULT_NONE,
	FAULT_SLOWDOWN,
	FAULT_INTERNAL,
	FAULT_DENIED,
	FAULT_EXPIRED,
	FAULT_OK_ERROR,
	FAULT_MUTE,
	FAULT_DEAF,
	FAULT_RESET,
	FAULT_TRUNCATE,
	FAULT_STALL,
	FAULT_CORRUPT,
	FAULT_SLOW_HEADERS,
	FAULT_CUT,
	FAULT_WRONG_ETAG,
	FAULT_KINDS
};

struct fault {
	enum fault_kind kind;
	uint64_t at;	   /* bytes of the body; FAULT_AT_MIDDLE when not given */
	unsigned ms;	   /* 0 when not given */
	int retry_after_s; /* -1 when not given */
};

/* Adds a rule. Returns 0, -EINVAL (*why_out says which part), -E2BIG. */
int faults_add(const char *text, const char **why_out);

void faults_clear(void);

/* The first rule in force that hits this request; kind FAULT_NONE if none does. */
struct fault faults_pick(const char *verb, const char *method, const char *path);

const char *fault_name(enum fault_kind kind);

/* Appends the rules as a JSON array of their texts. */
void faults_json(struct buf *out);

#endif
