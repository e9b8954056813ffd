/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI text in AWS's dialect, read with inih: indented lines below "name =" are nested settings and
 * come as "name.inner". Sections and values may be longer than inih's own line buffer.
 */
#ifndef CORE_INI_H
#define CORE_INI_H

#define INI_LINE_BYTES 16384 /* a longer line is an error */

struct ini_line {
	const char *section;
	const char *name; /* nested: "s3.addressing_style" */
	const char *value;
	int number;
};

/* Calls visit for each setting. Returns 0; a line's number (1..) when that line is wrong or visit
 * returned an error for it. text is not changed. */
int ini_read(const char *text, int (*visit)(void *arg, const struct ini_line *line), void *arg);

#endif
