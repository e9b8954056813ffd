/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual paths: which path names mean the clouds, and in what one form.
 *
 * A virtual path is what is left below the root, without a leading slash, lexically clean (no
 * empty,
 * "." or ".." components): "" is the root itself, "s3", "s3/bucket", "s3/bucket/a/b". The URI forms
 * "s3://bucket/key" and "s3:/bucket/key" mean the same as ROOT/s3/bucket/key; likewise az and gs.
 */
#ifndef CORE_BASE_VPATH_H
#define CORE_BASE_VPATH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/wire.h"

struct vpath {
	char text[WIRE_PATH_MAX]; /* NUL-terminated */
	size_t len;
	bool must_be_dir; /* the name ended in a slash, "/." or "/.." */
	bool nofollow;	  /* a symbolic link of that name is meant itself; set by the runtime */
};

/* What does name mean? root: absolute, clean, no trailing slash. dir: the virtual directory that
 * name is relative to, or NULL when a relative name is the kernel's business. Returns 1 when it is
 * one of the clouds: out->text is the virtual path. Returns 0 when it is the kernel's; out->text is
 * then the absolute local path to give it if dir was given, or if the name climbs out of the root,
 * which the kernel cannot ("/cloud/../etc" and "/cloud/s3" + "../../etc" are "/etc"); otherwise
 * out->len is 0. -ENAMETOOLONG, -ENOENT (empty name). ".." is lexical inside the clouds. */
int vpath_resolve(const char *root, const char *dir, const char *name, struct vpath *out);

#endif
