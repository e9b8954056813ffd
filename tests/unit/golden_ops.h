/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden requests and answers: each file of a back end's folder in tests/golden is one call, the
 * request it must become, an answer, and what must be made of it.
 *
 *	call VERB NAME=VALUE...		fields of struct store_call, percent-encoded; source=TEXT,
 *					user.NAME=VALUE and field.NAME=VALUE of a write; step and
 *					carry of a request that is not the call's first
 *	names WHAT			tree, flat: what is known of the store
 *	env NAME=VALUE			the context; without an endpoint, the vendor's own
 *	> METHOD URL			the request, then its header fields and, behind "body: " and
 *					"tail: ", what build wrote, with "\n" for line ends; or
 *					"> ERRNO". Random numbers (32 hex digits behind "skyshim-")
 *					are zeros.
 *	< STATUS			the answer, then its header fields
 *	| TEXT				a line of its body, without a line end
 *	|+ TEXT				the same, with CRLF behind it
 *	= LINE				what parse or fault made of it
 */
#ifndef TESTS_UNIT_GOLDEN_OPS_H
#define TESTS_UNIT_GOLDEN_OPS_H

#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"
#include "core/config.h"
#include "core/http/uri.h"

#define GOLDEN_FILES_MIN 20 /* so that a wrong pattern does not pass by testing nothing */

/* Set before golden_run(). */
static struct {
	const struct store_ops *ops;
	const char *env; /* what every context has: "NAME=VALUE\0..." */
	size_t env_bytes;
} golden;

struct golden_file {
	const char *path;
	struct store_call call;
	struct buffer env, request, body, result; /* as the file says */
	struct header_list fields;
	int status;
	enum store_names names;
	char *owned[32];
	size_t owned_count;
	struct store_pair user[4], kept[4];
	struct store_pairs users, fields_kept;
	struct store_sums sums; /* of the source */
	const char *keys[4];
	const char *etags[4];
	struct store_part parts[4];
};

static const char *error_name(int error)
{
	return error ? strerrorname_np(-error) : "0";
}

static char *decoded(struct golden_file *g, const char *text)
{
	char *copy = strdup(text);

	g->owned[g->owned_count++] = copy;
	cr_assert_geq(uri_decode(copy), 0);
	return copy;
}

static void set_source(struct golden_file *g, const char *text)
{
	const char *bytes = decoded(g, text);
	struct digest_run run = {0};
	uint8_t crc32c[DIGEST_MAX_BYTES];

	g->call.source.bytes = strlen(bytes);
	cr_assert_eq(digest_md5(bytes, strlen(bytes), g->sums.md5), 0);
	cr_assert_eq(digest_run_start(&run, DIGEST_CRC32C), 0);
	cr_assert_eq(digest_run_add(&run, bytes, strlen(bytes)), 0);
	cr_assert_eq(digest_run_end(&run, crc32c), DIGEST_CRC_BYTES);
	memcpy(g->sums.crc32c, crc32c, DIGEST_CRC_BYTES);
}

/* "NUMBER:ETAG" */
static void add_part(struct golden_file *g, const char *text)
{
	char *colon;
	unsigned long number = strtoul(text, &colon, 10);

	g->parts[g->call.part_count++] =
		(struct store_part){(unsigned)number, decoded(g, colon + 1)};
}

static void add_pair(struct golden_file *g, struct store_pairs *pairs, char *name,
		     const char *value)
{
	pairs->pair[pairs->count++] = (struct store_pair){name, decoded(g, value)};
	if (pairs == &g->users)
		g->call.set_user = pairs;
	else
		g->call.set_fields = pairs;
}

