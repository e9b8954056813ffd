// SPDX-License-Identifier: Apache-2.0
#include "core/ini.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

static struct buffer seen = {.max = 1 << 20};

static int on_line(void *arg, const struct ini_line *line)
{
	(void)arg;
	if (!strcmp(line->name, "bad"))
		return -EINVAL;
	return buffer_addf(&seen, "%d[%s]%s=%s;", line->number, line->section, line->name,
			   line->value);
}

static int read_ini(const char *text)
{
	buffer_clear(&seen);
	return ini_read(text, on_line, NULL);
}

Test(core_ini, reads_sections_and_settings)
{
	cr_assert_eq(
		read_ini("# c\n[default]\nregion = eu-west-1\n; c\n\n[ profile x ]\r\na=b=c\r\n"),
		0);
	cr_assert_str_eq(buffer_text(&seen), "3[default]region=eu-west-1;7[ profile x ]a=b=c;");
}

Test(core_ini, reads_nested_settings)
{
	cr_assert_eq(read_ini("[s]\ns3 =\n  addressing_style = path\n\tendpoint_url = http://h:1\n"
			      "region = x\n"),
		     0);
	cr_assert_str_eq(buffer_text(&seen), "2[s]s3=;3[s]s3.addressing_style=path;"
					     "4[s]s3.endpoint_url=http://h:1;5[s]region=x;");
}

Test(core_ini, a_new_section_ends_nesting)
{
	cr_assert_eq(read_ini("[s]\ns3 =\n[t]\n  a = b\n"), 0);
	cr_assert_str_eq(buffer_text(&seen), "2[s]s3=;4[t]a=b;");
}

Test(core_ini, long_values_and_sections_stay_whole)
{
	char text[40000];
	char token[5000];
	char expected[40000];

	memset(token, 't', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "[profile a-very-long-name-of-an-account-and-a-role-in-an-organisation]\n"
		 "aws_session_token = %s \nn =\n  in = %s\n[%s]\na=1\n# %s\n",
		 token, token, token, token);
	snprintf(expected, sizeof(expected),
		 "2[profile a-very-long-name-of-an-account-and-a-role-in-an-organisation]"
		 "aws_session_token=%s;"
		 "3[profile a-very-long-name-of-an-account-and-a-role-in-an-organisation]n=;"
		 "4[profile a-very-long-name-of-an-account-and-a-role-in-an-organisation]n.in=%s;"
		 "6[%s]a=1;",
		 token, token, token);
	cr_assert_eq(read_ini(text), 0);
	cr_assert_str_eq(buffer_text(&seen), expected);
}

Test(core_ini, says_which_line_is_wrong)
{
	static char huge[2 * INI_LINE_BYTES];

	cr_assert_eq(read_ini("[a]\nx = 1\nnonsense\ny = 2\n"), 3);
	cr_assert_eq(read_ini("[a\nx = 1\n"), 1);
	cr_assert_eq(read_ini("[a]\n\nbad = 1\nnonsense\n"), 3);
	memset(huge, 'x', sizeof(huge) - 1);
	memcpy(huge, "a=1\nb=", 6);
	cr_assert_eq(read_ini(huge), 2);
}

Test(core_ini, odd_ends)
{
	cr_assert_eq(read_ini(""), 0);
	cr_assert_eq(read_ini("\n\n"), 0);
	cr_assert_eq(read_ini("[a]\nb=c"), 0);
	cr_assert_str_eq(buffer_text(&seen), "2[a]b=c;");
	cr_assert_eq(read_ini("  indented = 1\n"), 0);
}
