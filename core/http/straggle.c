/* SPDX-License-Identifier: Apache-2.0 */
#include "core/http/straggle.h"

#define PASSED_BY 2 /* so many have ended since: one may have had its last bytes on the way */

/* Of all that are given up for having been passed by: at most one in so many, after the first. */
#define ENDED_EACH   4
#define ENDED_CREDIT 32

/* Of each I/O thread: a line to one place says nothing of those to others. */
static _Thread_local uint64_t ended;
static _Thread_local uint64_t passed;

void straggle_heard(struct straggle *s, size_t bytes)
{
	s->heard += bytes;
	s->ended_then = ended;
}

void straggle_ended(void)
{
	ended++;
}

int64_t straggle_silence(struct straggle *s, int64_t now_ms)
{
	if (!s->heard_ms || s->heard != s->heard_then) {
		s->heard_then = s->heard;
		s->heard_ms = now_ms;
	}
	return now_ms - s->heard_ms;
}

bool straggle_gives_up(const struct straggle *s, const struct http_limits *limits, int64_t silence)
{
	if (silence >= limits->straggle_ms)
		return true;
	if (silence < limits->passed_ms || ended - s->ended_then < PASSED_BY ||
	    passed * ENDED_EACH >= ended + ENDED_CREDIT)
		return false;
	passed++;
	return true;
}
