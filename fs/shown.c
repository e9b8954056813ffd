/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and whose they are. */
#include "fs/shown.h"

#include <string.h>

#include "fs/attrfile.h"

static struct shown *owner[ATTRS_LINES]; /* NULL: nobody's */

/* The line is another's now. */
static void lose(struct shown *s, uint32_t line, bool was_marked)
{
	s->was_taken |= was_marked;
	for (unsigned i = 0; i < SHOWN_MAX; i++)
		if (s->line[i] == line)
			s->line[i] = ATTRS_NONE;
}

static void drop(struct shown *s, unsigned i)
{
	uint32_t line = s->line[i];

	if (line == ATTRS_NONE)
		return;
	s->was_taken |= attrfile_drop(line);
	s->line[i] = ATTRS_NONE;
	owner[line] = NULL;
}

void shown_put(struct shown *s, const struct attrs_ask *ask, const struct attrs_answer *answer)
{
	bool was_marked = false;
	uint32_t line = attrfile_put(ask, answer, &was_marked);

	if (line == ATTRS_NONE)
		return;
	if (owner[line])
		lose(owner[line], line, was_marked);
	owner[line] = s;
	if (s->line[0] != ATTRS_NONE) {
		drop(s, SHOWN_MAX - 1);
		memmove(s->line + 1, s->line, sizeof(s->line) - sizeof(s->line[0]));
	}
	s->line[0] = line;
}

void shown_withdraw(struct shown *s)
{
	for (unsigned i = 0; i < SHOWN_MAX; i++)
		drop(s, i);
}

bool shown_is_taken(const struct shown *s)
{
	bool is = s->was_taken;

	for (unsigned i = 0; i < SHOWN_MAX && !is; i++)
		is = attrfile_is_marked(s->line[i]);
	return is;
}

void shown_reset(struct shown *s)
{
	shown_withdraw(s);
	s->was_taken = false;
}
