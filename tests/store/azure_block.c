/* SPDX-License-Identifier: Apache-2.0 */
/* Put Block, Put Block From URL, Put Block List, Get Block List. */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "tests/store/azure_beside.h"
#include "tests/store/bucket.h"
#include "tests/store/precondition.h"

/* The parameter, if it is base64 of 1 to 64 bytes; NULL: refused. */
static const char *block_id(struct azure_call *c)
{
	const char *id = azure_param(c, "blockid");
	size_t len = id ? strlen(id) : 0;
	size_t good = id ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789+/")
			 : 0;

	if (len && len % 4 == 0 && len <= 88 && good + strspn(id + good, "=") == len &&
	    len - good <= 2)
		return id;
	azure_fail(c, id ? "InvalidQueryParameterValue" : "MissingRequiredQueryParameter");
	return NULL;
}

/* Stages a block (taken). */
static void stage(struct azure_call *c, const char *id, struct content *content)
{
	struct bucket_info info;
	struct object *there = NULL;
	struct azure_beside *b;
	const char *code;
	int err = content ? bucket_lookup(c->container, &info) : -ENOMEM;

	azure_lock();
	objects_get(c->container, c->blob, strlen(c->blob), &there);
	b = err ? NULL : azure_beside(c->container, c->blob, true);
	code = azure_lease_refuses(b, azure_header(c, "x-ms-lease-id"));
	if (there && !azure_is_type(there, "BlockBlob"))
		code = "InvalidBlobType";
	if (err || code || !b)
		content_put(content);
	else
		err = azure_stage(b, id, content);
	azure_unlock();
	object_put(there);
	if (err == -EINVAL)
		code = "InvalidBlobOrBlock";
	else if (err == -E2BIG)
		code = "BlockCountExceedsLimit";
	if (code)
		azure_fail(c, code);
	else if (err || !b)
		azure_fail_errno(c, err);
	else
		c->reply->status = 201;
}

void azure_put_block(struct azure_call *c)
{
	const char *id = block_id(c);
	const char *md5 = azure_header(c, "Content-MD5");

	if (!id || !azure_body_md5(c))
		return;
	if (!c->req->body_bytes || c->req->body_bytes > AZURE_BLOCK_MAX) {
		azure_fail(c, c->req->body_bytes ? "RequestBodyTooLarge" : "InvalidHeaderValue");
		return;
	}
	stage(c, id, azure_take_body(c));
	if (c->reply->status == 201 && md5)
		reply_header(c->reply, "Content-MD5", md5);
	if (c->reply->status == 201)
		reply_header(c->reply, "x-ms-request-server-encrypted", "true");
}

void azure_put_block_from_url(struct azure_call *c)
{
	const char *id = block_id(c);
	const char *range = azure_header(c, "x-ms-source-range");
	struct object *from;
	uint64_t offset = 0, bytes;

	if (!id)
		return;
	if (c->req->body_bytes) {
		azure_fail(c, "InvalidHeaderValue");
		return;
	}
	from = azure_source(c, true);
	if (!from)
		return;
	bytes = content_bytes(from->content);
	if (!strcmp(azure_own(from, AZURE_TIER, ""), "Archive"))
		azure_fail(c, "BlobArchived");
	else if (precondition_range(range, bytes, &offset, &bytes) == RANGE_OUTSIDE || !bytes)
		azure_fail(c, "InvalidRange");
	else if (bytes > AZURE_BLOCK_MAX)
		azure_fail(c, "RequestBodyTooLarge");
	else
		stage(c, id, content_slice(from->content, offset, bytes));
	object_put(from);
}

/* --- the list of a blob's blocks -------------------------------------------------------------- */

static xmlDoc *parse_list(const char *text, size_t bytes)
{
	int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
	xmlDoc *doc = text ? xmlReadMemory(text, (int)bytes, "list.xml", NULL, options) : NULL;
	xmlNode *top = doc ? xmlDocGetRootElement(doc) : NULL;

	if (top && !doc->intSubset && !strcmp((const char *)top->name, "BlockList"))
		return doc;
	xmlFreeDoc(doc);
	return NULL;
}

/* Where the blocks that a list names may come from; of the committed ones by id. */
struct origin {
	struct keyset committed;
	const struct azure_beside *beside; /* or NULL */
};

static struct content *find(const struct origin *from, const char *kind, const char *id)
{
	const struct block *b = NULL;

	if (strcmp(kind, "Committed") != 0 && from->beside)
		b = keyset_get(&from->beside->staged, id, strlen(id));
	if (!b && strcmp(kind, "Uncommitted") != 0)
		b = keyset_get(&from->committed, id, strlen(id));
	return b ? b->content : NULL;
}

static size_t count_elements(const xmlNode *top)
{
	size_t count = 0;

	for (const xmlNode *node = top->children; node; node = node->next)
		count += node->type == XML_ELEMENT_NODE;
	return count;
}

