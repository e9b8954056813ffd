/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far changes of names have come, for who asks for one again: the daemon that he asked first
 * may have died after it, and the next would meet what was done as somebody else's (EEXIST,
 * ENOENT). Each request has a number of its own; what is noted of it is kept in a file that is
 * mapped, so that it costs no call and survives the daemon, though not the machine, which the
 * programs do not survive either. Any thread.
 */
#ifndef FS_DEEDS_H
#define FS_DEEDS_H

#include <stdbool.h>
#include <stdint.h>

#define DEEDS_MAX 4096 /* requests remembered; the oldest that is over goes */

enum deed_state {
	DEED_NONE,  /* nothing was changed */
	DEED_TRIED, /* the store is about to be asked for it */
	DEED_MADE,  /* of two steps the first is done, or may be */
	DEED_DONE,  /* it has succeeded */
};

/* One request, while it is served. */
struct deed {
	unsigned at;	     /* its place; DEEDS_MAX: it has none, and nothing is noted */
	enum deed_state was; /* how far an earlier daemon has come with it */
	int64_t value;	     /* what that noted with it */
};

/* dir_fd: of the cache directory. Without room there nothing is noted: no error. */
void deeds_start(int dir_fd);
void deeds_stop(void);

/* number: of the request; again: it may have been served before. */
void deed_begin(struct deed *deed, uint64_t number, bool again);

/* Before it is done: an earlier state does not come back. deed: NULL: nothing. */
void deed_note(const struct deed *deed, enum deed_state state, int64_t value);

/* It has been served. result: 0, or an error: then it has not been done. */
void deed_end(const struct deed *deed, int result, int64_t value);

#endif
