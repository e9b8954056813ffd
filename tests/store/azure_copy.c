/* SPDX-License-Identifier: Apache-2.0 */
/* Copies within the store: Copy Blob, Copy Blob From URL, Put Blob From URL. */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/store/azure_beside.h"
#include "tests/store/bearer.h"
#include "tests/store/precondition.h"
#include "tests/store/scope.h"
#include "tests/store/settings.h"

#define SYNC_MAX (256ull << 20) /* bytes of a Copy Blob From URL */

/* An address of this store's, taken apart; text is what the rest points into. */
struct address {
	char *text;
	const char *container, *blob;
	struct uri_params params;
};

static void free_address(struct address *a)
{
	free(a->text);
	uri_params_free(&a->params);
}

/* "http://HOST/ACCOUNT/CONTAINER/BLOB[?QUERY]", of the host that we are called by. */
static int parse(struct azure_call *c, const char *url, struct address *out)
{
	const char *host = azure_header(c, "Host");
	const char *at = strstr(url, "://");
	size_t account_len = strlen(settings.azure_account);
	char *mark, *slash;
	long len;

	if (!at || !host || strncmp(at + 3, host, strlen(host)) != 0 || at[3 + strlen(host)] != '/')
		return -EINVAL;
	out->text = strdup(at + 3 + strlen(host) + 1);
	if (!out->text)
		return -ENOMEM;
	mark = strchr(out->text, '?');
	if (mark)
		*mark++ = '\0';
	if (uri_params_parse(mark ? mark : "", &out->params))
		return -EINVAL;
	len = uri_decode(out->text, strlen(out->text), false);
	if (len < 0 || strncmp(out->text, settings.azure_account, account_len) != 0 ||
	    out->text[account_len] != '/')
		return -EINVAL;
	out->container = out->text + account_len + 1;
	slash = strchr(out->text + account_len + 1, '/');
	if (!slash || !slash[1])
		return -EINVAL;
	*slash = '\0';
	out->blob = slash + 1;
	return 0;
}

/* Nobody else's blobs are read for the one who asks. */
static bool may_read(struct azure_call *c, const struct address *a, bool needs_own)
{
	const char *bearer = azure_header(c, "x-ms-copy-source-authorization");

	if (uri_params_get(&a->params, "sig"))
		return !azure_sas_check(&a->params, a->container, a->blob, "r");
	if (bearer)
		return bearer_valid(bearer);
	if (settings_names(&settings.anon_read, a->container) ||
	    settings_names(&settings.anon_write, a->container))
		return true;
	return !needs_own && (c->proof == AZURE_SHARED_KEY || c->proof == AZURE_BEARER);
}

static int get(const struct address *a, struct object **out)
{
	const char *time = uri_params_get(&a->params, "snapshot");
	const struct azure_beside *b;
	struct object *o = NULL;

	if (!time)
		return objects_get(a->container, a->blob, strlen(a->blob), out);
	azure_lock();
	b = azure_beside(a->container, a->blob, false);
	for (size_t i = 0; b && i < b->snapshot_count; i++) {
		if (!strcmp(b->snapshots[i].time, time))
			o = b->snapshots[i].object;
	}
	if (o)
		atomic_fetch_add(&o->refs, 1);
	azure_unlock();
	*out = o;
	return o ? 0 : -ENOENT;
}

struct object *azure_source(struct azure_call *c, bool needs_own)
{
	struct address a = {0};
	struct object *o = NULL;
	const char *code = NULL;
	int err = parse(c, azure_header(c, "x-ms-copy-source"), &a);

	if (err || !may_read(c, &a, needs_own))
		code = "CannotVerifyCopySource";
	else if (get(&a, &o))
		code = needs_own ? "CannotVerifyCopySource" : "BlobNotFound";
	free_address(&a);
	if (code) {
		azure_fail(c, code);
		return NULL;
	}
	if (azure_source_fits(c, o) && azure_has_key(c, o))
		return o;
	object_put(o);
	return NULL;
}

/* What a copy brings along: all fields, and the metadata unless the request has some. */
static struct object *copy_of(struct azure_call *c, const struct object *from)
{
	struct object *o = azure_new(c, content_get(from->content), false);
	bool own_metadata = false;
	int err = 0;

	for (size_t i = 0; o && i < o->headers.count; i++)
		own_metadata |= !strncasecmp(o->headers.items[i].name, AZURE_META_PREFIX,
					     strlen(AZURE_META_PREFIX));
	for (size_t i = 0; o && i < from->headers.count && !err; i++) {
		const struct header *h = &from->headers.items[i];
		bool meta = !strncasecmp(h->name, AZURE_META_PREFIX, strlen(AZURE_META_PREFIX));

		if (!headers_get(&o->headers, h->name) && !(meta && own_metadata) &&
		    strncasecmp(h->name, "x-ms-copy-", 10) != 0 &&
		    strcasecmp(h->name, AZURE_TIER) != 0)
			err = headers_add(&o->headers, h->name, h->value);
	}
	if (err) {
		azure_fail(c, "InternalError");
		object_put(o);
		return NULL;
	}
	if (o)
		memcpy(o->etag, from->etag, sizeof(o->etag));
	return o;
}

void azure_copy_blob(struct azure_call *c)
{
	const char *sync = azure_header(c, "x-ms-requires-sync");
	bool needs_own = sync && !strcasecmp(sync, "true");
	struct object *from = azure_source(c, needs_own), *o;
	uint64_t size = from ? content_bytes(from->content) : 0;
	char done[30], progress[64];

	if (!from)
		return;
	if (!strcmp(azure_own(from, AZURE_TIER, ""), "Archive") && !azure_header(c, AZURE_TIER)) {
		azure_fail(c, "BlobArchived");
		object_put(from);
		return;
	}
	if (needs_own && size > SYNC_MAX) {
		azure_fail(c, "CannotVerifyCopySource");
		object_put(from);
		return;
	}
	o = copy_of(c, from);
	if (o) {
		o->blocks = blocks_get(from->blocks);
		precondition_date(time(NULL), done);
		snprintf(progress, sizeof(progress), "%llu/%llu", (unsigned long long)size,
			 (unsigned long long)size);
		headers_add(&o->headers, "x-ms-copy-id", c->req->id);
		headers_add(&o->headers, "x-ms-copy-source", azure_header(c, "x-ms-copy-source"));
		headers_add(&o->headers, "x-ms-copy-status", "success");
		headers_add(&o->headers, "x-ms-copy-progress", progress);
		headers_add(&o->headers, "x-ms-copy-completion-time", done);
	}
	object_put(from);
	if (!o || !azure_store(c, o, "TargetConditionNotMet"))
		return;
	c->reply->status = 202;
	reply_header(c->reply, "x-ms-copy-id", c->req->id);
	reply_header(c->reply, "x-ms-copy-status", "success");
}

void azure_put_from_url(struct azure_call *c)
{
	struct object *from = azure_source(c, true), *o;

	if (!from)
		return;
	o = content_bytes(from->content) > AZURE_PUT_MAX ? NULL : copy_of(c, from);
	if (!o && !c->reply->status)
		azure_fail(c, "RequestBodyTooLarge");
	object_put(from);
	if (o && azure_store(c, o, "ConditionNotMet"))
		c->reply->status = 201;
}
