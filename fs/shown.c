/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and whose they are. */
#include "fs/shown.h"

#include "fs/attrfile.h"
#include "fs/metaentry.h"

static struct {
	uint32_t owner; /* 0: nobody's */
	uint32_t older; /* that one's other line, or ATTRS_NONE */
} lines[ATTRS_LINES];

/* Takes a line from whose it is. */
static void lose(uint32_t line, bool was_marked)
{
	struct shown *s = metaentry_shown(lines[line].owner);

	s->was_taken |= was_marked;
	if (s->line == line)
		s->line = lines[line].older & 0x7fffffff;
	else
		lines[s->line].older = ATTRS_NONE;
	lines[line].owner = 0;
	lines[line].older = ATTRS_NONE;
}

void shown_put(uint32_t owner, const struct attrs_ask *ask, const struct attrs_answer *answer)
{
	bool was_marked = false;
	uint32_t line = attrfile_put(ask, answer, &was_marked), older;
	struct shown *s = metaentry_shown(owner);

	if (line == ATTRS_NONE)
		return;
	if (lines[line].owner)
		lose(line, was_marked);
	older = s->line != ATTRS_NONE ? lines[s->line].older : ATTRS_NONE;
	if (older != ATTRS_NONE)
		lose(older, attrfile_drop(older));
	lines[line].owner = owner;
	lines[line].older = s->line;
	s->line = line & 0x7fffffff;
}

void shown_withdraw(struct shown *s)
{
	while (s->line != ATTRS_NONE)
		lose(s->line, attrfile_drop(s->line));
}

bool shown_is_taken(const struct shown *s)
{
	return s->was_taken ||
	       (s->line != ATTRS_NONE &&
		(attrfile_is_marked(s->line) || attrfile_is_marked(lines[s->line].older)));
}

void shown_reset(struct shown *s)
{
	shown_withdraw(s);
	s->was_taken = false;
}

void shown_moved(const struct shown *s, uint32_t owner)
{
	if (s->line == ATTRS_NONE)
		return;
	lines[s->line].owner = owner;
	if (lines[s->line].older != ATTRS_NONE)
		lines[lines[s->line].older].owner = owner;
}
