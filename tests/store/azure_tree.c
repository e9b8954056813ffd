/* SPDX-License-Identifier: Apache-2.0 */
/* A hierarchical namespace: see azure_tree.h. */
#include "tests/store/azure_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "tests/store/azure_beside.h"
#include "tests/store/bucket.h"
#include "tests/store/scope.h"
#include "tests/store/settings.h"

#define FOLDER AZURE_META_PREFIX "hdi_isfolder"

bool azure_tree_is_dir(const struct object *o)
{
	return settings.azure_tree && o->key_len && o->key[o->key_len - 1] == '/';
}

struct object *azure_tree_dir(const char *container, const char *name)
{
	SCOPE_FREE char *key = NULL;
	struct object *o;

	if (!settings.azure_tree || asprintf(&key, "%s/", name) < 0)
		return NULL;
	return objects_get(container, key, strlen(key), &o) ? NULL : o;
}

static bool is_file(const char *container, const char *name, size_t len)
{
	struct object *o;

	if (objects_get(container, name, len, &o))
		return false;
	object_put(o);
	return true;
}

bool azure_tree_is_cut(const char *container, const char *prefix)
{
	const char *at = settings.azure_tree ? prefix : "";

	while ((at = strchr(at, '/'))) {
		if (is_file(container, prefix, (size_t)(at - prefix)))
			return true;
		at++;
	}
	return false;
}

static struct object *new_dir(const char *key, size_t len)
{
	struct content *nothing = content_memory(NULL, 0);
	struct object *o = nothing ? object_new(key, len, nothing) : NULL;

	if (o && headers_add(&o->headers, FOLDER, "true")) {
		object_put(o);
		return NULL;
	}
	return o;
}

/* Those above name, as far as they are not there. */
static const char *make_parents(const char *container, const char *name)
{
	const struct object_condition absent = {.if_absent = true};

	for (const char *at = name; (at = strchr(at, '/')); at++) {
		struct object *dir = new_dir(name, (size_t)(at - name) + 1);
		int err = dir ? objects_store(container, dir, &absent) : -ENOMEM;

		if (err && err != -EEXIST)
			return err == -ENXIO ? "ContainerNotFound" : "InternalError";
	}
	return NULL;
}

const char *azure_tree_admit(struct azure_call *c, const char *name, bool if_absent)
{
	struct object *dir;

	if (!settings.azure_tree)
		return NULL;
	if (azure_tree_is_cut(c->container, name))
		return "ResourceTypeMismatch";
	dir = azure_tree_dir(c->container, name);
	if (dir) {
		object_put(dir);
		return if_absent ? "BlobAlreadyExists" : "ResourceTypeMismatch";
	}
	return make_parents(c->container, name);
}

void azure_tree_tell(struct azure_call *c, const struct object *o)
{
	if (settings.azure_tree)
		reply_header(c->reply, "x-ms-resource-type",
			     azure_tree_is_dir(o) ? "directory" : "file");
}

void azure_account_information(struct azure_call *c)
{
	c->reply->status = 200;
	reply_header(c->reply, "x-ms-sku-name", "Standard_LRS");
	reply_header(c->reply, "x-ms-account-kind", "StorageV2");
	reply_header(c->reply, "x-ms-is-hns-enabled", settings.azure_tree ? "true" : "false");
}

void azure_filesystem_properties(struct azure_call *c)
{
	azure_container_properties(c);
	if (c->reply->status == 200)
		reply_header(c->reply, "x-ms-namespace-enabled", "true");
}

/* --- Path - Create, Update: directories ----------------------------------------------------- */

