/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole driver on a store that is none of ours to script: the embedded one, started for each
 * test, or the one that SKYSHIM_TEST_ENDPOINT, SKYSHIM_TEST_ACCESS_KEY and SKYSHIM_TEST_SECRET_KEY
 * name. What was written is looked at with libcurl and its own signatures.
 */
#ifndef TESTS_UNIT_LIVE_RIG_H
#define TESTS_UNIT_LIVE_RIG_H

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/context.h"
#include "core/driver.h"
#include "core/log.h"
#include "core/store.h"
#include "s3/s3.h"

#define LIVE_START_MS 20000

static struct {
	bool embedded; /* it is ours: strict, and wrong on request */
	pid_t pid;
	char endpoint[128], access[64], secret[64];
	char bucket[64];
	char folder[64]; /* its port file, and whatever a test needs */
	const char *scheme;
	struct context *ctx;
} live = {.scheme = "http"};

static size_t live_take(char *data, size_t size, size_t count, void *arg)
{
	return buffer_add(arg, data, size * count) ? 0 : size * count;
}

/* One request by libcurl. Returns the status; out gets the head and, behind an empty line, the
 * body. */
static long live_curl(const char *method, const char *path, const char *form, struct buffer *out)
{
	CURL *easy = curl_easy_init();
	struct curl_slist *fields = NULL;
	char url[2048];
	long status = 0;

	snprintf(url, sizeof(url), "%s%s", live.endpoint, path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(easy, CURLOPT_NOBODY, !strcmp(method, "HEAD") ? 1L : 0L);
	if (form) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form);
	} else {
		fields = curl_slist_append(fields, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
		curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:s3");
		curl_easy_setopt(easy, CURLOPT_USERNAME, live.access); /* Swift's has a colon */
		curl_easy_setopt(easy, CURLOPT_PASSWORD, live.secret);
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
	}
	if (out) {
		curl_easy_setopt(easy, CURLOPT_HEADER, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, live_take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
	cr_assert_eq(curl_easy_perform(easy), CURLE_OK, "%s %s", method, url);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(fields);
	curl_easy_cleanup(easy);
	return status;
}

/* A fault of the embedded store, as tests/store/faults.h writes them. */
static inline void live_fault(const char *rule)
{
	SCOPE_BUFFER struct buffer form = BUFFER_INIT(1024);
	SCOPE_BUFFER struct buffer out = BUFFER_INIT(65536);

	buffer_add_text(&form, "fault=");
	uri_encode(&form, rule, strlen(rule), false);
	cr_assert_eq(live_curl("POST", "/_admin/config", buffer_text(&form), &out), 200, "%s",
		     buffer_text(&out));
}

static inline void live_program(char out[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 32);

	cr_assert_gt(len, 0);
	out[len] = '\0';
	*strrchr(out, '/') = '\0';
	strcpy(strrchr(out, '/'), "/skyshim-teststore");
}

/* Starts the embedded store; argument pairs may follow in extra, up to a NULL. */
static inline void live_start_store(const char *const *extra)
{
	const char *argv[24] = {"skyshim-teststore", "--port", "0", "--port-file", NULL,
				"--bucket",	     NULL};
	char program[PATH_MAX], file[128];
	FILE *port_file = NULL;
	unsigned port = 0;
	size_t argc = 7;

	live_program(program);
	snprintf(file, sizeof(file), "%s/port", live.folder);
	argv[4] = file;
	argv[6] = live.bucket;
	for (; extra && *extra; extra++)
		argv[argc++] = *extra;
	live.pid = fork();
	if (!live.pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(program, (char *const *)argv);
		_exit(127);
	}
	for (int i = 0; i < LIVE_START_MS && !port; i++) {
		port_file = fopen(file, "re");
		if (port_file && fscanf(port_file, "%u", &port) != 1)
			port = 0;
		if (port_file)
			fclose(port_file);
		usleep(1000);
	}
	cr_assert_neq(port, 0u, "the store does not start: make teststore?");
	snprintf(live.endpoint, sizeof(live.endpoint), "%s://127.0.0.1:%u", live.scheme, port);
	strcpy(live.access, "skyshimtest");
	strcpy(live.secret, "skyshimtestsecret");
}

static inline void live_start_driver(const char *more_env)
{
	SCOPE_BUFFER struct buffer env = BUFFER_INIT(4096);
	struct flight_limits flight = FLIGHT_LIMITS_DEFAULT;
	uint8_t id[WIRE_CTX_BYTES];

	buffer_addf(&env,
		    "AWS_ACCESS_KEY_ID=%s%cAWS_SECRET_ACCESS_KEY=%s%cAWS_ENDPOINT_URL=%s%c"
		    "AWS_CONFIG_FILE=/dev/null%cAWS_SHARED_CREDENTIALS_FILE=/dev/null%c%s",
		    live.access, 0, live.secret, 0, live.endpoint, 0, 0, 0, more_env);
	flight.retry_base_ms = 1;
	flight.retry_cap_ms = 20;
	driver_set_limits(NULL, &flight);
	cr_assert_eq(context_register(env.data, env.len + 1, &live.ctx, id), 0);
	cr_assert_eq(store_register(&s3_ops), 0);
	log_open("error");
	cr_assert_eq(store_start(0), 0);
}

static inline void live_setup(void)
{
	const char *endpoint = getenv("SKYSHIM_TEST_ENDPOINT");
	char path[80];

	strcpy(live.folder, "/tmp/skyshim-live.XXXXXX");
	cr_assert_not_null(mkdtemp(live.folder));
	snprintf(live.bucket, sizeof(live.bucket), "live-%d", (int)getpid());
	live.embedded = !endpoint;
	if (live.embedded) {
		live_start_store(NULL);
	} else {
		snprintf(live.endpoint, sizeof(live.endpoint), "%s", endpoint);
		snprintf(live.access, sizeof(live.access), "%s", getenv("SKYSHIM_TEST_ACCESS_KEY"));
		snprintf(live.secret, sizeof(live.secret), "%s", getenv("SKYSHIM_TEST_SECRET_KEY"));
		snprintf(path, sizeof(path), "/%s", live.bucket);
		cr_assert_eq(live_curl("PUT", path, NULL, NULL), 200);
	}
	live_start_driver("AWS_REGION=us-east-1");
}

static inline void live_stop_store(void)
{
	char file[128];

	if (live.pid > 0) {
		kill(live.pid, SIGTERM);
		waitpid(live.pid, NULL, 0);
	}
	snprintf(file, sizeof(file), "%s/port", live.folder);
	unlink(file);
	rmdir(live.folder);
}

static inline void live_teardown(void)
{
	store_stop();
	context_free_all();
	live_stop_store();
}

static inline struct store_call live_call(enum store_verb verb, const char *key)
{
	return (struct store_call){
		.verb = verb,
		.ctx = live.ctx,
		.scheme = "s3",
		.bucket = live.bucket,
		.key = key,
	};
}

#endif
