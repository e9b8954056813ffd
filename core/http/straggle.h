/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that come to a halt while their connection lives. A service has them now and then; asked
 * again elsewhere, the rest comes at once. What tells a straggler from a network that pauses, which
 * halts all bodies at once, is that others have come to their end meanwhile. Of each I/O
 * thread by itself.
 */
#ifndef CORE_HTTP_STRAGGLE_H
#define CORE_HTTP_STRAGGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http/engine.h"

/* Zeroed before the answer's head. */
struct straggle {
	uint64_t heard;	     /* bytes of the body, in all */
	uint64_t heard_then; /* ... when it was looked at last with another result */
	int64_t heard_ms;    /* ... and when that was; 0: not yet */
	uint64_t ended_then; /* how many bodies had ended by the last byte */
};

/* Bytes of the body have come; 0: its head. */
void straggle_heard(struct straggle *s, size_t bytes);

/* Another body has come to its end. */
void straggle_ended(void);

/* To be asked while the body is under way: for how many ms nothing has come. */
int64_t straggle_silence(struct straggle *s, int64_t now_ms);

/* Is a silence so long that an impatient one asks again? That others have passed it by is believed
 * of some only: where one body in four seems to straggle, it is the line that is slow. */
bool straggle_gives_up(const struct straggle *s, const struct http_limits *limits, int64_t silence);

#endif
