/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/shebang.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

static char buf[SHEBANG_BYTES];

static int parse(const char *line, char **interp, char **arg)
{
	memset(buf, 0, sizeof(buf));
	memcpy(buf, line, strnlen(line, sizeof(buf)));
	*interp = NULL;
	*arg = NULL;
	return shebang_parse(buf, interp, arg);
}

static void expect(const char *line, const char *interp, const char *arg)
{
	char *i, *a;

	cr_assert_eq(parse(line, &i, &a), 1, "line '%s'", line);
	cr_assert_str_eq(i, interp);
	if (arg)
		cr_assert_str_eq(a, arg);
	else
		cr_assert_null(a);
}

static void refuse(const char *line, int error)
{
	char *i, *a;

	cr_assert_eq(parse(line, &i, &a), error, "line '%s'", line);
}

Test(core_shebang, ordinary)
{
	expect("#!/bin/sh\necho\n", "/bin/sh", NULL);
	expect("#! \t/bin/sh -e \t\n", "/bin/sh", "-e");
	expect("#!/usr/bin/env -S a b  c\n", "/usr/bin/env", "-S a b  c");
	expect("#!x\n", "x", NULL);
}

Test(core_shebang, without_newline)
{
	expect("#!/bin/sh", "/bin/sh", NULL);
	expect("#!/bin/sh ", "/bin/sh", "");
	expect("#!/bin/sh -x", "/bin/sh", "-x");
}

Test(core_shebang, refused)
{
	refuse("\x7f"
	       "ELF",
	       0);
	refuse("#", 0);
	refuse("", 0);
	refuse("#!\n", -ENOEXEC);
	refuse("#!  \t \n", -ENOEXEC);
}

Test(core_shebang, longer_than_the_buffer)
{
	char line[400];

	memset(line, 'a', sizeof(line));
	memcpy(line, "#!/", 3);
	line[399] = '\0';
	refuse(line, -ENOEXEC);

	/* the name ends within the buffer: the argument is cut at its end, as the kernel does */
	line[100] = ' ';
	memset(buf, 0, sizeof(buf));
	memcpy(buf, line, sizeof(buf));
	char *i, *a;
	cr_assert_eq(shebang_parse(buf, &i, &a), 1);
	cr_assert_eq(strlen(i), 98);
	cr_assert_eq(strlen(a), 255 - 101);

	memset(line + 2, ' ', sizeof(line) - 2);
	line[399] = '\0';
	refuse(line, -ENOEXEC);
}
