/* SPDX-License-Identifier: Apache-2.0 */
/* List Blobs. A marker is the last name of the page before, in base64: free of state. */
#include "tests/store/azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "tests/store/azure_beside.h"
#include "tests/store/azure_tree.h"
#include "tests/store/list.h"
#include "tests/store/precondition.h"
#include "tests/store/scope.h"
#include "tests/store/settings.h"

struct listing {
	struct azure_call *c;
	const struct list_query *query;
	bool metadata, snapshots, staged; /* what is included */
	char *after;			  /* of staged names: the last one told, malloc'ed */
};

static const char *text_param(const struct azure_call *c, const char *name)
{
	const char *text = azure_param(c, name);

	return text ? text : "";
}

/* Whether XML 1.0 can hold it: characters of two control sets, and two that are none. */
static bool xml_holds(const char *name)
{
	for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
		if ((*at < 0x20 && *at != '\t' && *at != '\n') ||
		    (at[0] == 0xEF && at[1] == 0xBF && at[2] >= 0xBE))
			return false;
	}
	return true;
}

/* Tabs and line feeds stand as they are: .NET writes them so, and not all clients know references
 * to characters. */
static void put_plain_name(struct buf *out, const char *name)
{
	buf_str(out, "<Name>");
	for (; *name; name++) {
		if (strchr("&<>\r", *name))
			buf_xml(out, name, 1);
		else
			buf_put(out, name, 1);
	}
	buf_str(out, "</Name>");
}

static void put_name(struct buf *out, const char *name)
{
	struct buf encoded = {0};

	if (xml_holds(name)) {
		put_plain_name(out, name);
		return;
	}
	uri_encode(&encoded, name, strlen(name), true);
	buf_printf(out, "<Name Encoded=\"true\">%s</Name>", encoded.data);
	buf_free(&encoded);
}

static void put_date(struct buf *out, const char *element, int64_t time_us)
{
	char date[30];

	precondition_date(time_us / 1000000, date);
	buf_xml_element(out, element, date);
}

static void put_properties(struct listing *l, const struct object *o)
{
	static const char *const fields[] = {"Content-Encoding", "Content-Language",
					     "Cache-Control", "Content-Disposition"};
	struct buf *out = &l->c->reply->text;
	const struct azure_beside *b = azure_beside(l->c->container, o->key, false);
	const char *state = azure_lease_state(b);
	char etag[OBJECT_ETAG_BYTES];

	azure_etag(o, etag);
	buf_str(out, "<Properties>");
	put_date(out, "Creation-Time", o->created_us);
	put_date(out, "Last-Modified", o->updated_us);
	buf_printf(out, "<Etag>%.*s</Etag>", (int)strlen(etag) - 2, etag + 1);
	buf_printf(out, "<Content-Length>%llu</Content-Length>",
		   (unsigned long long)content_bytes(o->content));
	buf_xml_element(out, "Content-Type",
			azure_own(o, "Content-Type", "application/octet-stream"));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		buf_xml_element(out, fields[i], azure_own(o, fields[i], ""));
	buf_xml_element(out, "Content-MD5", azure_own(o, AZURE_MD5, ""));
	buf_xml_element(out, "BlobType", azure_own(o, AZURE_TYPE, "BlockBlob"));
	buf_xml_element(out, "AccessTier", azure_own(o, AZURE_TIER, "Hot"));
	if (azure_own(o, AZURE_ARCHIVE_STATUS, NULL))
		buf_xml_element(out, "ArchiveStatus", azure_own(o, AZURE_ARCHIVE_STATUS, ""));
	buf_xml_element(out, "LeaseStatus",
			!strcmp(state, "leased") || !strcmp(state, "breaking") ? "locked"
									       : "unlocked");
	buf_xml_element(out, "LeaseState", state);
	if (settings.azure_tree)
		buf_xml_element(out, "ResourceType", azure_tree_is_dir(o) ? "directory" : "file");
	buf_str(out, "<ServerEncrypted>true</ServerEncrypted></Properties>");
}

static void put_metadata(struct buf *out, const struct object *o)
{
	buf_str(out, "<Metadata>");
	for (size_t i = 0; i < o->headers.count; i++) {
		const struct header *h = &o->headers.items[i];

		if (!strncasecmp(h->name, AZURE_META_PREFIX, strlen(AZURE_META_PREFIX)))
			buf_xml_element(out, h->name + strlen(AZURE_META_PREFIX), h->value);
	}
	buf_str(out, "</Metadata>");
}

static void put_blob(struct listing *l, const struct object *o, const char *snapshot)
{
	struct buf *out = &l->c->reply->text;

	buf_str(out, "<Blob>");
	if (azure_tree_is_dir(o)) {
		SCOPE_FREE char *name = strndup(o->key, o->key_len - 1);

		put_name(out, name ? name : "");
	} else {
		put_name(out, o->key);
	}
	if (snapshot)
		buf_xml_element(out, "Snapshot", snapshot);
	put_properties(l, o);
	if (l->metadata)
		put_metadata(out, o);
	buf_str(out, "<OrMetadata /></Blob>");
}

static void put_staged(struct listing *l, const char *name)
{
	struct buf *out = &l->c->reply->text;

	buf_str(out, "<Blob>");
	put_name(out, name);
	buf_str(out, "<Properties><Content-Length>0</Content-Length><BlobType>BlockBlob</BlobType>"
		     "<LeaseStatus>unlocked</LeaseStatus></Properties></Blob>");
}

