// SPDX-License-Identifier: Apache-2.0
/*
 * DeleteObject and DeleteObjects. The latter answers 200 with a verdict for each key, so every key
 * that was sent is looked for in the answer: one that is not mentioned may still be there. Those
 * for which the service was too busy are asked for again, without the others (core/batch.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"
#include "core/http/xml.h"
#include "core/scope.h"
#include "s3/s3.h"

#define NOT_SAID 1 /* no errno */

int s3_remove_build(const struct store_call *call, const struct store_site *site,
		    struct store_request *out)
{
	int ret;

	if (!call->bucket || !call->key || !call->key[0] || call->if_none_match)
		return -EINVAL;
	out->method = "DELETE";
	ret = s3_site_path(site, call->bucket, call->key, &out->target);
	return ret ? ret : s3_put_conditions(call, site, &out->fields);
}

int s3_remove_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check)
{
	(void)call, (void)answer, (void)check;
	return 0;
}

/* The version that is to go (API Reference, ObjectIdentifier; User Guide, "How to perform
 * conditional deletes"). */
static int add_etag(struct buffer *body, const char *etag, const struct store_site *site)
{
	char text[STORE_ETAG_BYTES];
	int ret;

	if (!etag || site->quirks & (STORE_QUIRK_BLIND_DELETE | STORE_QUIRK_CONDITIONS))
		return 0;
	ret = s3_put_match(etag, site->quirks & STORE_QUIRK_QUOTES, text);
	if (!ret)
		ret = buffer_add_text(body, "<ETag>");
	if (!ret)
		ret = xml_add_text(body, text);
	return ret ? ret : buffer_add_text(body, "</ETag>");
}

static int add_key(struct buffer *body, const char *key, const char *etag,
		   const struct store_site *site)
{
	int ret;

	if (!key[0])
		return -EINVAL;
	if (strlen(key) > S3_KEY_BYTES)
		return -ENAMETOOLONG;
	ret = buffer_add_text(body, "<Object><Key>");
	if (!ret)
		ret = xml_add_text(body, key);
	if (!ret)
		ret = buffer_add_text(body, "</Key>");
	if (!ret)
		ret = add_etag(body, etag, site);
	return ret ? ret : buffer_add_text(body, "</Object>");
}

int s3_remove_build_many(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	size_t picked[STORE_LIST_MAX], count;
	int ret;

	if (!call->bucket || !call->key_count || call->key_count > STORE_LIST_MAX)
		return -EINVAL;
	count = batch_pick(call, STORE_LIST_MAX, picked);
	if (site->quirks & STORE_QUIRK_NO_BATCH_DELETE)
		return -EOPNOTSUPP;
	out->method = "POST";
	ret = s3_site_path(site, call->bucket, NULL, &out->target);
	if (!ret)
		ret = uri_add_query(&out->target, "delete", "");
	if (!ret)
		ret = buffer_add_text(&out->body,
				      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < count && !ret; i++)
		ret = add_key(&out->body, call->keys[picked[i]],
			      call->key_etags ? call->key_etags[picked[i]] : NULL, site);
	if (!ret)
		ret = buffer_add_text(&out->body, "</Delete>");
	return ret ? ret : s3_put_document(out);
}

struct verdicts {
	const struct store_call *call;
	size_t picked[STORE_LIST_MAX]; /* of the call's keys, those that were asked for */
	int errors[STORE_LIST_MAX];    /* of these */
	size_t count;
	size_t said; /* of them, those that the answer has mentioned */
	size_t next; /* where the next key is looked for first: they come in order */
	bool seen_root, seen_key;
	char key[S3_KEY_BYTES + 1];
	char code[64];
};

/* The verdict on the key of an element that has ended. */
static int judge(struct verdicts *v, int error)
{
	const struct store_call *call = v->call;

	if (!v->seen_key)
		return -EBADMSG;
	for (size_t i = 0; i < v->count; i++) {
		size_t at = (v->next + i) % v->count;

		if (v->errors[at] != NOT_SAID || strcmp(call->keys[v->picked[at]], v->key) != 0)
			continue;
		v->errors[at] = error;
		v->said++;
		v->next = at + 1;
		return 0;
	}
	return 0; /* nobody asked for it */
}

static int judge_error(struct verdicts *v)
{
	enum store_cure cure = STORE_CURE_NONE;
	int error = -EIO;

	s3_fault_judge(v->code, &error, &cure);
	if (cure == STORE_CURE_WAIT)
		error = -EAGAIN;
	if (!strcmp(v->code, "NoSuchKey") || !strcmp(v->code, "NoSuchVersion"))
		error = 0;
	return judge(v, error);
}

