// SPDX-License-Identifier: Apache-2.0
/* Signatures against what AWS published and what botocore computed: tests/golden/sigv4. */
#include "core/sigv4.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  4096
#define COLUMNS_MAX 10

/* Columns of a vector, from `method` on. */
enum { METHOD, HOST, TARGET, TOKEN, FIELDS, AUTHORIZATION, COLUMNS };

static void add_fields(struct header_list *fields, char *text)
{
	char *save = NULL;

	if (!strcmp(text, "-"))
		return;
	for (char *one = strtok_r(text, "|", &save); one; one = strtok_r(NULL, "|", &save))
		cr_assert_eq(header_add_line(fields, one, strlen(one)), 0, "%s", one);
}

static void check(const struct sigv4_key *key, int64_t now_s, char *const *column)
{
	struct header_list fields = {0};
	struct sigv4_subject subject = {
		.method = column[METHOD],
		.host = column[HOST],
		.target = column[TARGET],
		.body_hash = SIGV4_EMPTY_BODY,
	};

	add_fields(&fields, column[FIELDS]);
	if (!strcmp(key->service, "s3"))
		header_add(&fields, "X-Amz-Content-Sha256", SIGV4_EMPTY_BODY);
	cr_assert_eq(sigv4_sign(key, &subject, now_s, &fields), 0);
	cr_assert_str_eq(header_get(&fields, "Authorization"), column[AUTHORIZATION], "%s %s\n%s",
			 column[METHOD], column[TARGET], header_get(&fields, "Authorization"));
	header_clear(&fields);
}

static int split(char *line, char *column[COLUMNS_MAX])
{
	char *save = NULL;
	int count = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *one = strtok_r(line, "\t", &save); one && count < COLUMNS_MAX;
	     one = strtok_r(NULL, "\t", &save))
		column[count++] = one;
	return count;
}

/* Returns how many vectors it checked. */
static int check_file(const char *path, bool with_key)
{
	struct sigv4_key key = {
		.id = "AKIAIOSFODNN7EXAMPLE",
		.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		.region = "us-east-1",
		.service = "s3",
	};
	FILE *file = fopen(path, "re");
	int64_t now_s = 1369353600;
	char line[LINE_BYTES];
	char *column[COLUMNS_MAX];
	int count = 0;

	cr_assert_not_null(file, "%s: run from the top of the tree", path);
	while (fgets(line, sizeof(line), file)) {
		char **rest = column;

		if (line[0] == '#')
			continue;
		cr_assert_eq(split(line, column), COLUMNS + (with_key ? 4 : 0));
		if (with_key) {
			key.id = column[0];
			key.secret = column[1];
			key.service = column[2];
			now_s = atoll(column[3]);
			rest += 4;
		}
		key.token = strcmp(rest[TOKEN], "-") ? rest[TOKEN] : "";
		check(&key, now_s, rest);
		count++;
	}
	fclose(file);
	return count;
}

Test(core_sigv4, as_aws_published)
{
	cr_assert_eq(check_file("tests/golden/sigv4/aws.txt", true), 7);
}

Test(core_sigv4, as_botocore_signs)
{
	cr_assert_eq(check_file("tests/golden/sigv4/botocore.txt", false), 14);
}

Test(core_sigv4, refuses_what_no_header_can_hold)
{
	struct header_list fields = {0};
	struct sigv4_key key = {"A\nB", "s", "", "us-east-1", "s3"};
	struct sigv4_subject subject = {"GET", "h", "/", SIGV4_EMPTY_BODY};

	cr_assert_eq(sigv4_sign(&key, &subject, 0, &fields), -EINVAL);
	header_clear(&fields);
	key.id = "A";
	key.token = "x\r\nX-Evil: 1";
	cr_assert_eq(sigv4_sign(&key, &subject, 0, &fields), -EINVAL);
	header_clear(&fields);
}

Test(core_sigv4, refuses_more_parameters_than_any_request_has)
{
	struct header_list fields = {0};
	struct sigv4_key key = {"A", "s", "", "us-east-1", "s3"};
	struct sigv4_subject subject = {"GET", "h", NULL, SIGV4_EMPTY_BODY};
	char target[1024] = "/?";

	for (int i = 0; i < 100; i++)
		strcat(target, "a=1&");
	subject.target = target;
	cr_assert_eq(sigv4_sign(&key, &subject, 0, &fields), -EMSGSIZE);
	header_clear(&fields);
}