/* Those with staged blocks alone that come before until (NULL: to the end). */
static void put_staged_before(struct listing *l, const char *until)
{
	size_t prefix_len = strlen(l->query->prefix);
	const char *name = azure_staged_from(l->c->container, l->after);

	while (name && (!until || strcmp(name, until) < 0)) {
		struct object *o;
		char *next = NULL;

		if (strcmp(name, l->after) != 0 && !strncmp(name, l->query->prefix, prefix_len)) {
			if (objects_get(l->c->container, name, strlen(name), &o))
				put_staged(l, name);
			else
				object_put(o);
		}
		if (asprintf(&next, "%s\x01", name) < 0)
			return;
		free(l->after);
		l->after = next;
		name = azure_staged_from(l->c->container, l->after);
	}
}

static void put_entry(struct listing *l, const struct list_entry *e)
{
	const struct object *o = e->object;
	const struct azure_beside *b;
	struct buf *out = &l->c->reply->text;

	if (e->prefix) {
		buf_str(out, "<BlobPrefix>");
		put_name(out, e->prefix);
		buf_str(out, "</BlobPrefix>");
		return;
	}
	if (azure_tree_is_dir(o) && !strcmp(o->key, l->query->prefix))
		return; /* a directory is not in itself */
	b = l->snapshots ? azure_beside(l->c->container, o->key, false) : NULL;
	for (size_t i = 0; b && i < b->snapshot_count; i++)
		put_blob(l, b->snapshots[i].object, b->snapshots[i].time);
	put_blob(l, o, NULL);
}

static void put_marker(struct buf *out, const char *name)
{
	size_t len = strlen(name);
	SCOPE_FREE unsigned char *token = malloc(4 * (len / 3 + 1) + 1);

	if (!token) {
		out->failed = true;
		return;
	}
	EVP_EncodeBlock(token, (const unsigned char *)name, (int)len);
	buf_xml_element(out, "NextMarker", (char *)token);
}

/* A copy of a marker's name, the caller's to free. NULL: none of ours. */
static char *read_marker(const char *marker)
{
	size_t len = strlen(marker);
	unsigned char *name = malloc(len + 1);
	int got = name ? EVP_DecodeBlock(name, (const unsigned char *)marker, (int)len) : -1;

	if (got < 0 || (size_t)got > len) {
		free(name);
		return NULL;
	}
	name[got] = '\0'; /* padding decodes to NULs */
	return (char *)name;
}

static void put_page(struct listing *l, const struct list_page *page)
{
	struct buf *out = &l->c->reply->text;
	const char *host = azure_header(l->c, "Host");
	static const char *const told[][2] = {{"prefix", "Prefix"},
					      {"marker", "Marker"},
					      {"maxresults", "MaxResults"},
					      {"delimiter", "Delimiter"}};

	azure_xml_begin(l->c);
	buf_printf(out, "<EnumerationResults ServiceEndpoint=\"http://%s/\" ContainerName=\"%s\">",
		   host ? host : "", l->c->container);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (*text_param(l->c, told[i][0]))
			buf_xml_element(out, told[i][1], text_param(l->c, told[i][0]));
	}
	buf_str(out, "<Blobs>");
	azure_lock();
	for (size_t i = 0; i < page->count; i++) {
		if (l->staged)
			put_staged_before(l, page->entries[i].prefix
						     ? page->entries[i].prefix
						     : page->entries[i].object->key);
		put_entry(l, &page->entries[i]);
	}
	if (l->staged && !page->more)
		put_staged_before(l, NULL);
	azure_unlock();
	buf_str(out, "</Blobs>");
	if (page->more)
		put_marker(out, list_last(page));
	else
		buf_str(out, "<NextMarker />");
	buf_str(out, "</EnumerationResults>");
}

static bool included(const struct azure_call *c, const char *what)
{
	const char *at = strstr(text_param(c, "include"), what);
	size_t len = strlen(what);

	return at && (at[len] == ',' || !at[len]);
}

void azure_list_blobs(struct azure_call *c)
{
	struct list_query q = {.prefix = text_param(c, "prefix"),
			       .delimiter = text_param(c, "delimiter"),
			       .after = ""};
	struct listing l = {.c = c,
			    .query = &q,
			    .metadata = included(c, "metadata"),
			    .snapshots = included(c, "snapshots"),
			    .staged = included(c, "uncommittedblobs") && !*q.delimiter};
	SCOPE_FREE char *after = read_marker(text_param(c, "marker"));
	const char *wanted = azure_param(c, "maxresults");
	struct list_page page;
	uint64_t max = AZURE_LIST_MAX;
	int err;

	if (!after || (wanted && (!azure_number(wanted, &max) || !max))) {
		azure_fail(c, "OutOfRangeQueryParameterValue");
		return;
	}
	q.after = after;
	q.max = max < AZURE_LIST_MAX ? (size_t)max : AZURE_LIST_MAX;
	if (azure_tree_is_cut(c->container, q.prefix)) {
		azure_fail(c, "ResourceTypeMismatch");
		return;
	}
	err = list_walk(c->container, &q, &page);
	if (err) {
		azure_fail_errno(c, err);
		return;
	}
	l.after = strdup(after);
	if (l.after)
		put_page(&l, &page);
	else
		azure_fail(c, "InternalError");
	free(l.after);
	list_free(&page);
}