/* "NAME=BASE64,...". False: refused. */
static bool take_properties(struct azure_call *c, struct headers *out)
{
	const char *given = azure_header(c, "x-ms-properties");
	SCOPE_FREE char *text = strdup(given ? given : "");
	SCOPE_FREE unsigned char *value = text ? malloc(strlen(text) + 1) : NULL;
	char *save = NULL;

	for (char *one = value ? strtok_r(text, ",", &save) : NULL; one;
	     one = strtok_r(NULL, ",", &save)) {
		char *base64 = strchr(one, '='), name[OBJECT_KEY_MAX];
		int got = -1;

		one += strspn(one, " ");
		if (base64) {
			*base64++ = '\0';
			got = EVP_DecodeBlock(value, (unsigned char *)base64, (int)strlen(base64));
		}
		if (got < 0) {
			azure_fail(c, "InvalidHeaderValue");
			return false;
		}
		value[got] = '\0'; /* padding decodes to NULs */
		snprintf(name, sizeof(name), AZURE_META_PREFIX "%s", one);
		if (strcasecmp(name, FOLDER) != 0 && headers_add(out, name, (char *)value)) {
			azure_fail(c, "MetadataTooLarge");
			return false;
		}
	}
	return value != NULL;
}

/* The directory with what the request says is kept with it, in place of what there is. */
static void put_dir(struct azure_call *c, const struct object_condition *condition, int status)
{
	SCOPE_FREE char *key = NULL;
	struct object *dir;
	int err;

	if (asprintf(&key, "%s/", c->blob) < 0)
		return;
	dir = new_dir(key, strlen(key));
	if (!dir || !take_properties(c, &dir->headers)) {
		object_put(dir);
		return;
	}
	atomic_fetch_add(&dir->refs, 1);
	err = objects_store(c->container, dir, condition);
	if (err) {
		azure_fail(c, err == -ENXIO ? "FilesystemNotFound" : "ConditionNotMet");
	} else {
		c->reply->status = status;
		azure_version(c, dir);
	}
	object_put(dir);
}

void azure_path_create(struct azure_call *c)
{
	const char *none = azure_header(c, "If-None-Match"), *code = NULL;
	struct object_condition condition;
	struct object *dir;
	bool file;

	if (!azure_condition(c, &condition))
		return;
	if (c->req->body_bytes)
		code = "ContentLengthMustBeZero";
	azure_lock();
	dir = azure_tree_dir(c->container, c->blob);
	file = is_file(c->container, c->blob, strlen(c->blob));
	if ((dir || file) && none && !strcmp(none, "*"))
		code = "PathAlreadyExists";
	else if (file || azure_tree_is_cut(c->container, c->blob))
		code = "PathConflict";
	if (!code)
		code = make_parents(c->container, c->blob);
	if (code)
		azure_fail(c, strcmp(code, "ContainerNotFound") != 0 ? code : "FilesystemNotFound");
	else
		put_dir(c, &condition, 201);
	azure_unlock();
	object_put(dir);
}

void azure_path_properties(struct azure_call *c)
{
	struct object_condition condition;
	struct object *dir;

	if (!azure_condition(c, &condition))
		return;
	azure_lock();
	dir = azure_tree_dir(c->container, c->blob);
	if (dir)
		put_dir(c, &condition, 200);
	else
		azure_fail(c, "PathNotFound");
	azure_unlock();
	object_put(dir);
}

/* --- Path - Delete ------------------------------------------------------------------------- */

/* Whether there is something in the directory. With the bucket's lock. */
static bool has_names(const struct bucket *b, const struct object *dir)
{
	const struct keyset_node *node = keyset_seek_past(&b->objects, dir->key, dir->key_len);
	const struct keyset_node *own = keyset_seek(&b->objects, dir->key, dir->key_len);

	return own && keyset_next(own) != node;
}

/* Takes it away with all that is in it, if it may. Returns a code or NULL. */
static const char *take_away(const char *container, const struct object *o, bool recursive,
			     const char *not_empty)
{
	const char *code = NULL;
	struct keyset_node *node;
	struct bucket *b;

	bucket_lock_write();
	b = bucket_find(container);
	if (!b || keyset_get(&b->objects, o->key, o->key_len) != o)
		code = "PathNotFound";
	else if (azure_tree_is_dir(o) && !recursive && has_names(b, o))
		code = not_empty;
	if (!code && !azure_tree_is_dir(o))
		object_put(keyset_remove(&b->objects, o->key, o->key_len));
	while (!code && azure_tree_is_dir(o) &&
	       (node = keyset_seek(&b->objects, o->key, o->key_len)) &&
	       !strncmp(node->key, o->key, o->key_len))
		object_put(keyset_remove(&b->objects, node->key, node->key_len));
	bucket_unlock();
	return code;
}

