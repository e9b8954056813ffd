/* SPDX-License-Identifier: Apache-2.0 */
/* The admin interface: see admin.h. */
#include "tests/store/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/exchange.h"
#include "tests/store/objects.h"
#include "tests/store/settings.h"
#include "tests/store/stats.h"

#define PATH_PREFIX    "/_admin/"
#define LATENCY_MS_MAX 600000u
#define KB	       1000u

struct form {
	const struct uri_params *query;
	struct uri_params body;
};

static const char *field(const struct form *f, const char *name)
{
	const char *value = uri_params_get(f->query, name);

	return value ? value : uri_params_get(&f->body, name);
}

static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *text != '-';
}

static bool number_field(const struct form *f, const char *name, uint64_t fallback, uint64_t *out)
{
	const char *text = field(f, name);

	*out = fallback;
	return !text || parse_number(text, out);
}

int admin_set(const char *name, const char *value, const char **why_out)
{
	uint64_t number;

	if (!strcmp(name, "fault")) {
		if (strcmp(value, "none") != 0)
			return faults_add(value, why_out);
		faults_clear();
		return 0;
	}
	if (strcmp(name, "latency_ms") != 0 && strcmp(name, "bandwidth_kbs") != 0 &&
	    strcmp(name, "discard") != 0)
		return -ENOENT;
	*why_out = "not a number in range";
	if (!parse_number(value, &number))
		return -EINVAL;
	if (!strcmp(name, "bandwidth_kbs")) {
		if (number > UINT64_MAX / KB)
			return -EINVAL;
		settings.bandwidth_bytes = number * KB;
	} else if (!strcmp(name, "discard")) {
		if (number > 1)
			return -EINVAL;
		settings.discards = number;
	} else {
		if (number > LATENCY_MS_MAX)
			return -EINVAL;
		settings.latency_ms = (unsigned)number;
	}
	return 0;
}

static void fail(struct reply *r, int status, const char *why)
{
	reply_reset(r);
	r->status = status;
	reply_header(r, "Content-Type", "text/plain");
	buf_printf(&r->text, "%s\n", why);
}

static void ok_json(struct reply *r)
{
	r->status = 200;
	reply_header(r, "Content-Type", "application/json");
}

static void get_stats(const struct form *f, struct reply *r)
{
	(void)f;
	stats_json(&r->text);
	ok_json(r);
}

static void get_log(const struct form *f, struct reply *r)
{
	(void)f;
	stats_log_json(&r->text);
	ok_json(r);
}

static void post_reset(const struct form *f, struct reply *r)
{
	(void)f;
	stats_reset();
	buf_str(&r->text, "{}\n");
	ok_json(r);
}

static void get_config(const struct form *f, struct reply *r)
{
	(void)f;
	buf_printf(&r->text, "{\"latency_ms\":%u,\"bandwidth_kbs\":%llu,\"discard\":%d,\"faults\":",
		   settings.latency_ms, settings.bandwidth_bytes / KB, settings.discards);
	faults_json(&r->text);
	buf_str(&r->text, "}\n");
	ok_json(r);
}

static void post_config(const struct form *f, struct reply *r)
{
	const struct uri_params *lists[] = {f->query, &f->body};

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < lists[i]->count; j++) {
			const char *why =
				"no such setting: latency_ms, bandwidth_kbs, discard, fault";

			if (admin_set(lists[i]->items[j].name, lists[i]->items[j].value, &why)) {
				fail(r, 400, why);
				return;
			}
		}
	}
	get_config(f, r);
}

static void post_generate(const struct form *f, struct reply *r)
{
	const char *key = field(f, "key");
	const char *prefix = field(f, "prefix");
	const char *suffix = field(f, "suffix");
	struct admin_tree t = {.bucket = field(f, "bucket"),
			       .prefix = key	  ? key
					 : prefix ? prefix
						  : "",
			       .suffix = suffix ? suffix : "",
			       .kind = field(f, "text") ? GENERATE_TEXT : GENERATE_BINARY};
	uint64_t mtime;
	int err;

	if (!t.bucket || !number_field(f, "size", 0, &t.size) ||
	    !number_field(f, "count", key ? 0 : 1, &t.count) ||
	    !number_field(f, "fanout", 0, &t.fanout) || !number_field(f, "levels", 1, &t.levels) ||
	    !number_field(f, "mtime", 0, &mtime) || mtime > INT64_MAX) {
		fail(r, 400, "bucket=, and numbers in size, count, fanout, levels, mtime");
		return;
	}
	t.mtime_s = (int64_t)mtime;
	err = admin_generate(&t);
	if (err) {
		fail(r, err == -ENOMEM ? 500 : 400, strerror(-err));
		return;
	}
	buf_printf(&r->text, "{\"objects\":%llu}\n", (unsigned long long)(t.count ? t.count : 1));
	ok_json(r);
}

static void get_sha256(const struct form *f, struct reply *r)
{
	const char *bucket = field(f, "bucket");
	const char *key = field(f, "key");
	struct object *o;
	char hex[65];

	if (!bucket || !key || objects_get(bucket, key, strlen(key), &o)) {
		fail(r, 404, "no such object: bucket=, key=");
		return;
	}
	if (content_digest(o->content, "SHA256", hex, sizeof(hex)))
		fail(r, 500, "no memory");
	else
		buf_printf(&r->text, "{\"sha256\":\"%s\",\"size\":%llu}\n", hex,
			   (unsigned long long)content_bytes(o->content));
	if (!r->status)
		ok_json(r);
	object_put(o);
}

static const struct {
	const char *method;
	const char *name;
	void (*run)(const struct form *f, struct reply *r);
} commands[] = {
	{"GET", "stats", get_stats},	 {"GET", "log", get_log},
	{"POST", "reset", post_reset},	 {"GET", "config", get_config},
	{"POST", "config", post_config}, {"POST", "generate", post_generate},
	{"GET", "sha256", get_sha256},
};

static void begin(struct request *req)
{
	req->verb = "Admin";
	req->body_max = 1u << 20;
}

static bool settle(struct request *req, struct reply *reply)
{
	if (req->from_loopback && !req->malformed)
		return false;
	fail(reply, req->malformed ? 400 : 403, "malformed, or not from this machine");
	return true;
}

static void handle(struct request *req, struct reply *reply)
{
	const char *name = req->path + strlen(PATH_PREFIX);
	struct form f = {.query = &req->params};
	char *text = req->body_bytes ? strndup(req->body, req->body_bytes) : NULL;

	if (req->body_too_big || (text && uri_params_parse(text, &f.body))) {
		fail(reply, 400, "the body is no form, or too long");
		free(text);
		return;
	}
	fail(reply, 404, "GET stats, log, config, sha256; POST reset, config, generate");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].method, req->method) != 0 ||
		    strcmp(commands[i].name, name) != 0)
			continue;
		reply_reset(reply);
		commands[i].run(&f, reply);
	}
	if (reply->text.failed)
		fail(reply, 500, "the answer is too long");
	uri_params_free(&f.body);
	free(text);
}

static void fault(struct request *req, const struct fault *fault, struct reply *reply)
{
	(void)req;
	(void)fault;
	(void)reply; /* no rule ever matches an admin request */
}

static void end(struct request *req)
{
	(void)req;
}

const struct dialect admin_dialect = {
	.name = "admin",
	.begin = begin,
	.settle = settle,
	.handle = handle,
	.fault = fault,
	.end = end,
};
