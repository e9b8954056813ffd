// SPDX-License-Identifier: Apache-2.0
/*
 * List Blobs and List Containers. A name that XML cannot hold comes escaped and says so
 * (Encoded="true"). Metadata is asked for because of one name: other tools mark directories by an
 * empty blob of the directory's own name with hdi_isfolder=true, and accounts with real directories
 * list them so too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "core/entries.h"
#include "core/http/date.h"
#include "core/http/range.h"
#include "core/http/xml.h"

#define ROOT	      "EnumerationResults"
#define FIRST_ENTRIES 64

struct parser {
	struct store_list list;
	size_t cap;
	const char *entry;  /* the element of one entry */
	const char *prefix; /* of a common prefix, or NULL */
	bool folds;	    /* a directory is what is in it: its own blob is left out */
	bool is_tree;	    /* the account has a hierarchical namespace */
	bool seen_root;
	bool is_directory; /* of the present entry, as the next three */
	bool is_real;	   /* such a one by itself, not by a mark */
	bool is_encoded;
	bool is_snapshot;
};

static int add_page(const struct store_call *call, struct buffer *target)
{
	char max[16];
	int ret = 0;

	if (call->max_entries > STORE_LIST_MAX)
		return -EINVAL;
	snprintf(max, sizeof(max), "%u", call->max_entries ? call->max_entries : STORE_LIST_MAX);
	if (call->token)
		ret = uri_add_query(target, "marker", call->token);
	if (!ret)
		ret = uri_add_query(target, "maxresults", max);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int azure_list_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out)
{
	char delimiter[2] = {call->delimiter, '\0'};
	int ret;

	if (!call->bucket || !strchr(call->bucket, '/'))
		return -EINVAL;
	if (call->key && strlen(call->key) > AZURE_KEY_BYTES)
		return -ENAMETOOLONG;
	ret = azure_site_start(site, "GET", call->bucket, NULL, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "list");
	if (!ret && call->delimiter)
		ret = uri_add_query(&out->target, "delimiter", delimiter);
	if (!ret)
		ret = uri_add_query(&out->target, "include", "metadata");
	if (!ret)
		ret = add_page(call, &out->target);
	if (!ret && call->key && call->key[0])
		ret = uri_add_query(&out->target, "prefix", call->key);
	if (!ret)
		ret = uri_add_query(&out->target, "restype", "container");
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int azure_list_build_containers(const struct store_call *call, const struct store_site *site,
				struct store_request *out)
{
	int ret;

	if (!call->bucket || strchr(call->bucket, '/'))
		return -EINVAL;
	ret = azure_site_start(site, "GET", call->bucket, NULL, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "list");
	return ret ? ret : add_page(call, &out->target);
}

static int add_entry(struct parser *p, bool is_prefix)
{
	struct store_entry *grown;
	size_t cap = p->cap ? 2 * p->cap : FIRST_ENTRIES;

	if (p->list.count == STORE_LIST_MAX)
		return -EBADMSG;
	if (p->list.count == p->cap) {
		grown = reallocarray(p->list.entries, cap, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->list.entries = grown;
		p->cap = cap;
	}
	p->list.entries[p->list.count++] = (struct store_entry){.is_prefix = is_prefix};
	p->is_directory = p->is_real = p->is_encoded = p->is_snapshot = false;
	return 0;
}

static int on_begin(void *arg, const char *path)
{
	struct parser *p = arg;

	if (!strcmp(path, ROOT))
		p->seen_root = true;
	else if (!p->seen_root)
		return -EBADMSG;
	else if (!strcmp(path, p->entry))
		return add_entry(p, false);
	else if (p->prefix && !strcmp(path, p->prefix))
		return add_entry(p, true);
	return 0;
}

static int on_attribute(void *arg, const char *path, const char *name, const char *value)
{
	struct parser *p = arg;
	size_t len = strlen(path);

	if (!strcmp(name, "Encoded") && len > 5 && !strcmp(path + len - 5, "/Name"))
		p->is_encoded = !strcasecmp(value, "true");
	return 0;
}

static int set_text(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

/* In a document an ETag stands without the quotes that it has in a field. */
static int set_etag(struct store_object *object, const char *text)
{
	const char *quote = text[0] == '"' ? "" : "\"";
	int len = snprintf(object->etag, sizeof(object->etag), "%s%s%s", quote, text, quote);

	return len < (int)sizeof(object->etag) ? 0 : -EBADMSG;
}

/* A field of the present entry; name: what stands behind the entry's own path. */
static int on_entry_field(struct parser *p, const char *name, const char *text)
{
	struct store_entry *entry = &p->list.entries[p->list.count - 1];
	int64_t seconds;

	if (!strcmp(name, "/Name"))
		return set_text(&entry->name, text);
	if (!strcmp(name, "/Properties/Content-Length"))
		return range_parse_number(text, &entry->object.size) < 0 ? -EBADMSG : 0;
	if (!strcmp(name, "/Properties/Etag"))
		return text[0] ? set_etag(&entry->object, text) : 0;
	if (!strcmp(name, "/Properties/Last-Modified") && !date_parse_http(text, &seconds))
		entry->object.mtime_ns = seconds * DATE_NS_PER_S;
	else if (!strcmp(name, "/Properties/ResourceType")) {
		p->is_tree = true; /* "List Blobs": of such accounts only */
		p->is_real = !strcmp(text, "directory");
		p->is_directory |= p->is_real;
	} else if (!strcasecmp(name, "/Metadata/hdi_isfolder"))
		p->is_directory |= !strcasecmp(text, "true");
	else if (!strcmp(name, "/Snapshot") || !strcmp(name, "/Deleted"))
		p->is_snapshot |= !strcmp(name, "/Snapshot") || !strcmp(text, "true");
	return 0;
}

/* As what it is, see enum store_names. */
static int name_directory(struct store_entry *entry)
{
	char *name;

	if (asprintf(&name, "%s/", entry->name) < 0)
		return -ENOMEM;
	free(entry->name);
	entry->name = name;
	entry->object.size = 0;
	return 0;
}

/* The entry's element has ended. Leaves out what is no file of today's, and what can be said to no
 * program here. */
static int on_entry(struct parser *p)
{
	struct store_entry *entry = &p->list.entries[p->list.count - 1];
	bool folded = p->folds && p->is_directory && !entry->is_prefix;
	int ret = 0;

	if (!entry->name || !entry->name[0])
		return -EBADMSG;
	if (p->is_encoded)
		ret = uri_decode_path(entry->name);
	if (ret == -EINVAL)
		return -EBADMSG;
	if (ret >= 0 && !p->is_snapshot && !folded)
		return p->is_real && !entry->is_prefix ? name_directory(entry) : 0;
	free(entry->name);
	p->list.count--;
	return 0;
}

/* What of path stands behind element, or NULL. */
static const char *behind(const char *path, const char *element)
{
	size_t len = element ? strlen(element) : 0;

	return element && !strncmp(path, element, len) && (path[len] == '/' || !path[len])
		       ? path + len
		       : NULL;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct parser *p = arg;
	const char *name = behind(path, p->entry);

	if (!name)
		name = behind(path, p->prefix);
	if (name)
		return *name ? on_entry_field(p, name, text) : on_entry(p);
	if (!strcmp(path, ROOT "/NextMarker") && text[0])
		return set_text(&p->list.next_token, text);
	return 0;
}

static int parse(struct parser *p, struct store_call *call, const struct store_answer *answer)
{
	struct xml_visitor visitor = {
		.begin = on_begin, .attribute = on_attribute, .end = on_end, .arg = p};
	int ret = xml_read(answer->body, answer->body_bytes, &visitor);

	if (!ret && !p->seen_root)
		ret = -EBADMSG;
	if (ret < 0) {
		entries_free(&p->list);
		return ret;
	}
	call->list = p->list;
	if (p->is_tree)
		call->names = STORE_NAMES_TREE;
	return 0;
}

int azure_list_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check)
{
	struct parser p = {
		.entry = ROOT "/Blobs/Blob",
		.prefix = ROOT "/Blobs/BlobPrefix",
		.folds = call->delimiter == '/',
	};

	(void)check;
	return parse(&p, call, answer);
}

int azure_list_parse_containers(struct store_call *call, const struct store_answer *answer,
				struct store_check *check)
{
	struct parser p = {.entry = ROOT "/Containers/Container"};

	(void)check;
	return parse(&p, call, answer);
}