static void delete_path(struct azure_call *c, struct object *o, bool recursive,
			const char *not_empty)
{
	const char *code = azure_lease_refuses(azure_beside(c->container, c->blob, false),
					       azure_header(c, "x-ms-lease-id"));
	struct object_condition condition;

	if (!azure_condition(c, &condition))
		return;
	if (!code && object_check(o, &condition))
		code = "ConditionNotMet";
	if (!code)
		code = take_away(c->container, o, recursive, not_empty);
	if (code)
		azure_fail(c, code);
	else
		azure_beside_drop(c->container, c->blob);
}

void azure_path_delete(struct azure_call *c)
{
	const char *recursive = azure_param(c, "recursive");
	struct object *o = azure_tree_dir(c->container, c->blob);

	azure_lock();
	if (!o && objects_get(c->container, c->blob, strlen(c->blob), &o))
		o = NULL;
	c->reply->status = 200;
	if (o)
		delete_path(c, o, recursive && !strcasecmp(recursive, "true"), "DirectoryNotEmpty");
	else
		azure_fail(c, "PathNotFound");
	azure_unlock();
	object_put(o);
}

void azure_tree_delete_blob(struct azure_call *c)
{
	struct object *o = azure_tree_dir(c->container, c->blob);

	c->reply->status = 202;
	if (o)
		delete_path(c, o, false, "DirectoryIsNotEmpty");
	else
		azure_fail(c, "BlobNotFound");
	object_put(o);
}

/* --- Path - Create, rename ------------------------------------------------------------------ */

/* "/FILESYSTEM/PATH[?SAS]", which clients of emulators begin with the account. text: what the two
 * point into, malloc'ed. */
static bool read_source(struct azure_call *c, char **text, char **container, char **name)
{
	size_t account_len = strlen(settings.azure_account);
	char *slash;

	*text = strdup(azure_header(c, "x-ms-rename-source"));
	if (!*text || **text != '/')
		return false;
	(*text)[strcspn(*text, "?")] = '\0';
	if (uri_decode(*text, strlen(*text), false) < 0)
		return false;
	*container = *text + 1;
	if (!strncmp(*container, settings.azure_account, account_len) &&
	    (*container)[account_len] == '/')
		*container += account_len + 1;
	slash = strchr(*container, '/');
	if (!slash || !slash[1])
		return false;
	*slash = '\0';
	*name = slash + 1;
	return (*name)[strlen(*name) - 1] != '/';
}

/* The same object, as old as it is and with its ETag, under another name. */
static struct object *renamed(const struct object *o, const char *key)
{
	struct object *next = object_new(key, strlen(key), content_get(o->content));

	if (!next)
		return NULL;
	memcpy(next->etag, o->etag, sizeof(next->etag));
	next->mtime_s = o->mtime_s;
	next->created_us = o->created_us;
	next->updated_us = o->updated_us;
	next->generation = o->generation;
	next->metageneration = o->metageneration;
	next->blocks = blocks_get(o->blocks);
	if (headers_copy(&next->headers, &o->headers)) {
		object_put(next);
		return NULL;
	}
	return next;
}

/* Of one node; the old one is gone then. */
static bool move_one(struct bucket *from, struct bucket *to, struct object *o, size_t old_len,
		     const char *new_key)
{
	SCOPE_FREE char *key = NULL;
	struct object *next;
	void *old = NULL;

	if (asprintf(&key, "%s%s", new_key, o->key + old_len) < 0)
		return false;
	next = renamed(o, key);
	if (!next || keyset_put(&to->objects, next->key, next->key_len, next, &old)) {
		object_put(next);
		return false;
	}
	object_put(old);
	object_put(keyset_remove(&from->objects, o->key, o->key_len));
	return true;
}

/* All at once: nobody sees anything in between. */
static const char *move_all(const char *container, const struct object *source,
			    struct azure_call *c)
{
	size_t len = source->key_len;
	SCOPE_FREE char *old = strdup(source->key), *new_key = NULL;
	struct keyset_node *node;
	struct bucket *from, *to;
	bool moved = true;

