/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directory's rename is about to rely on: that copies which were made before are there,
 * and that what it deletes is what it has copied. Other machines know nothing of a rename; services
 * have no condition for the deletion of many, so that it is looked at just before, a page at a
 * time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "fs/move.h"

static const struct store_entry *find(const struct store_entry *all, size_t count, char *name)
{
	const struct store_entry wanted = {.name = name};

	return count ? bsearch(&wanted, all, count, sizeof(wanted), move_by_name) : NULL;
}

/* Entry i becomes the one at to, or goes. */
static void shift(struct move *m, size_t i, size_t *to, bool keep)
{
	if (!keep) {
		free(m->entries[i].name);
		return;
	}
	if (*to != i) {
		m->entries[*to] = m->entries[i];
		m->done[*to] = m->done[i];
		m->copied[*to] = m->copied[i];
		memcpy(m->was[*to], m->was[i], sizeof(m->was[i]));
	}
	++*to;
}

/* Its copy is gone: it is copied again, or, once all was copied, stays where it is. */
static bool undone(struct move *m, size_t i)
{
	struct store_entry *e = &m->entries[i];

	log_warn("%s%s: its copy is gone, made by a rename that was interrupted", m->new_prefix,
		 e->name + strlen(m->old_key));
	if (m->log->deletes)
		return false;
	m->done[i] = m->copied[i] = false;
	memcpy(e->object.etag, m->was[i], sizeof(m->was[i]));
	return true;
}

int moveconfirm_copies(struct move *m)
{
	struct store_entry *there = NULL;
	size_t count = 0, to = 0;
	int ret = m->is_file ? 0 : movetarget_list(m, &there, &count);

	for (size_t i = 0; i < m->count; i++) {
		bool is_there = true;
		char *name;

		if (!m->is_file && !ret && m->done[i]) {
			if (asprintf(&name, "%s%s", m->new_key,
				     m->entries[i].name + strlen(m->old_key)) < 0)
				ret = -ENOMEM;
			else
				is_there = find(there, count, name);
			if (!ret)
				free(name);
		}
		shift(m, i, &to, is_there || undone(m, i));
	}
	m->count = to;
	movetarget_free(there, count);
	return ret;
}

int moveconfirm_originals(struct move *m, bool *all)
{
	struct move there = {.from = m->from, .old_key = m->old_key, .log = m->log};
	size_t to = 0;
	int ret = 0;

	*all = true;
	if (m->is_file || m->keeps)
		return 0;
	snprintf(there.old_prefix, sizeof(there.old_prefix), "%s", m->old_prefix);
	ret = move_list(&there);
	if (there.count)
		qsort(there.entries, there.count, sizeof(*there.entries), move_by_name);
	for (size_t i = 0; i < m->count && !ret; i++) {
		const struct store_entry *now =
			find(there.entries, there.count, m->entries[i].name);
		bool is_same = !now || !strcmp(now->object.etag, m->was[i]);

		if (!is_same)
			log_warn("%s%s: was stored by somebody while it was renamed, and stays",
				 m->old_prefix, m->entries[i].name + strlen(m->old_key));
		*all &= is_same;
		shift(m, i, &to, is_same);
	}
	if (!ret)
		m->count = to;
	movetarget_free(there.entries, there.count);
	return ret;
}
