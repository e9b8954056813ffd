// SPDX-License-Identifier: Apache-2.0
/*
 * Uploads in parts are blocks: put under names of ours, in any order, and made a blob by the list
 * of their names. Nothing begins such an upload, and nothing ends one that is given up: blocks that
 * no list names go by themselves within a week, or with the next list.
 *
 * What an edited blob keeps is not copied at all. Its own blocks are named in the new list again: a
 * STORE_PART_COPY asks for their names, and is answered with those that hold just the bytes wanted.
 * Where none do (a blob that was put whole has no blocks), and of another blob, the service is told
 * to fetch a block from the address.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/azure.h"
#include "core/http/range.h"
#include "core/http/xml.h"
#include "core/scope.h"

#define UPLOAD_BYTES 17 /* 16 hex digits, with NUL */
/* of a block: upload and number; a multiple of three has no padding in base64 */
#define NAME_BYTES  24
#define ID_BYTES    33	/* the same in base64, with NUL */
#define KEPT	    '=' /* before the names of blocks that are there already; no base64 begins so */
#define NAMES_BYTES 4194304 /* of one part: all blocks of a blob with names of ours */

int azure_blocks_begin(struct store_call *call)
{
	uint64_t number = (uint64_t)arc4random() << 32 | arc4random();

	if (asprintf(&call->upload_id, "%016" PRIx64, number) >= 0)
		return 0;
	call->upload_id = NULL;
	return -ENOMEM;
}

int azure_blocks_nothing(struct store_call *call)
{
	(void)call;
	return 0;
}

static int block_id(const struct store_call *call, char out[ID_BYTES])
{
	char name[NAME_BYTES + 1];

	if (!call->upload || strlen(call->upload) != UPLOAD_BYTES - 1 || !call->part ||
	    call->part > STORE_PART_MAX)
		return -EINVAL;
	snprintf(name, sizeof(name), "%s%08u", call->upload, call->part);
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)name, NAME_BYTES);
	return 0;
}

int azure_blocks_build_part(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	char md5[DIGEST_BASE64_BYTES];
	char id[ID_BYTES];
	int ret = block_id(call, id);

	if (ret || !call->key || !call->key[0])
		return -EINVAL;
	if (call->source.bytes > AZURE_BLOCK_MAX)
		return -EFBIG;
	ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "block");
	if (!ret)
		ret = uri_add_query(&out->target, "blockid", id);
	digest_base64(out->sums->md5, DIGEST_MD5_BYTES, md5);
	return ret ? ret : header_add(&out->fields, "Content-MD5", md5);
}

int azure_blocks_parse_part(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check)
{
	struct store_object object = {.size = call->source.bytes};
	int ret = block_id(call, object.etag);

	azure_put_check(answer->fields, check);
	if (!ret)
		call->object = object;
	return ret;
}

static bool is_own_blob(const struct store_call *call)
{
	return !strcmp(call->bucket, call->from_bucket) && !strcmp(call->key, call->from_key);
}

/* Put Block From URL: of another blob, or of what no blocks of this one hold just so. */
static int build_fetch(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	char range[RANGE_TEXT_BYTES];
	char id[ID_BYTES];
	int ret = block_id(call, id);

	/* to its end, but where is that? */
	if (!call->length || call->length > AZURE_BLOCK_MAX)
		return -EOPNOTSUPP;
	if (!ret)
		ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "block");
	if (!ret)
		ret = uri_add_query(&out->target, "blockid", id);
	if (!ret)
		ret = azure_copy_add_source(call, site, &out->fields);
	range_format(call->offset, call->length, range);
	return ret ? ret : header_add(&out->fields, "x-ms-source-range", range);
}

int azure_blocks_build_keep(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	int ret;

	if (!call->key || !call->key[0] || !call->from_bucket || !call->from_key ||
	    call->length > UINT64_MAX - call->offset)
		return -EINVAL;
	if (!azure_copy_is_within(call))
		return -EOPNOTSUPP;
	if (call->step || !is_own_blob(call))
		return build_fetch(call, site, out);
	ret = azure_site_start(site, "GET", call->bucket, call->key, out);
	if (!ret)
		ret = uri_add_query(&out->target, "blocklisttype", "committed");
	return ret ? ret : uri_add_query(&out->target, "comp", "blocklist");
}

