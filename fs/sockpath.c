/* SPDX-License-Identifier: Apache-2.0 */
/* One socket per user and cache directory: its name is a digest of that directory. */
#include "fs/sockpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/scope.h"
#include "core/sha256.h"

/* dir: a real directory (no link), ours, for nobody else. */
static int check_dir(const char *dir)
{
	SCOPE_FD int fd = -1;
	struct stat st;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	if ((st.st_mode & 077) && fchmod(fd, 0700))
		return -errno;
	return 0;
}

int sockpath_check(const char *path)
{
	char dir[SOCKPATH_BYTES];
	const char *slash = strrchr(path, '/');

	if (path[0] != '/' || strlen(path) >= sizeof(dir) || slash == path)
		return -EINVAL;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return check_dir(dir);
}

static int try_base(const char *dir, const char *digest, char *out)
{
	int n = snprintf(out, SOCKPATH_BYTES, "%s/%s.sock", dir, digest);

	if (n >= SOCKPATH_BYTES)
		return -ENAMETOOLONG;
	return check_dir(dir);
}

int sockpath_find(const char *cache_dir, char out[SOCKPATH_BYTES])
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	uint8_t hash[SHA256_BYTES];
	char dir[SOCKPATH_BYTES + 16], digest[17], path[SOCKPATH_BYTES];
	int ret = -ENOENT;

	sha256(cache_dir, strlen(cache_dir), hash);
	for (int i = 0; i < 8; i++)
		snprintf(digest + 2 * i, 3, "%02x", hash[i]);

	if (xdg && xdg[0] == '/' && strlen(xdg) < SOCKPATH_BYTES && !strchr(xdg, '\n')) {
		snprintf(dir, sizeof(dir), "%s/skyshim", xdg);
		ret = try_base(dir, digest, path);
	}
	/* a login that ended takes its XDG_RUNTIME_DIR along: then /tmp */
	if (ret && ret != -EPERM) {
		snprintf(dir, sizeof(dir), "/tmp/skyshim-%u", (unsigned)geteuid());
		ret = try_base(dir, digest, path);
	}
	if (!ret)
		memcpy(out, path, SOCKPATH_BYTES);
	return ret;
}