static void set_field(struct golden_file *g, char *name, const char *value)
{
	struct store_call *c = &g->call;

	if (!strcmp(name, "source"))
		set_source(g, value);
	else if (!strcmp(name, "upload"))
		c->upload = decoded(g, value);
	else if (!strcmp(name, "part"))
		c->part = (unsigned)strtoul(value, NULL, 10);
	else if (!strcmp(name, "step"))
		c->step = (unsigned)strtoul(value, NULL, 10);
	else if (!strcmp(name, "carry"))
		c->carry = decoded(g, value);
	else if (!strcmp(name, "parts"))
		add_part(g, value);
	else if (!strcmp(name, "from_bucket"))
		c->from_bucket = decoded(g, value);
	else if (!strcmp(name, "from_key"))
		c->from_key = decoded(g, value);
	else if (!strcmp(name, "from_etag"))
		c->from_etag = decoded(g, value);
	else if (!strcmp(name, "keys"))
		g->keys[c->key_count++] = decoded(g, value);
	else if (!strcmp(name, "etag")) /* of the key before it */
		g->etags[c->key_count - 1] = decoded(g, value);
	else if (!strncmp(name, "user.", 5))
		add_pair(g, &g->users, decoded(g, name + 5), value);
	else if (!strncmp(name, "field.", 6))
		add_pair(g, &g->fields_kept, decoded(g, name + 6), value);
	else if (!strcmp(name, "bucket"))
		c->bucket = decoded(g, value);
	else if (!strcmp(name, "key"))
		c->key = decoded(g, value);
	else if (!strcmp(name, "offset"))
		c->offset = strtoull(value, NULL, 10);
	else if (!strcmp(name, "append_at"))
		c->append_at = strtoull(value, NULL, 10);
	else if (!strcmp(name, "length"))
		c->length = strtoull(value, NULL, 10);
	else if (!strcmp(name, "if_match"))
		c->if_match = decoded(g, value);
	else if (!strcmp(name, "if_none_match"))
		c->if_none_match = decoded(g, value);
	else if (!strcmp(name, "delimiter"))
		c->delimiter = value[0];
	else if (!strcmp(name, "after"))
		c->after = decoded(g, value);
	else if (!strcmp(name, "token"))
		c->token = decoded(g, value);
	else if (!strcmp(name, "max"))
		c->max_entries = (unsigned)strtoul(value, NULL, 10);
	else
		cr_assert_fail("%s: no field %s", g->path, name);
}

static void set_call(struct golden_file *g, char *text)
{
	static const char *const verbs[STORE_VERBS] = {
		"head",	     "get",	    "list",  "buckets",		"put",
		"delete",    "delete_many", "copy",  "multipart_begin", "part",
		"part_copy", "complete",    "abort", "rename",		"uploads"};
	char *save = NULL;
	char *word = strtok_r(text, " ", &save);

	for (int i = 0; i < STORE_VERBS; i++) {
		if (!strcmp(word, verbs[i]))
			g->call.verb = (enum store_verb)i;
	}
	while ((word = strtok_r(NULL, " ", &save))) {
		char *equals = strchr(word, '=');

		*equals = '\0';
		set_field(g, word, equals + 1);
	}
}

static void read_line(struct golden_file *g, char *line)
{
	if (!strncmp(line, "call ", 5)) {
		set_call(g, line + 5);
	} else if (!strncmp(line, "names ", 6)) {
		g->names = strcmp(line + 6, "tree") ? STORE_NAMES_FLAT : STORE_NAMES_TREE;
	} else if (!strncmp(line, "env ", 4)) {
		buffer_add(&g->env, line + 4, strlen(line + 4) + 1);
	} else if (line[0] == '>') {
		buffer_addf(&g->request, "%s\n", line + 2);
	} else if (line[0] == '<' && !g->status) {
		g->status = atoi(line + 2);
	} else if (line[0] == '<') {
		cr_assert_eq(header_add_line(&g->fields, line + 2, strlen(line + 2)), 0);
	} else if (line[0] == '|' && line[1] == '+') {
		buffer_addf(&g->body, "%s\r\n", line + 2 + (line[2] == ' '));
	} else if (line[0] == '|') {
		buffer_add_text(&g->body, line + 1);
	} else if (line[0] == '=') {
		buffer_addf(&g->result, "%s\n", line + 2);
	}
}

static void load(struct golden_file *g, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	*g = (struct golden_file){.path = path, .sums.has_md5 = true, .sums.has_crc32c = true};
	g->env.max = g->request.max = g->body.max = g->result.max = 1 << 20;
	g->users.pair = g->user;
	g->fields_kept.pair = g->kept;
	g->call.keys = g->keys;
	g->call.key_etags = g->etags;
	g->call.parts = g->parts;
	g->call.scheme = golden.ops->scheme;
	g->call.key = "";
	while ((len = getline(&line, &cap, file)) > 0) {
		line[len - 1] = '\0';
		read_line(g, line);
	}
	free(line);
	fclose(file);
	buffer_add(&g->env, golden.env, golden.env_bytes);
}

