/* SPDX-License-Identifier: Apache-2.0 */
/* What answers say of a name, and what stat(2) says of it then: pure but for what is remembered of
 * directories and of others' metadata. */
#include <string.h>
#include <sys/stat.h>

#include "core/pairs.h"
#include "fs/dirattr.h"
#include "fs/foreign.h"
#include "fs/listing.h"
#include "fs/lookup.h"
#include "fs/metadata.h"
#include "fs/xattrs.h"

bool lookup_is_mark(const struct lookup *q, uint64_t size)
{
	size_t len = strlen(q->name.key);

	return !size && len && q->name.key[len - 1] == '/';
}

void lookup_file_attr(const char *object, const struct meta_fact *fact, struct wire_attr *out)
{
	*out = (struct wire_attr){
		.ino = name_ino(object, strlen(object), false),
		.size = fact->object.size,
		.mtime_ns = fact->object.mtime_ns,
		.mode = fact->is_link ? S_IFLNK | 0777
				      : S_IFREG | (fact->has_mode ? fact->mode & 07777 : 0644),
		.nlink = 1,
		.uid = fact->has_uid ? fact->uid : WIRE_CALLER,
		.gid = fact->has_gid ? fact->gid : WIRE_CALLER,
	};
}

const char *lookup_xattr(const struct store_pairs *user)
{
	const char *text = pairs_get(user, XATTRS_KEY);

	return text && strlen(text) < XATTRS_MAX ? text : "";
}

void lookup_file_fact(const char *name, const struct store_object *object,
		      const struct store_pairs *user, const struct store_pairs *fields,
		      struct meta_fact *out)
{
	struct metadata m;

	metadata_read(user, &m);
	*out = (struct meta_fact){
		.kind = META_FILE,
		.object = *object,
		.is_told = true,
		.has_mode = m.has_mode,
		.mode = m.mode & 07777,
		.has_uid = m.has_uid,
		.uid = m.uid,
		.has_gid = m.has_gid,
		.gid = m.gid,
	};
	out->is_link = m.has_mode && S_ISLNK(m.mode) && object->size &&
		       object->size < WIRE_PATH_MAX;
	out->has_xattr = *lookup_xattr(user);
	out->has_foreign = foreign_learn(name, object->etag, user, fields);
	out->has_mtime = m.has_mtime;
	if (m.has_mtime)
		out->object.mtime_ns = m.mtime_ns;
}

void lookup_dir_attr(const uint8_t *ctx, const char *prefix, int64_t mtime_ns,
		     struct wire_attr *out)
{
	*out = (struct wire_attr){
		.ino = name_ino(prefix, strlen(prefix), true),
		.size = 4096,
		.mtime_ns = mtime_ns ? mtime_ns : listing_start_ns(),
		.mode = S_IFDIR | 0755,
		.nlink = 2,
		.uid = WIRE_CALLER,
		.gid = WIRE_CALLER,
	};
	if (ctx)
		dirattr_apply(ctx, prefix, out);
}