	if (!old || asprintf(&new_key, "%s%s", c->blob, azure_tree_is_dir(source) ? "/" : "") < 0)
		return "InternalError";
	bucket_lock_write();
	from = bucket_find(container);
	to = bucket_find(c->container);
	if (!azure_tree_is_dir(source))
		moved = from && to && keyset_get(&from->objects, old, len) == source &&
			move_one(from, to, (struct object *)(uintptr_t)source, len, new_key);
	else
		while (moved && (node = keyset_seek(&from->objects, old, len)) &&
		       !strncmp(node->key, old, len))
			moved = move_one(from, to, node->value, len, new_key);
	bucket_unlock();
	return moved ? NULL : "InternalError";
}

/* What has the new name already, if anything: may it be replaced? */
static const char *check_target(struct azure_call *c, const struct object *source,
				const struct object_condition *condition)
{
	struct object *there = azure_tree_dir(c->container, c->blob);
	const char *code = NULL;
	bool is_dir = there;

	if (!there && objects_get(c->container, c->blob, strlen(c->blob), &there))
		there = NULL;
	if (there && condition->if_absent)
		code = "PathAlreadyExists";
	else if (object_check(there, condition))
		code = "ConditionNotMet";
	else if (there && is_dir != azure_tree_is_dir(source))
		code = "InvalidSourceOrDestinationResourceType";
	else if (there)
		code = take_away(c->container, there, false, "DirectoryNotEmpty");
	object_put(there);
	return code;
}

/* Where it is to go: is that a place? */
static const char *check_place(struct azure_call *c, const char *container,
			       const struct object *source)
{
	const char *slash = strrchr(c->blob, '/');
	SCOPE_FREE char *parent = slash ? strndup(c->blob, (size_t)(slash - c->blob)) : NULL;
	struct object *dir = parent ? azure_tree_dir(c->container, parent) : NULL;
	bool is_there = !slash || dir;
	size_t len = source->key_len;

	object_put(dir);
	if (!strcmp(container, c->container) && azure_tree_is_dir(source) &&
	    !strncmp(c->blob, source->key, len - 1) &&
	    (!c->blob[len - 1] || c->blob[len - 1] == '/'))
		return "InvalidRenameSourcePath";
	if (azure_tree_is_cut(c->container, c->blob))
		return "InvalidDestinationPath";
	return is_there ? NULL : "RenameDestinationParentPathNotFound";
}

static const char *rename_path(struct azure_call *c, const char *container, const char *name)
{
	struct object_condition condition;
	struct object *source = azure_tree_dir(container, name);
	struct azure_beside *beside = azure_beside(container, name, false);
	const char *code = azure_lease_refuses(beside, azure_header(c, "x-ms-source-lease-id"));

	if (!source && objects_get(container, name, strlen(name), &source))
		return "SourcePathNotFound";
	azure_condition(c, &condition);
	if (!code)
		code = check_place(c, container, source);
	if (!code && !azure_source_fits(c, source))
		code = "SourceConditionNotMet";
	if (!code && (strcmp(container, c->container) != 0 || strcmp(name, c->blob) != 0))
		code = check_target(c, source, &condition);
	if (!code)
		code = move_all(container, source, c);
	if (!code) {
		azure_beside_drop(container, name);
		c->reply->status = 201;
		azure_version(c, source);
	}
	object_put(source);
	return code;
}

void azure_path_rename(struct azure_call *c)
{
	SCOPE_FREE char *text = NULL;
	char *container, *name;
	struct bucket_info info;
	const char *code = NULL;

	if (c->req->body_bytes)
		code = "ContentLengthMustBeZero";
	else if (!read_source(c, &text, &container, &name))
		code = "InvalidSourceUri";
	else if (bucket_lookup(c->container, &info) || bucket_lookup(container, &info))
		code = "FilesystemNotFound";
	azure_lock();
	if (!code)
		code = rename_path(c, container, name);
	azure_unlock();
	if (code)
		azure_fail(c, code);
}
