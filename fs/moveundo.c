/* SPDX-License-Identifier: Apache-2.0 */
/* A rename that cannot be carried out: its copies are deleted again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "fs/change.h"
#include "fs/move.h"
#include "fs/moverecord.h"

/* Not everything could be copied: what was goes again, so that all is as before. *is_done: it is.
 */
/* n keys, which are freed. */
static void delete_copies(struct move *m, char **owned, size_t n, bool *is_done)
{
	const char *keys[STORE_LIST_MAX];

	if (!n)
		return;
	memcpy(keys, owned, n * sizeof(*keys));
	if (change_delete_many(m->to, keys, n)) {
		*is_done = false;
		log_warn("%s: copies of a rename that failed are left until it is tried again: %s",
			 m->new_prefix, m->to->message);
	}
	while (n)
		free(owned[--n]);
}

void move_undo(struct move *m, bool *is_done)
{
	char message[STORE_MESSAGE_BYTES];
	char *owned[STORE_LIST_MAX];
	size_t n = 0;

	*is_done = true;
	memcpy(message, m->from->message, sizeof(message)); /* that of the failure */
	for (size_t i = 0; i < m->count; i++) {
		if (i >= m->next && !m->done[i]) /* neither now nor by an earlier daemon */
			continue;
		if (asprintf(&owned[n], "%s%s", m->new_key,
			     m->entries[i].name + strlen(m->old_key)) < 0)
			continue;
		if (++n < STORE_LIST_MAX)
			continue;
		delete_copies(m, owned, n, is_done);
		n = 0;
	}
	delete_copies(m, owned, n, is_done);
	memcpy(m->from->message, message, sizeof(message));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

/* An earlier daemon died while it took everything back: what is below the new name and, with the
 * same size, below the old one is a copy. */
int move_undo_rest(struct move *m)
{
	struct move copies = {
		.from = m->to, .old_key = m->new_key, .is_file = m->is_file, .log = m->log};
	const char *key;
	int ret = move_list(m);

	snprintf(copies.old_prefix, sizeof(copies.old_prefix), "%s", m->new_prefix);
	if (!ret)
		ret = move_list(&copies);
	if (ret == -ENOENT && m->is_file) /* it was not made, or is gone again */
		ret = 0;
	if (m->count)
		qsort(m->entries, m->count, sizeof(*m->entries), by_name);
	for (size_t i = 0; i < copies.count && !ret; i++) {
		struct store_entry wanted = {0}, *old;

		key = copies.entries[i].name;
		if (asprintf(&wanted.name, "%s%s", m->old_key, key + strlen(m->new_key)) < 0) {
			ret = -ENOMEM;
			break;
		}
		old = m->count ? bsearch(&wanted, m->entries, m->count, sizeof(wanted), by_name)
			       : NULL;
		if (old && old->object.size == copies.entries[i].object.size)
			ret = change_delete_many(m->to, &key, 1);
		free(wanted.name);
	}
	for (size_t i = 0; i < copies.count; i++)
		free(copies.entries[i].name);
	free(copies.entries);
	return ret;
}
