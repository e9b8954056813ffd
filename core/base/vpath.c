/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One syscall sees the whole path, so a name is decided as text: no component is looked up. Kernel
 * paths leave after one comparison; only what may be virtual is cleaned.
 */
#include "core/base/vpath.h"

#include <errno.h>
#include <string.h>

#define NAME_BYTES_MAX 255u /* NAME_MAX; longer keys are cut by the escape */

static const char schemes[][8] = {"s3", "az", "gs"};

/* The part of name after "SCHEME:/" (its slashes included), or NULL when it is no URI of ours. */
static const char *uri_rest(const char *name, const char **scheme_out)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);

		if (!strncmp(name, schemes[i], len) && name[len] == ':' && name[len + 1] == '/') {
			*scheme_out = schemes[i];
			return name + len + 1;
		}
	}
	return NULL;
}

static bool is_within(const char *root, const struct vpath *path)
{
	size_t len = strlen(root);

	return path->len >= len && !memcmp(path->text, root, len) &&
	       (path->len == len || path->text[len] == '/');
}

/* Appends one component of n bytes to an absolute path. */
static int append_one(struct vpath *out, const char *part, size_t n)
{
	if (!n || (n == 1 && part[0] == '.')) {
		out->must_be_dir = true;
	} else if (n == 2 && part[0] == '.' && part[1] == '.') {
		while (out->len && out->text[--out->len] != '/')
			;
		out->must_be_dir = true;
	} else {
		if (out->len + 1 + n + 1 > sizeof(out->text))
			return -ENAMETOOLONG;
		out->text[out->len++] = '/';
		memcpy(out->text + out->len, part, n);
		out->len += n;
		out->must_be_dir = false;
	}
	return 0;
}

/* Appends the components of part to the absolute path out, resolving "." and "..". *left_out: what
 * of part is behind the last ".." that led out of root; set only if there is one. */
static int append_clean(struct vpath *out, const char *root, const char *part,
			const char **left_out)
{
	bool was_within = is_within(root, out);

	while (*part) {
		size_t n = strcspn(part, "/");
		bool now;
		int ret = append_one(out, part, n);

		if (ret)
			return ret;
		part += n + (!n);
		now = is_within(root, out);
		if (was_within && !now)
			*left_out = part;
		was_within = now;
	}
	out->text[out->len] = '\0';
	return 0;
}

/* Is a component longer than a file name may be? */
static bool name_too_long(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n > NAME_BYTES_MAX)
			return true;
		path += n + (path[n] == '/');
	}
	return false;
}

/* Turns the clean absolute path in out into a virtual one if it lies in root. */
static int strip_root(const char *root, struct vpath *out)
{
	size_t len = strlen(root);

	if (!is_within(root, out))
		return 0;
	if (out->text[len] == '/')
		len++;
	out->len -= len;
	memmove(out->text, out->text + len, out->len + 1);
	return 1;
}

/* The local path of a name that has left root, where rest goes on: not cleaned, since the kernel
 * knows what is a link there. */
static int climb_out(const char *root, const char *rest, struct vpath *out)
{
	size_t parent = (size_t)(strrchr(root, '/') - root), len = strlen(rest);

	if (parent + len + 2 > sizeof(out->text))
		return -ENAMETOOLONG;
	memcpy(out->text, root, parent);
	memcpy(out->text + parent, rest, len + 1);
	out->len = parent + len;
	if (!out->len)
		memcpy(out->text, "/", 2), out->len = 1;
	return 0;
}

/* A name that means what it says. */
static int stay_out(const char *name, struct vpath *out)
{
	size_t len = strlen(name);

	if (len >= sizeof(out->text))
		return -ENAMETOOLONG;
	memcpy(out->text, name, len + 1);
	out->len = len;
	return 0;
}

/* Could the absolute name lie in root once it is cleaned? A name without the root's last component
 * cannot, and most kernel paths leave here. */
static bool may_be_virtual(const char *root, const char *name)
{
	const char *last = strrchr(root, '/') + 1;

	return strstr(name, last) != NULL;
}

int vpath_resolve(const char *root, const char *dir, const char *name, struct vpath *out)
{
	const char *scheme = NULL, *left = NULL, *ignored = NULL;
	const char *rest = uri_rest(name, &scheme);
	int ret = 0;

	out->len = 0;
	if (!*name)
		return -ENOENT;
	if (!rest && name[0] != '/' && !dir)
		return 0;
	if (!rest && name[0] == '/' && !may_be_virtual(root, name))
		return dir ? stay_out(name, out) : 0;

	out->text[0] = '\0';
	out->must_be_dir = false;
	if (rest || name[0] != '/') {
		ret = append_clean(out, root, root, &ignored);
		if (!ret)
			ret = append_clean(out, root, rest ? scheme : dir, &ignored);
		out->must_be_dir = false;
	}
	/* ".." in a URI stays below its scheme: "s3://b/../c" is bucket c */
	if (!ret)
		ret = append_clean(out, root, rest ? rest : name, &left);
	if (ret)
		return ret;

	if (strip_root(root, out))
		return name_too_long(out->text) ? -ENAMETOOLONG : 1;
	out->len = 0;
	if (left)
		return climb_out(root, left, out);
	return dir ? stay_out(name, out) : 0;
}
