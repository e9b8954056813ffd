/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object keys as paths, and back. A key may hold what no path can; "%~" introduces what stands for
 *it:
 *
 *	%~0	an empty component: key "a//b" is a/%~0/b, "/a" is %~0/a, an object "a/" with bytes
 *in it is a/%~0 (a zero-byte object "a/" is only the mark of the directory a)
 *	%~.	a component "."; %~.. a component ".."
 *	%~~	the bytes "%~" themselves
 *	%~+	ends each piece but the last of a component over 255 bytes; the pieces look like
 *nested directories. They are cut at UTF-8 boundaries.
 *	%~d	ends the name of a directory beside which a key of the same name exists: with keys
 *"a" and "a/b", a is the file, a%~d the directory, and b is both a/b and a%~d/b
 *
 * Nothing else changes a byte. Every key without a NUL has exactly one path made by escape_key(),
 *and unescape_key() of it gives the key back.
 */
#ifndef FS_ESCAPE_H
#define FS_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#define ESCAPE_NAME_MAX	 255 /* bytes of a name, as in every Linux file system */
#define ESCAPE_PIECE_END "%~+"
#define ESCAPE_DIR_END	 "%~d"

/* The escaped form of one component (no slash in it) before it is cut. Returns its length, or
 * -ENAMETOOLONG when it does not fit out_bytes with its NUL. */
int escape_component(const char *comp, size_t len, char *out, size_t out_bytes);

/* How many bytes of an escaped component the first piece takes: len when it is at most
 * ESCAPE_NAME_MAX, otherwise up to ESCAPE_NAME_MAX - 3, to which ESCAPE_PIECE_END comes. */
size_t escape_cut(const char *text, size_t len);

/* The path of a key. Returns its length or -ENAMETOOLONG. */
int escape_key(const char *key, char *out, size_t out_bytes);

struct escape_result {
	size_t key_len;
	bool is_dir;	/* the path ended in %~d: only the directory "key/" is meant */
	bool is_pieces; /* the path ended in a piece: the directory of all that go on from key */
};

/* The key of a clean path (no empty, "." or ".." components). key is NUL-terminated. Returns 0,
 * -ENOENT when no key has this path, -ENAMETOOLONG. */
int unescape_key(const char *path, char *key, size_t key_bytes, struct escape_result *out);

#endif
