/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing names: one function for each call of that name. What they change is in the bucket when
 * they return, or, of a file that is being written to, goes with its publication. Errors as of
 * those calls, and the store's with q->message. Not on the I/O thread.
 */
#ifndef FS_CHANGE_H
#define FS_CHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/wire.h"
#include "fs/lookup.h"
#include "fs/xattrs.h"

/* Deletes bucket/key, which need not exist. */
int change_delete(struct lookup *q, const char *key);

/* The same of this version only. -ESTALE: another is there; that or -ENOENT: none is. */
int change_delete_version(struct lookup *q, const char *key, const char *etag);

/* change_delete() of up to STORE_LIST_MAX keys, no two the same. etags: NULL, or for each of them
 * the version that is to go, NULL for any: then stays tells which were left alone since another was
 * there, which is no error. That is so only where the service heeds it. */
int change_delete_many(struct lookup *q, const char *const *keys, const char *const *etags,
		       size_t count, bool *stays);

/* later: NULL, or for whom it may be done some time soon (gone.h); *later is 0 then if it was done
 * at once. */
int change_unlink(struct lookup *q, pid_t *later);
int change_rmdir(struct lookup *q);

/* mode: permission bits. */
int change_mkdir(struct lookup *q, uint32_t mode);

/* A symbolic link. -EEXIST, -ENOENT (an empty target, no directory), -ENAMETOOLONG. */
int change_symlink(struct lookup *q, const char *target);

/* flags: of renameat2(2): 0 or RENAME_NOREPLACE; otherwise -EINVAL. */
int change_rename(struct lookup *from, struct lookup *to, unsigned flags);

/* RENAME_EXCHANGE. slashes: 1: the first name had one behind it, 2: the second. number: of the
 * request, which is carried out once if it comes again; or 0. */
int change_exchange(struct lookup *from, struct lookup *to, unsigned slashes, uint64_t number);

/* One more name, whose object is a copy by the service: see fs/link.c. -EPERM: of a directory.
 * -EMLINK: it has too many. again: a daemon that died may have done it already; then what is
 * there is no -EEXIST if the two are one file here now (fs/linkagain.h). */
int change_link(struct lookup *from, struct lookup *to, bool again);

struct cache_file;

/* The same of an open file: the first name, if it was opened without one. */
int change_link_of(struct cache_file *file, struct lookup *to, bool again);

/* The copy by the service of source, in place of a draft that is empty still. hand: gives the
 * copy's file, a draft, to who asked; as long as that has not succeeded the old one keeps the name,
 * and its error is the result. mtime_ns: the time that the copy gets, which is noted with deed
 * before it is asked for. -EOPNOTSUPP: it has to be copied byte by byte. */
struct change_cloned {
	int (*hand)(void *arg, struct cache_file *made);
	void *arg;
	const struct deed *deed;
	int64_t mtime_ns;
};
int change_clone(struct cache_file *source, struct cache_file *draft,
		 const struct change_cloned *cloned, char message[STORE_MESSAGE_BYTES]);

/* Who asked for that has not heard how it ended: the draft, which he has open, is what its name
 * means again, to be stored over the copy of that time if one was made. -EOPNOTSUPP: so it is, he
 * copies byte by byte; -EIO: somebody else writes under the name; the store's error. */
int change_clone_back(struct cache_file *draft, int64_t mtime_ns,
		      char message[STORE_MESSAGE_BYTES]);

/* A file without a name, with a reference, for the directory q. for_ever: it never gets one. */
int change_open_unnamed(struct lookup *q, uint32_t mode, bool for_ever, struct cache_file **out);

#define CHANGE_XATTR 0x100u /* beside WIRE_SET_* */

/* what: WIRE_SET_*, CHANGE_XATTR. Of a bucket and what is above it nothing can be kept: that is a
 * success. */
struct change_attr {
	unsigned what;
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
	const char *xattr; /* all of them, as of fs/xattrs.h; "": none. -EAGAIN: others have stored
			      another version, whose these are not */
	uint64_t mark;	   /* as of struct metadata, whatever it was; 0: none */
};
int change_attr(struct lookup *q, const struct change_attr *attr);
/* The same, of a name that is known to be a directory's. */
int change_dir_attr(struct lookup *q, const struct change_attr *attr);

/* Puts the mark of a directory: key ends in a slash. -ESTALE: one is there already. */
int change_put_mark(struct lookup *q, const char *key, const struct store_pairs *user,
		    const char *if_none_match);

struct metadata;

/* As it is to be afterwards; the file type stays. */
void change_apply(const struct change_attr *attr, struct metadata *m);

/* The same of a file that is open. */
int change_attr_of(struct cache_file *file, const struct change_attr *attr,
		   char message[STORE_MESSAGE_BYTES]);

/* Extended attributes of what q names, or of an open file: name NULL: all names. Only "user." ones
 * are kept. Returns the length, which may be more than room; -ENODATA, -ENOENT,
 * the store's error. What only a listing has told of has no names unless they are known of here. */
int change_get_xattr(struct lookup *q, const char *name, void *out, size_t room);
int change_get_xattr_of(struct cache_file *file, const char *name, void *out, size_t room,
			char message[STORE_MESSAGE_BYTES]);

/* value NULL: removes it. flags: XATTR_CREATE, XATTR_REPLACE. -EEXIST, -ENODATA, -ENOSPC, -EPERM (a
 * symbolic link), -EOPNOTSUPP (a bucket, and what is above it), the store's error. */
struct xattr_value {
	const char *name;
	const void *value;
	size_t len;
	int flags;
};
int change_set_xattr(struct lookup *q, const struct xattr_value *v);
int change_set_xattr_of(struct cache_file *file, const struct xattr_value *v,
			char message[STORE_MESSAGE_BYTES]);

/* Those that go with the next version of a draft. */
void change_draft_xattr(const struct cache_file *file, char text[XATTRS_MAX]);

/* Of a name that is known to be a directory's: all of them in text, as of fs/xattrs.h; and setting
 * one. names: as above. */
int change_dir_xattr(struct lookup *q, bool names, char text[XATTRS_MAX]);
int change_dir_set_xattr(struct lookup *q, const struct xattr_value *v);

#endif
