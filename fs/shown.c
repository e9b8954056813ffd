/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and whose they are. Those of the table of files are counted on from those of the other. */
#include "fs/shown.h"

#include "fs/attrfile.h"
#include "fs/metaentry.h"

static struct {
	uint32_t owner; /* 0: nobody's */
	uint32_t older; /* that one's next line, or ATTRS_NONE */
} lines[ATTRS_LINES + OPENS_LINES];

static bool is_open(uint32_t line)
{
	return line >= ATTRS_LINES;
}

/* Nobody finds what stands there. Returns whether it was marked. */
static bool drop(uint32_t line)
{
	if (!is_open(line))
		return attrfile_drop(line);
	opentable_withdraw(line - ATTRS_LINES);
	return false;
}

/* Takes a line from whose it is. */
static void lose(uint32_t line, bool was_marked)
{
	struct shown *s = metaentry_shown(lines[line].owner);
	uint32_t before = s->line;

	s->was_taken |= was_marked;
	if (before == line) {
		s->line = lines[line].older & 0x7fffffff;
	} else {
		while (lines[before].older != line)
			before = lines[before].older;
		lines[before].older = lines[line].older;
	}
	lines[line].owner = 0;
	lines[line].older = ATTRS_NONE;
}

/* It is that entry's newest. */
static void gain(uint32_t line, uint32_t owner)
{
	struct shown *s = metaentry_shown(owner);

	lines[line].owner = owner;
	lines[line].older = s->line;
	s->line = line & 0x7fffffff;
}

/* Of its lines of attributes the second, or of its lines of files the first; or ATTRS_NONE. */
static uint32_t surplus(const struct shown *s, bool of_opens)
{
	unsigned found = of_opens;
	uint32_t line;

	for (line = s->line; line != ATTRS_NONE; line = lines[line].older)
		if (is_open(line) == of_opens && found++)
			break;
	return line;
}

static void make_place(uint32_t owner, bool of_opens)
{
	uint32_t line = surplus(metaentry_shown(owner), of_opens);

	if (line != ATTRS_NONE)
		lose(line, drop(line));
}

void shown_put(uint32_t owner, const struct attrs_ask *ask, const struct attrs_answer *answer)
{
	bool was_marked = false;
	uint32_t line = attrfile_put(ask, answer, &was_marked);

	if (line == ATTRS_NONE)
		return;
	if (lines[line].owner)
		lose(line, was_marked);
	make_place(owner, false);
	gain(line, owner);
}

struct opens_ticket shown_open(uint32_t owner, const struct opentable_about *about)
{
	struct opens_ticket ticket;
	uint32_t line;

	make_place(owner, true);
	ticket = opentable_reserve(about);
	if (ticket.line == OPENS_NONE)
		return ticket;
	line = ATTRS_LINES + ticket.line;
	if (lines[line].owner)
		lose(line, false);
	gain(line, owner);
	return ticket;
}

void shown_withdraw(struct shown *s)
{
	while (s->line != ATTRS_NONE)
		lose(s->line, drop(s->line));
}

bool shown_is_taken(const struct shown *s)
{
	bool taken = s->was_taken;

	for (uint32_t line = s->line; line != ATTRS_NONE && !taken; line = lines[line].older)
		taken = !is_open(line) && attrfile_is_marked(line);
	return taken;
}

void shown_reset(struct shown *s)
{
	shown_withdraw(s);
	s->was_taken = false;
}

void shown_moved(const struct shown *s, uint32_t owner)
{
	for (uint32_t line = s->line; line != ATTRS_NONE; line = lines[line].older)
		lines[line].owner = owner;
}
