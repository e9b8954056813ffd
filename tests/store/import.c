/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a directory tree into a bucket: see import.h. */
#include "tests/store/import.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/objects.h"
#include "tests/store/scope.h"
#include "tests/store/settings.h"

static int read_file(const char *path, size_t bytes, struct content **out)
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPE_FREE char *data = malloc(bytes ? bytes : 1);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	if (!data)
		return -ENOMEM;
	while (done < bytes) {
		ssize_t got = read(fd, data + done, bytes - done);

		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	*out = content_memory(data, done);
	data = NULL;
	return *out ? 0 : -ENOMEM;
}

static int store(const char *bucket, const char *key, struct content *content, int64_t mtime_s)
{
	struct object *o = object_new(key, strlen(key), content);
	int err;

	if (!o)
		return -ENOMEM;
	o->mtime_s = mtime_s;
	err = content_digest(o->content, "MD5", o->etag, sizeof(o->etag));
	if (!err)
		err = headers_add(&o->headers, "Content-Type", "binary/octet-stream");
	if (err) {
		object_put(o);
		return err;
	}
	return objects_store(bucket, o, NULL);
}

static bool is_empty(const FTSENT *dir, FTS *fts)
{
	(void)dir;
	return fts_children(fts, FTS_NAMEONLY) == NULL && errno == 0;
}

static int import_entry(FTS *fts, FTSENT *e, const char *bucket, size_t root_len)
{
	const char *key = e->fts_path + root_len;
	char marker[OBJECT_KEY_MAX + 2];
	struct content *content = NULL;
	int err;

	while (*key == '/')
		key++;
	if (strlen(key) > OBJECT_KEY_MAX)
		return -ENAMETOOLONG;
	switch (e->fts_info) {
	case FTS_F:
		err = read_file(e->fts_accpath, (size_t)e->fts_statp->st_size, &content);
		return err ? err : store(bucket, key, content, e->fts_statp->st_mtime);
	case FTS_D:
		errno = 0;
		if (!*key || !is_empty(e, fts))
			return 0;
		snprintf(marker, sizeof(marker), "%s/", key);
		content = content_memory(NULL, 0);
		return content ? store(bucket, marker, content, e->fts_statp->st_mtime) : -ENOMEM;
	case FTS_DP:
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return -e->fts_errno;
	default:
		fprintf(stderr, "skyshim-teststore: %s: skipped, no regular file\n", e->fts_path);
		return 0;
	}
}

static int walk(char *dir, const char *bucket)
{
	char *roots[] = {dir, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int err = 0;

	if (!fts)
		return -errno;
	while (!err && (errno = 0, e = fts_read(fts))) {
		err = import_entry(fts, e, bucket, strlen(dir));
		if (err)
			fprintf(stderr, "skyshim-teststore: %s: %s\n", e->fts_path, strerror(-err));
	}
	if (!err && errno)
		err = -errno;
	fts_close(fts);
	return err;
}

int import_tree(const char *spec)
{
	SCOPE_FREE char *copy = strdup(spec);
	char *bucket = copy;
	char *dir;
	int err;

	if (!copy)
		return -1;
	dir = strchr(copy, '=');
	if (dir) {
		*dir++ = '\0';
	} else {
		dir = copy;
	}
	while (strlen(dir) > 1 && dir[strlen(dir) - 1] == '/')
		dir[strlen(dir) - 1] = '\0';
	if (dir == copy)
		bucket = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir;

	err = bucket_create(bucket, settings.region);
	if (err && err != -EEXIST) {
		fprintf(stderr,
			"skyshim-teststore: --data %s: \"%s\" cannot be a bucket (%s); "
			"write --data BUCKET=DIR\n",
			spec, bucket, strerror(-err));
		return -1;
	}
	err = walk(dir, bucket);
	if (err)
		fprintf(stderr, "skyshim-teststore: --data %s: %s\n", spec, strerror(-err));
	return err ? -1 : 0;
}