static void put_object(struct buffer *out, const struct store_object *object)
{
	buffer_addf(out, "size=%" PRIu64 " mtime_ns=%" PRId64 " etag=%s\n", object->size,
		    object->mtime_ns, object->etag);
}

static void put_pairs(struct buffer *out, const char *kind, const struct store_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++)
		buffer_addf(out, "%s %s=%s\n", kind, pairs->pair[i].name, pairs->pair[i].value);
}

static void put_list(struct buffer *out, const struct store_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct store_entry *e = &list->entries[i];

		buffer_add_text(out, e->is_prefix ? "prefix " : "entry ");
		uri_encode(out, e->name, strlen(e->name), true);
		buffer_addf(out, " %s%s", e->upload ? e->upload : "", e->upload ? " " : "");
		put_object(out, &e->object);
	}
	buffer_addf(out, "next=%s\n", list->next_token ? list->next_token : "none");
}

static void put_fault(struct golden_file *g, const struct store_site *site,
		      const struct store_answer *answer, struct buffer *out)
{
	static const char *const cures[] = {"none", "wait", "region", "clock", "resend", "renew"};
	struct store_fault f = {0};

	golden.ops->fault(&g->call, site, answer, &f);
	if (f.done) {
		buffer_add_text(out, "done\n");
		return;
	}
	if (f.passes) {
		buffer_addf(out, "passes%s\n", f.names == STORE_NAMES_FLAT ? ", flat" : "");
		return;
	}
	buffer_addf(out, "error=%s cure=%s code=%s region=%s id=%s\ndetail=%s\n",
		    error_name(f.error), cures[f.cure], f.code, f.region, f.request_id, f.detail);
}

static void put_step(const struct store_call *call, bool waits, struct buffer *out)
{
	buffer_add_text(out, waits ? "waits, " : "");
	buffer_add_text(out, call->is_made ? "made, carry=" : "carry=");
	for (const char *c = call->carry_out ? call->carry_out : "none"; *c; c++)
		buffer_add_char(out, *c == '\n' ? ' ' : *c);
	buffer_add_char(out, '\n');
	if (call->is_made)
		put_object(out, &call->object);
}

static void put_success(struct golden_file *g, const struct store_site *site,
			const struct store_answer *answer, struct buffer *out)
{
	static const char *const kinds[] = {"none", "md5", "sha256", "crc32", "crc32c"};
	struct store_check check = {0};
	int ret = golden.ops->verb[g->call.verb].parse(&g->call, answer, &check);

	for (size_t i = 0; g->call.key_errors && i < g->call.key_count; i++)
		buffer_addf(out, "key %s=%s\n", g->keys[i], error_name(g->call.key_errors[i]));
	if (ret == -EREMOTEIO)
		put_fault(g, site, answer, out);
	else if (ret == -EINPROGRESS || ret == -EAGAIN)
		put_step(&g->call, ret == -EAGAIN, out);
	else if (ret)
		buffer_addf(out, "error=%s\n", error_name(ret));
	else if (g->call.part_id)
		buffer_addf(out, "part=%s\n", g->call.part_id);
	else if (g->call.verb == STORE_MULTIPART_BEGIN)
		buffer_addf(out, "upload=%s\n", g->call.upload_id);
	else if (g->call.verb == STORE_DELETE || g->call.verb == STORE_DELETE_MANY ||
		 g->call.verb == STORE_ABORT)
		buffer_add_text(out, "done\n");
	else if (g->call.verb == STORE_LIST || g->call.verb == STORE_BUCKETS ||
		 g->call.verb == STORE_UPLOADS)
		put_list(out, &g->call.list);
	else
		put_object(out, &g->call.object);
	put_pairs(out, "user", &g->call.user);
	put_pairs(out, "field", &g->call.fields);
	if (!ret && (g->call.verb == STORE_GET || golden.ops->verb[g->call.verb].streams))
		buffer_addf(out, "check=%s %s\n", kinds[check.kind], check.text);
}