/* Reading a block list: where we are in the blob, and the names of what lies in [from, to). */
struct keeping {
	uint64_t from, to, at;
	uint64_t found; /* bytes that the names stand for */
	struct buffer names;
	char *name; /* of the present block, owned */
	uint64_t size;
	bool seen_root;
};

static int on_begin(void *arg, const char *path)
{
	struct keeping *k = arg;

	k->seen_root |= !strcmp(path, "BlockList");
	return k->seen_root ? 0 : -EBADMSG;
}

static int on_block(struct keeping *k)
{
	int ret;

	if (!k->name || k->size > UINT64_MAX - k->at)
		return -EBADMSG;
	k->at += k->size;
	if (k->at <= k->from || k->at - k->size >= k->to)
		return 0;
	k->found += k->size;
	if (k->at - k->size < k->from || k->at > k->to)
		return -EOPNOTSUPP; /* it lies across */
	ret = buffer_add_char(&k->names, k->names.len ? ' ' : KEPT);
	if (!ret)
		ret = buffer_add_text(&k->names, k->name);
	return ret == -EMSGSIZE ? -EOPNOTSUPP : ret;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct keeping *k = arg;

	if (!strcmp(path, "BlockList/CommittedBlocks/Block/Name")) {
		free(k->name);
		k->name = strdup(text);
		return k->name && !strpbrk(text, " <>&") ? 0 : -EBADMSG;
	}
	if (!strcmp(path, "BlockList/CommittedBlocks/Block/Size"))
		return range_parse_number(text, &k->size) < 0 ? -EBADMSG : 0;
	return strcmp(path, "BlockList/CommittedBlocks/Block") ? 0 : on_block(k);
}

static int parse_list(struct store_call *call, const struct store_answer *answer)
{
	struct keeping k = {
		.from = call->offset,
		.to = call->length ? call->offset + call->length : UINT64_MAX,
		.names = BUFFER_INIT(NAMES_BYTES),
	};
	struct xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = &k};
	struct store_object object = {0};
	int ret = azure_blob_attributes(answer->fields, &object);

	if (!ret && call->from_etag && object.etag[0] && strcmp(object.etag, call->from_etag) != 0)
		ret = -ESTALE;
	if (!ret)
		ret = xml_read(answer->body, answer->body_bytes, &visitor);
	if (!ret && (!k.found || (call->length && k.found != call->length)))
		ret = -EOPNOTSUPP;
	if (!ret) {
		call->object = object;
		call->part_id = buffer_take(&k.names);
	}
	buffer_free(&k.names);
	free(k.name);
	return ret;
}

int azure_blocks_parse_keep(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check)
{
	struct store_object object = {.size = call->length};
	int ret;

	(void)check;
	if (!call->step && is_own_blob(call)) {
		ret = parse_list(call, answer);
		return ret == -EOPNOTSUPP && call->length ? -EINPROGRESS : ret;
	}
	ret = block_id(call, object.etag);
	if (!ret)
		call->object = object;
	return ret;
}

/* One part of the list: a block that was put, or several that are kept. */
static int add_part(struct buffer *body, const char *ids, size_t *count)
{
	const char *element = "Latest";
	int ret = 0;

	if (ids[0] == KEPT) {
		element = "Committed";
		ids++;
	}
	while (*ids && !ret) {
		size_t len = strcspn(ids, " ");

		ret = buffer_addf(body, "<%s>%.*s</%s>", element, (int)len, ids, element);
		ids += len + (ids[len] == ' ');
		(*count)++;
	}
	return ret;
}

static bool are_in_order(const struct store_call *call)
{
	unsigned last = 0;

	for (size_t i = 0; i < call->part_count; i++) {
		const char *id = call->parts[i].etag;

		if (call->parts[i].number <= last || call->parts[i].number > STORE_PART_MAX ||
		    !id[0] || strpbrk(id, "<>&"))
			return false;
		last = call->parts[i].number;
	}
	return last > 0;
}

