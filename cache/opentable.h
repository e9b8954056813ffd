/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of the table of files that programs open by themselves (core/base/opens.h).
 *
 * An entry has two who may withdraw it: whoever knows of the name (fs/shown.h, when what is known
 * changes) and the file (cache/file.h, before something is done to it). Its ticket is for that
 * entry alone: once it was withdrawn, or another took its place, it does nothing. So neither has to
 * know of the other, and none of their locks is taken here. It is reserved for the name first, and
 * shows nothing until the file is put into it, which does nothing if the name has been withdrawn
 * meanwhile. The file keeps the ticket; of a name, it is known which has which line.
 *
 * Without a table (no room on the disk) there are no tickets, and programs ask. Any thread; the
 * lock here is the innermost one.
 */
#ifndef CACHE_OPENTABLE_H
#define CACHE_OPENTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/opens.h"

#define OPENTABLE_OBJECT_MAX 512 /* a longer name, with its NUL, is asked for */

/* All zero: none. */
struct opens_ticket {
	uint32_t line, serial;
};

/* Takes over or makes the file in the cache directory. Only with the lock of that directory, and
 * before any file of an earlier daemon is touched. */
void opentable_start(int dir_fd);

/* From now on nobody believes it. */
void opentable_stop(void);

/* Once a second at least: this daemon lives. */
void opentable_alive(void);

/* What an entry is about. */
struct opentable_about {
	const uint8_t *ctx; /* WIRE_CTX_BYTES */
	const char *path;   /* virtual */
	const char *object; /* its name, for those who are told of opens */
	int64_t until_ns;   /* CLOCK_MONOTONIC */
};

/* A ticket for it, which shows nothing yet; none if there is no table, or no memory. */
struct opens_ticket opentable_reserve(const struct opentable_about *about);

/* The pair that it is to name; is_whole: programs may open it now, otherwise not before
 * opentable_whole(). */
void opentable_fill(struct opens_ticket ticket, const uint8_t id[OPENS_ID_BYTES], uint64_t hash,
		    uint64_t ino, bool is_whole);
void opentable_whole(struct opens_ticket ticket);

/* Withdraws what it is for, and makes it none. Programs that find the entry from now on, or that
 * have found it and not opened its file yet, ask. */
void opentable_drop(struct opens_ticket *ticket);

/* The same of whatever has that line: for who is told of each ticket that is given out. */
void opentable_withdraw(uint32_t line);

/* Has any program opened it by itself since this was asked last? */
bool opentable_is_used(struct opens_ticket ticket);

/* A file that a program has opened. */
struct opentable_event {
	uint32_t job;	    /* as of a wire_request */
	int64_t at_ns;	    /* CLOCK_MONOTONIC, about */
	const uint8_t *ctx; /* NULL, as object: it was withdrawn since */
	const char *object;
};

/* Is there anything that opentable_look() has not told? */
bool opentable_has_news(void);

/* Tells of what was opened since, in order: calls told without a lock that matters. One thread at a
 * time, others wait. Returns how many of which nothing is known, since they were too many. */
uint64_t opentable_look(void (*told)(const struct opentable_event *event));

#endif