/* NULL: *code_out says why. */
static struct blocks *collect(const xmlNode *top, const struct origin *from, const char **code_out)
{
	size_t count = count_elements(top), at = 0;
	struct blocks *blocks = count > BLOCKS_MAX ? NULL : blocks_new(count);

	*code_out = blocks ? NULL : count > BLOCKS_MAX ? "BlockCountExceedsLimit" : "InternalError";
	for (xmlNode *node = top->children; node && blocks; node = node->next) {
		xmlChar *text;
		struct content *content;

		if (node->type != XML_ELEMENT_NODE)
			continue;
		text = xmlNodeGetContent(node);
		content = find(from, (const char *)node->name, text ? (const char *)text : "");
		if (!content) {
			xmlFree(text);
			blocks_put(blocks);
			*code_out = "InvalidBlockList";
			return NULL;
		}
		snprintf(blocks->items[at].id, BLOCK_ID_BYTES, "%s", (const char *)text);
		blocks->items[at++].content = content_get(content);
		xmlFree(text);
	}
	return blocks;
}

static void index_committed(const struct object *o, struct keyset *out)
{
	void *old;

	for (size_t i = 0; o && o->blocks && i < o->blocks->count; i++) {
		struct block *b = &o->blocks->items[i];

		keyset_put(out, b->id, strlen(b->id), b, &old);
	}
}

static void empty(struct keyset *set)
{
	while (set->head[0])
		keyset_remove(set, set->head[0]->key, set->head[0]->key_len);
}

/* The blocks that the body lists, or NULL with a code. */
static struct blocks *listed(struct azure_call *c, const char **code_out)
{
	xmlDoc *doc = parse_list(c->req->body, c->req->body_bytes);
	struct origin from = {.committed = {.count = 0}};
	struct object *there = NULL;
	struct blocks *blocks = NULL;

	*code_out = "InvalidXmlDocument";
	if (!doc)
		return NULL;
	azure_lock();
	objects_get(c->container, c->blob, strlen(c->blob), &there);
	from.beside = azure_beside(c->container, c->blob, false);
	index_committed(there, &from.committed);
	if (there && !azure_is_type(there, "BlockBlob"))
		*code_out = "InvalidBlobType";
	else
		blocks = collect(xmlDocGetRootElement(doc), &from, code_out);
	azure_unlock();
	empty(&from.committed);
	xmlFreeDoc(doc);
	object_put(there);
	return blocks;
}

void azure_put_block_list(struct azure_call *c)
{
	const char *code;
	struct blocks *blocks;
	struct object *o;

	if (!azure_body_md5(c))
		return;
	blocks = listed(c, &code);
	if (!blocks) {
		azure_fail(c, code);
		return;
	}
	o = azure_new(c, blocks_join(blocks), false);
	if (!o) {
		blocks_put(blocks);
		return;
	}
	o->blocks = blocks;
	if (azure_store(c, o, "ConditionNotMet")) {
		c->reply->status = 201;
		reply_header(c->reply, "x-ms-request-server-encrypted", "true");
	}
}

static void put_block_element(struct buf *out, const char *id, const struct content *content)
{
	buf_printf(out, "<Block><Name>%s</Name><Size>%llu</Size></Block>", id,
		   (unsigned long long)content_bytes(content));
}

static void put_lists(struct azure_call *c, const struct object *o, const struct azure_beside *b)
{
	struct buf *out = &c->reply->text;
	const char *type = azure_param(c, "blocklisttype");

	azure_xml_begin(c);
	buf_str(out, "<BlockList>");
	if (!type || strcmp(type, "uncommitted") != 0) {
		buf_str(out, "<CommittedBlocks>");
		for (size_t i = 0; o && o->blocks && i < o->blocks->count; i++)
			put_block_element(out, o->blocks->items[i].id, o->blocks->items[i].content);
		buf_str(out, "</CommittedBlocks>");
	}
	if (type && strcmp(type, "committed") != 0) {
		buf_str(out, "<UncommittedBlocks>");
		for (struct keyset_node *n = b ? b->staged.head[0] : NULL; n; n = keyset_next(n)) {
			const struct block *block = n->value;

			put_block_element(out, block->id, block->content);
		}
		buf_str(out, "</UncommittedBlocks>");
	}
	buf_str(out, "</BlockList>");
}

void azure_get_block_list(struct azure_call *c)
{
	const struct azure_beside *b;
	struct object *o = NULL;
	int err;

	azure_lock();
	err = objects_get(c->container, c->blob, strlen(c->blob), &o);
	b = azure_beside(c->container, c->blob, false);
	if (err == -ENOENT && b && b->staged.count)
		err = 0;
	if (err) {
		azure_fail_errno(c, err);
	} else if (o && !azure_is_type(o, "BlockBlob")) {
		azure_fail(c, "InvalidBlobType");
	} else {
		put_lists(c, o, b);
		if (o)
			azure_version(c, o);
		reply_header_printf(c->reply, "x-ms-blob-content-length", "%llu",
				    o ? (unsigned long long)content_bytes(o->content) : 0);
	}
	azure_unlock();
	object_put(o);
}
