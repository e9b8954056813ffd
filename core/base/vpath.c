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

/* Appends the components of part to the absolute path out, resolving "." and "..". */
static int append_clean(struct vpath *out, const char *part)
{
	while (*part) {
		size_t n = strcspn(part, "/");

		if (n == 0) {
			part++;
			out->must_be_dir = true;
			continue;
		}
		if (n == 1 && part[0] == '.') {
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
		part += n;
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

	if (out->len < len || memcmp(out->text, root, len) != 0)
		return 0;
	if (out->text[len] != '/' && out->text[len] != '\0')
		return 0;
	if (out->text[len] == '/')
		len++;
	out->len -= len;
	memmove(out->text, out->text + len, out->len + 1);
	return 1;
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
	const char *scheme = NULL;
	const char *rest = uri_rest(name, &scheme);
	int ret;

	if (!*name)
		return -ENOENT;
	if (!rest && name[0] != '/' && !dir)
		return 0;
	if (!rest && name[0] == '/' && !may_be_virtual(root, name)) {
		if (dir) {
			out->len = strlen(name);
			if (out->len >= sizeof(out->text))
				return -ENAMETOOLONG;
			memcpy(out->text, name, out->len + 1);
		}
		return 0;
	}

	out->len = 0;
	out->text[0] = '\0';
	out->must_be_dir = false;
	ret = 0;
	if (rest || name[0] != '/') {
		ret = append_clean(out, root);
		if (!ret)
			ret = append_clean(out, rest ? scheme : dir);
		out->must_be_dir = false;
	}
	if (!ret && rest) {
		/* ".." in a URI stays below its scheme: "s3://b/../c" is bucket c */
		ret = append_clean(out, rest);
	} else if (!ret) {
		ret = append_clean(out, name);
	}
	if (ret)
		return ret;

	ret = strip_root(root, out);
	if (ret && name_too_long(out->text))
		return -ENAMETOOLONG;
	if (!ret && !out->len)
		memcpy(out->text, "/", 2), out->len = 1;
	return ret;
}
