/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who opens for writing, makes, removes, links or renames a name, or changes what is told of it,
 * holds it meanwhile, as the kernel holds a directory: what another program does with the name is
 * done before it or after it.
 *
 * A directory that is renamed has every name below it changed, and nobody could hold them all. So
 * that is told to everybody (fs/movelog.h, "the gate"), and who does it waits until nobody holds a
 * name below any more; who holds names looks at the gate after he has got them (fs/turn.c).
 *
 * What is waited for, and by whom. Each waits only for what stands below his line, so that nobody
 * waits for himself:
 *
 *	nothing held		for the gate, for names
 *	names			- not for the gate: -EDEADLK, he lets go and begins again
 *	the gate, own names	for names of others
 *	the gate, publishing	for another's gate that is past publishing (movelog_copies())
 *	the gate, past that	for drafts (draft_stop() and its like)
 *	a copygate		for drafts
 *	drafts, one or two at once (draft_hold_two())
 *				for the store, and for whoever asks it something
 *
 * Who takes names waits for who holds one of them, and for who came before him and waits for one of
 * them: so who wants two that are never free at the same moment gets his turn. He holds nothing
 * while he waits, and waits only for those before him, so there is no circle: the first who waits
 * waits for holders alone, and no holder ever waits for one who waits.
 *
 * Names of others are never held by somebody who waits for the gate: namelock_take() is called with
 * nothing held, and what has to wait for a move with names in hand leaves them first
 * (namelock_leave()). Two that close gates which have to do with each other do not exist:
 * movelog_begin() refuses the second.
 */
#ifndef FS_NAMELOCK_H
#define FS_NAMELOCK_H

#include <stdbool.h>

#define NAMELOCK_MAX 2

struct namelock {
	const char *object[NAMELOCK_MAX]; /* the caller's, with or without a prefix's slash */
	unsigned count;
	struct namelock *next; /* namelock.c's */
};

/* Waits until nobody holds one of them, nor has waited for one for longer, and holds all: so nobody
 * who waits holds any. Once a thread; not on the I/O thread. l stays where it is until
 * namelock_drop(). */
void namelock_take(struct namelock *l);
void namelock_drop(struct namelock *l);

/* Does this thread hold names? */
bool namelock_is_mine(void);

/* It holds them no more, before the time: what was found out about them may be wrong from now on.
 */
void namelock_leave(void);

/* Waits until no other thread holds this name or one below it. Who is about to hold one is to find
 * out that he must not. */
void namelock_wait(const char *object);

#endif
