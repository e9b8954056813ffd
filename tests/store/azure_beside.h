/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a blob has beside itself: staged blocks, a lease, snapshots. One mutex, which whoever
 * changes a blob holds meanwhile, so that a lease and a write have an order. All but the lock
 * itself is called with it held.
 */
#ifndef STORE_AZURE_BESIDE_H
#define STORE_AZURE_BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/blocks.h"
#include "tests/store/keyset.h"
#include "tests/store/objects.h"

#define AZURE_SNAPSHOT_BYTES 32
#define AZURE_SNAPSHOTS_MAX  1000 /* of one blob */
#define AZURE_LEASE_ID_BYTES 40

struct azure_lease_of {
	char id[AZURE_LEASE_ID_BYTES]; /* "": there is none */
	int duration_s;		       /* -1: for ever */
	int64_t ends_ms;	       /* unless it is for ever */
	int64_t breaks_ms;	       /* 0: nobody broke it */
};

struct azure_snapshot_of {
	char time[AZURE_SNAPSHOT_BYTES];
	struct object *object; /* a reference */
};

struct azure_beside {
	struct keyset staged; /* struct block by id */
	struct azure_lease_of lease;
	struct azure_snapshot_of *snapshots; /* oldest first */
	size_t snapshot_count;
	char name[]; /* "CONTAINER/BLOB" */
};

void azure_lock(void);
void azure_unlock(void);

/* What that blob has; NULL: nothing, or, if it is to be made, no memory. */
struct azure_beside *azure_beside(const char *container, const char *blob, bool make);

/* Forgets all of a blob; of all blobs of a container. */
void azure_beside_drop(const char *container, const char *blob);
void azure_beside_drop_all(const char *container);

/* Takes content (also on failure). Returns 0, -EINVAL (the id is not as long as the others), -E2BIG
 * (too many), -ENOMEM. */
int azure_stage(struct azure_beside *b, const char *id, struct content *content);
void azure_stage_drop(struct azure_beside *b); /* NULL is ignored */

/* The first blob with staged blocks whose name is not below from, or NULL: its name. */
const char *azure_staged_from(const char *container, const char *from);

/* Takes a reference of its own. Returns 0, -ENOMEM, -EMFILE. */
int azure_snapshot_add(struct azure_beside *b, struct object *o);
void azure_snapshots_drop(struct azure_beside *b);

/* azure_lease.c: "available", "leased", "breaking", "broken", "expired". b may be NULL. */
const char *azure_lease_state(const struct azure_beside *b);
/* A code of azure_error.c when whoever shows id (NULL: none) may not write the blob. */
const char *azure_lease_refuses(const struct azure_beside *b, const char *id);

#endif