static int on_begin(void *arg, const char *path)
{
	struct verdicts *v = arg;

	if (!strcmp(path, "DeleteResult"))
		v->seen_root = true;
	if (!strcmp(path, "DeleteResult/Deleted") || !strcmp(path, "DeleteResult/Error")) {
		v->seen_key = false;
		v->code[0] = '\0';
	}
	return 0;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct verdicts *v = arg;

	if (!strcmp(path, "DeleteResult/Deleted/Key") || !strcmp(path, "DeleteResult/Error/Key")) {
		v->seen_key = strlen(text) < sizeof(v->key);
		snprintf(v->key, sizeof(v->key), "%s", text);
	} else if (!strcmp(path, "DeleteResult/Error/Code")) {
		snprintf(v->code, sizeof(v->code), "%s", text);
	} else if (!strcmp(path, "DeleteResult/Deleted")) {
		return judge(v, 0);
	} else if (!strcmp(path, "DeleteResult/Error")) {
		return judge_error(v);
	}
	return 0;
}

int s3_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check)
{
	SCOPE_FREE struct verdicts *v = calloc(1, sizeof(*v));
	struct xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = v};
	int ret;

	(void)check;
	if (!v)
		return -ENOMEM;
	v->call = call;
	v->count = batch_pick(call, STORE_LIST_MAX, v->picked);
	for (size_t i = 0; i < v->count; i++)
		v->errors[i] = NOT_SAID;
	ret = xml_read(answer->body, answer->body_bytes, &visitor);
	if (ret)
		return ret;
	if (!v->seen_root)
		return s3_fault_in_body(answer) ? -EREMOTEIO : -EBADMSG;
	if (!v->said)
		return -EBADMSG;
	for (size_t i = 0; i < v->count; i++) {
		if (v->errors[i] == NOT_SAID)
			v->errors[i] = -EAGAIN; /* it may still be there */
	}
	ret = batch_note(call, v->picked, v->errors, v->count);
	/* what the answer says of it goes to the user */
	return call->key_errors && ret ? -EREMOTEIO : ret;
}

struct worst {
	struct store_fault *out;
	char key[128];
	char code[64];
	char text[256];
};

static void choose(struct worst *w)
{
	enum store_cure cure = STORE_CURE_NONE;
	int error = 0;

	s3_fault_judge(w->code, &error, &cure);
	if (w->out->code[0] || error == -ENOENT)
		return;
	strcpy(w->out->code, w->code);
	snprintf(w->out->detail, sizeof(w->out->detail), "%.100s: %.150s", w->key, w->text);
}

static int on_worst_begin(void *arg, const char *path)
{
	struct worst *w = arg;

	if (!strcmp(path, "DeleteResult/Error"))
		w->key[0] = w->code[0] = w->text[0] = '\0';
	return 0;
}

static int on_worst_end(void *arg, const char *path, const char *text)
{
	struct worst *w = arg;

	if (!strcmp(path, "DeleteResult/Error/Key"))
		snprintf(w->key, sizeof(w->key), "%s", text);
	else if (!strcmp(path, "DeleteResult/Error/Code"))
		snprintf(w->code, sizeof(w->code), "%s", text);
	else if (!strcmp(path, "DeleteResult/Error/Message"))
		snprintf(w->text, sizeof(w->text), "%s", text);
	else if (!strcmp(path, "DeleteResult/Error"))
		choose(w);
	return 0;
}

/* What was refused by an earlier answer of the call. */
static void recall(const struct store_call *call, struct store_fault *out)
{
	for (size_t i = 0; call->key_errors && i < call->key_count && !out->detail[0]; i++) {
		if (call->key_errors[i])
			snprintf(out->detail, sizeof(out->detail), "%.100s: %.100s", call->keys[i],
				 strerror(-call->key_errors[i]));
	}
}

void s3_remove_fault(const struct store_call *call, const struct store_answer *answer,
		     struct store_fault *out)
{
	struct worst w = {.out = out};
	struct xml_visitor visitor = {.begin = on_worst_begin, .end = on_worst_end, .arg = &w};

	(void)xml_read(answer->body, answer->body_bytes, &visitor);
	if (!out->code[0])
		recall(call, out);
}

/* The call ends with it: all that time may mend was tried before. */
void s3_remove_settle(const struct store_call *call, struct store_fault *out)
{
	if (!call->key_errors)
		return;
	out->cure = STORE_CURE_NONE;
	for (size_t i = 0; i < call->key_count; i++) {
		if (!call->key_errors[i])
			continue;
		out->error = call->key_errors[i];
		if (out->error != -ESTALE) /* the caller was prepared for that */
			return;
	}
}
