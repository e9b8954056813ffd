// SPDX-License-Identifier: Apache-2.0
#include "core/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/skyshim-log-XXXXXX";

static void open_log(const char *level)
{
	char spec[128];

	close(mkstemp(path));
	snprintf(spec, sizeof(spec), "%s:%s", level, path);
	cr_assert_eq(log_open(spec), 0);
}

static char *read_back(void)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "r");

	fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	unlink(path);
	log_close();
	return text;
}

Test(core_log, refuses_an_unknown_level)
{
	cr_assert_eq(log_open("loud"), -EINVAL);
	cr_assert_eq(log_open("warning"), -EINVAL);
	cr_assert_eq(log_open("warn:/nonexistent/dir/file"), -ENOENT);
	cr_assert(log_enabled(LOG_LEVEL_WARN));
	cr_assert_not(log_enabled(LOG_LEVEL_INFO));
}

Test(core_log, writes_what_the_level_allows)
{
	char *text;

	open_log("info");
	log_error("one");
	log_info("two %d", 2);
	log_debug("three");
	text = read_back();
	cr_assert_not_null(strstr(text, " error: one\n"));
	cr_assert_not_null(strstr(text, " info: two 2\n"));
	cr_assert_null(strstr(text, "three"));
	free(text);
}

Test(core_log, a_message_cannot_forge_a_line)
{
	char *text;

	open_log("warn");
	log_warn("%s", "a\nb\x1b[31mc\x7f");
	text = read_back();
	cr_assert_not_null(strstr(text, "a\\x0ab\\x1b[31mc\\x7f\n"));
	free(text);
}

Test(core_log, cuts_long_lines)
{
	static char big[LOG_LINE_BYTES * 2];
	char *text;

	memset(big, '\n', sizeof(big) - 1);
	open_log("warn");
	log_warn("%s", big);
	text = read_back();
	cr_assert_leq(strlen(text), (size_t)LOG_LINE_BYTES + 64);
	cr_assert_eq(text[strlen(text) - 1], '\n');
	free(text);
}

static char who[] = "x";

static void *chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_warn("thread %s says the same long thing again and again", (char *)arg);
	return NULL;
}

Test(core_log, lines_of_threads_do_not_mix)
{
	pthread_t thread[4];
	size_t lines = 0;
	char *text;

	open_log("warn");
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, chatter, who);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	text = read_back();
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		lines++;
		*end = '\0';
		cr_assert_not_null(
			strstr(line, "thread x says the same long thing again and again"));
		cr_assert_lt(strlen(line), 140u);
	}
	cr_assert_eq(lines, 2000u);
	free(text);
}
