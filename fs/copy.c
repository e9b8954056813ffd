/* SPDX-License-Identifier: Apache-2.0 */
/* See copy.h. */
#include "fs/copy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/pairs.h"
#include "fs/copyparts.h"
#include "fs/metadata.h"
#include "fs/untold.h"

/* All user metadata as it is to be: what others keep there stays. */
static int merge(const struct store_call *head, const struct change_attr *attr,
		 struct store_pairs *out)
{
	struct metadata_pairs ours;
	struct metadata m;
	int ret = 0;

	metadata_read(&head->user, &m);
	m.xattr = pairs_get(&head->user, XATTRS_KEY);
	if (!m.has_mtime) { /* the copy is new, the file is not */
		m.has_mtime = true;
		m.mtime_ns = head->object.mtime_ns;
	}
	if (!m.has_mode || !(m.mode & S_IFMT))
		m.mode = S_IFREG | (m.mode & 07777);
	if (attr)
		change_apply(attr, &m);
	metadata_write(&m, &ours);
	for (size_t i = 0; !ret && i < head->user.count; i++) {
		if (!metadata_is_ours(head->user.pair[i].name) &&
		    strcmp(head->user.pair[i].name, XATTRS_KEY) != 0)
			ret = pairs_add(out, head->user.pair[i].name, head->user.pair[i].value);
	}
	for (size_t i = 0; !ret && i < ours.pairs.count; i++)
		ret = pairs_add(out, ours.pair[i].name, ours.pair[i].value);
	return ret;
}

static int run(struct lookup *from, struct store_call *call)
{
	int ret = store_run(call);

	if (ret && ret != -ENOENT)
		memcpy(from->message, call->message, sizeof(from->message));
	return ret;
}

/* What a listing will not tell of the copy. */
static void keep_untold(const struct lookup *from, const struct lookup *to,
			const struct store_object *version)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];

	name_object(&from->name, old);
	name_object(&to->name, new);
	untold_copied(old, new, version);
}

/* On what is there under the new name. */
struct condition {
	bool must_be_new;
	const char *if_match; /* an ETag or NULL */
};

/* The metadata goes as it is, or as user and fields say. */
static int copy(struct lookup *from, const struct lookup *to, const struct condition *condition,
		const struct store_pairs *user, const struct store_pairs *fields,
		struct store_object *object)
{
	struct store_call call = {
		.verb = STORE_COPY,
		.ctx = to->ctx,
		.scheme = to->name.scheme,
		.bucket = to->name.bucket,
		.key = to->name.key,
		.from_bucket = from->name.bucket,
		.from_key = from->name.key,
		.from_etag = object->etag[0] ? object->etag : NULL,
		.if_match = condition->if_match,
		.if_none_match = condition->must_be_new ? "*" : NULL,
		.set_user = user,
		.set_fields = fields,
	};
	char etag[STORE_ETAG_BYTES];
	int ret;

	memcpy(etag, object->etag, sizeof(etag));
	call.from_etag = etag[0] ? etag : NULL;
	ret = object->size > copyparts_limit(to->name.scheme) ? copyparts_run(&call, object->size)
							      : store_run(&call);
	/* a service that copies some objects in parts only; their metadata is to be given then */
	if (ret == -EOPNOTSUPP && user && object->size) {
		store_call_reset(&call);
		ret = copyparts_run(&call, object->size);
	}
	if (ret && ret != -ENOENT)
		memcpy(from->message, call.message, sizeof(from->message));
	if (!ret) {
		memcpy(object->etag, call.object.etag, sizeof(object->etag));
		object->mtime_ns = call.object.mtime_ns;
	}
	store_call_reset(&call);
	if (!ret)
		keep_untold(from, to, object);
	return ret == -ESTALE && condition->must_be_new ? -EEXIST : ret;
}

static int copy_changed(struct lookup *from, const struct lookup *to,
			const struct condition *condition, const struct change_attr *attr,
			struct meta_fact *fact)
{
	struct store_pairs user = {0};
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = from->ctx,
		.scheme = from->name.scheme,
		.bucket = from->name.bucket,
		.key = from->name.key,
	};
	char name[NAME_OBJECT_MAX];
	struct store_object object;
	int ret = run(from, &head);

	if (!ret && fact->object.etag[0] && strcmp(fact->object.etag, head.object.etag) != 0)
		ret = -ESTALE;
	if (!ret)
		ret = merge(&head, attr, &user);
	object = head.object;
	if (!ret)
		ret = copy(from, to, condition, &user, &head.fields, &object);
	if (!ret) {
		name_object(&to->name, name);
		lookup_file_fact(name, &object, &user, &head.fields, fact);
		untold_learn(name, fact, NULL, lookup_xattr(&user));
	}
	store_call_reset(&head);
	pairs_free(&user);
	return ret;
}

static int copy_if(struct lookup *from, const struct lookup *to, const struct condition *condition,
		   const struct change_attr *attr, struct meta_fact *fact)
{
	int64_t mtime_ns = fact->object.mtime_ns;
	int ret;

	/* in parts its metadata does not go along by itself */
	if (attr || !fact->is_told || !fact->has_mtime ||
	    fact->object.size > copyparts_limit(to->name.scheme))
		return copy_changed(from, to, condition, attr, fact);
	ret = copy(from, to, condition, NULL, NULL, &fact->object);
	if (ret == -EOPNOTSUPP)
		return copy_changed(from, to, condition, NULL, fact);
	fact->object.mtime_ns = mtime_ns;
	return ret;
}

int copy_object(struct lookup *from, const struct lookup *to, bool must_be_new,
		const struct change_attr *attr, struct meta_fact *fact)
{
	return copy_if(from, to, &(struct condition){.must_be_new = must_be_new}, attr, fact);
}

int copy_over(struct lookup *from, const struct lookup *to, const char *if_match,
	      struct meta_fact *fact)
{
	return copy_if(from, to, &(struct condition){.if_match = if_match}, NULL, fact);
}

int copy_again(struct lookup *from, const struct store_object *version, int error)
{
	struct meta_fact now;
	int ret;

	if (error != -ESTALE && error != -EEXIST)
		return error;
	ret = lookup_told(from, &now);
	/* services say the same of the condition on what is copied and of that on the new name */
	if (!ret && error == -EEXIST && now.kind == META_FILE &&
	    !strcmp(now.object.etag, version->etag))
		return error;
	return ret ? ret : -EAGAIN;
}