int azure_blocks_build_commit(const struct store_call *call, const struct store_site *site,
			      struct store_request *out)
{
	uint8_t digest[DIGEST_MD5_BYTES];
	char md5[DIGEST_BASE64_BYTES];
	size_t count = 0;
	int ret;

	if (!call->key || !call->key[0] || !are_in_order(call))
		return -EINVAL;
	ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "blocklist");
	if (!ret)
		ret = buffer_add_text(&out->body,
				      "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
	for (size_t i = 0; i < call->part_count && !ret; i++)
		ret = add_part(&out->body, call->parts[i].etag, &count);
	if (!ret)
		ret = buffer_add_text(&out->body, "</BlockList>");
	if (ret == -EMSGSIZE || count > AZURE_BLOCKS_MAX)
		return -EFBIG;
	if (!ret)
		ret = digest_md5(out->body.data, out->body.len, digest);
	if (ret)
		return ret;
	digest_base64(digest, sizeof(digest), md5);
	ret = header_add(&out->fields, "Content-MD5", md5);
	if (!ret)
		ret = azure_put_conditions(call, &out->fields);
	return ret ? ret : azure_meta_add(call, false, &out->fields);
}

int azure_blocks_parse_commit(struct store_call *call, const struct store_answer *answer,
			      struct store_check *check)
{
	struct store_object object = {0};

	(void)check;
	if (azure_blob_attributes(answer->fields, &object) < 0 || !object.etag[0])
		return -EBADMSG;
	call->object = object;
	return 0;
}

/* --- after a lost answer: blocks bear names that nobody else gives --------------------------- */

struct comparing {
	const struct store_call *call;
	const char *at; /* in the names of the part */
	size_t part;
	bool is_new; /* one of them was put by this upload */
	bool differs, seen_root;
};

int azure_blocks_build_look(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	int ret = azure_site_start(site, "GET", call->bucket, call->key, out);

	if (!ret)
		ret = uri_add_query(&out->target, "blocklisttype", "committed");
	return ret ? ret : uri_add_query(&out->target, "comp", "blocklist");
}

/* The next name that was listed to be committed, with its length; NULL: there is none. */
static const char *next_name(struct comparing *c, size_t *len_out)
{
	const char *name;

	while (!c->at || !*c->at) {
		if (c->part == c->call->part_count)
			return NULL;
		c->at = c->call->parts[c->part++].etag;
		if (*c->at == KEPT)
			c->at++;
		else
			c->is_new = true;
	}
	name = c->at;
	*len_out = strcspn(name, " ");
	c->at += *len_out + (name[*len_out] == ' ');
	return name;
}

static int on_look_begin(void *arg, const char *path)
{
	struct comparing *c = arg;

	c->seen_root |= !strcmp(path, "BlockList");
	return c->seen_root ? 0 : -EBADMSG;
}

static int on_look_end(void *arg, const char *path, const char *text)
{
	struct comparing *c = arg;
	const char *name;
	size_t len = 0;

	if (strcmp(path, "BlockList/CommittedBlocks/Block/Name") != 0)
		return 0;
	name = next_name(c, &len);
	c->differs |= !name || strlen(text) != len || strncmp(text, name, len) != 0;
	return 0;
}

int azure_blocks_made(struct store_call *call, const struct store_answer *answer)
{
	struct comparing c = {.call = call};
	struct xml_visitor visitor = {.begin = on_look_begin, .end = on_look_end, .arg = &c};
	struct store_object object = {0};
	size_t len;
	int ret = azure_blob_attributes(answer->fields, &object);

	if (!ret)
		ret = xml_read(answer->body, answer->body_bytes, &visitor);
	if (ret || !c.seen_root)
		return ret ? ret : -EBADMSG;
	/* of kept blocks alone another writer's list could be the same */
	if (c.differs || next_name(&c, &len) || !c.is_new || !object.etag[0])
		return -ESTALE;
	call->object = object;
	return 0;
}
