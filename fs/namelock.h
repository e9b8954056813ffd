/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes, removes, links or renames a name holds it meanwhile, as the kernel holds a directory:
 * what another program does with the name is done before it or after it.
 */
#ifndef FS_NAMELOCK_H
#define FS_NAMELOCK_H

#define NAMELOCK_MAX 2

struct namelock {
	const char *object[NAMELOCK_MAX]; /* the caller's, with or without a prefix's slash */
	unsigned count;
	struct namelock *next; /* namelock.c's */
};

/* Waits until nobody holds one of them, and holds all: so nobody who waits holds any. Once a
 * thread; not on the I/O thread. l stays where it is until namelock_drop(). */
void namelock_take(struct namelock *l);
void namelock_drop(struct namelock *l);

#endif