/* One line of what build wrote. */
static void put_written(const char *name, const struct buffer *written, struct buffer *out)
{
	static const char random[] = "skyshim-";
	char *at;

	if (!written->len)
		return;
	buffer_addf(out, "%s: ", name);
	for (const char *c = written->data; *c; c++) {
		if (*c == '\n')
			buffer_add_text(out, "\\n");
		else if (*c != '\r')
			buffer_add_char(out, *c);
	}
	buffer_add_char(out, '\n');
	for (at = strstr(out->data, random); at; at = strstr(at, random)) {
		at += strlen(random);
		if (strspn(at, "0123456789abcdef") == 32)
			memset(at, '0', 32);
	}
}

static void put_request(struct golden_file *g, const struct store_site *site, struct buffer *out)
{
	struct store_request request = {
		.target = BUFFER_INIT(STORE_TARGET_BYTES),
		.body = BUFFER_INIT(STORE_BODY_BYTES),
		.tail = BUFFER_INIT(STORE_BODY_BYTES),
		.sums = &g->sums,
		.streams = golden.ops->verb[g->call.verb].streams,
		.source_bytes = g->call.source.bytes,
	};
	int ret = golden.ops->verb[g->call.verb].build(&g->call, site, &request);

	if (ret < 0)
		buffer_addf(out, "%s\n", error_name(ret));
	else
		buffer_addf(out, "%s %s%s\n", request.method,
			    request.beside ? site->beside : site->origin,
			    buffer_text(&request.target));
	for (size_t i = 0; i < request.fields.count && !ret; i++)
		buffer_addf(out, "%s: %s\n", request.fields.field[i].name,
			    request.fields.field[i].value);
	if (!ret) {
		put_written("body", &request.body, out);
		put_written("tail", &request.tail, out);
	}
	buffer_free(&request.body);
	buffer_free(&request.tail);
	header_clear(&request.fields);
	buffer_free(&request.target);
}

static void check_file(const char *path)
{
	SCOPE_BUFFER struct buffer request = BUFFER_INIT(1 << 20);
	SCOPE_BUFFER struct buffer result = BUFFER_INIT(1 << 20);
	struct golden_file g;
	struct store_site site;
	struct creds creds;
	struct store_answer answer;
	char message[STORE_MESSAGE_BYTES];
	uint8_t id[WIRE_CTX_BYTES];
	int ret;

	load(&g, path);
	cr_assert_eq(context_register(g.env.data, g.env.len, &g.call.ctx, id), 0, "%s", path);
	ret = golden.ops->locate(&g.call, NULL, &site, &creds, message);
	cr_assert_eq(ret, 0, "%s: %s", path, message);
	site.names = g.names;
	put_request(&g, &site, &request);
	cr_assert_str_eq(buffer_text(&request), buffer_text(&g.request), "%s\n%s", path,
			 buffer_text(&request));

	answer = (struct store_answer){
		.status = g.status,
		.fields = &g.fields,
		.body = buffer_text(&g.body),
		.body_bytes = g.body.len,
	};
	if (g.status >= 200 && g.status < 300)
		put_success(&g, &site, &answer, &result);
	else if (g.status)
		put_fault(&g, &site, &answer, &result);
	if (g.call.names == STORE_NAMES_TREE)
		buffer_addf(&result, "a tree%s\n", g.call.is_directory ? ", a directory" : "");
	cr_assert_str_eq(buffer_text(&result), buffer_text(&g.result), "%s\n%s", path,
			 buffer_text(&result));

	store_call_reset(&g.call);
	header_clear(&g.fields);
	buffer_free(&g.env);
	buffer_free(&g.request);
	buffer_free(&g.body);
	buffer_free(&g.result);
	for (size_t i = 0; i < g.owned_count; i++)
		free(g.owned[i]);
}

static void golden_run(const char *pattern)
{
	glob_t files;

	cr_assert_eq(glob(pattern, 0, NULL, &files), 0, "run from the top of the tree");
	cr_assert_geq(files.gl_pathc, (size_t)GOLDEN_FILES_MIN);
	for (size_t i = 0; i < files.gl_pathc; i++)
		check_file(files.gl_pathv[i]);
	globfree(&files);
	config_free_all();
	context_free_all();
}

#endif
