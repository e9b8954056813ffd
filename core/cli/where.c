/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the parts: beside this program in a build folder, in libexec once installed. */
#include "core/cli/where.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/place.h"
#include "core/scope.h"
#include "core/settings.h"

static const char *const runtime_places[] = {
	"/skyshim-rt",
	"/../libexec/skyshim/skyshim-rt",
	"/../lib/skyshim/skyshim-rt",
};

static int find_programs(struct where *w)
{
	ssize_t n = readlink("/proc/self/exe", w->self, sizeof(w->self) - 1);
	char dir[PATH_MAX];

	if (n < 0)
		return -errno;
	w->self[n] = '\0';
	memcpy(dir, w->self, (size_t)n + 1);
	*strrchr(dir, '/') = '\0';
	for (size_t i = 0; i < sizeof(runtime_places) / sizeof(runtime_places[0]); i++) {
		int len = snprintf(w->runtime, sizeof(w->runtime), "%s%s", dir, runtime_places[i]);

		if (len < PATH_MAX && !access(w->runtime, X_OK))
			return 0;
	}
	w->runtime[0] = '\0';
	return 0;
}

static int complain(const char *what, const char *name, int error)
{
	fprintf(stderr, "skyshim: %s %s: %s\n", what, name,
		error == -EPERM ? "it belongs to somebody else" : strerror(-error));
	return error;
}

int where_find(struct where *out)
{
	SCOPE_FREE char *dir = NULL;
	int ret = find_programs(out);
	int fd;

	out->cache_dir = NULL;
	if (ret)
		return complain("cannot read", "/proc/self/exe", ret);
	ret = place_path(&dir);
	if (ret) {
		fputs("skyshim: no place for the cache: set SKYSHIM_CACHE_DIR or HOME\n", stderr);
		return ret;
	}
	fd = place_open(dir, &out->cache_dir);
	if (fd < 0)
		return complain("cache directory", dir, fd);
	close(fd);
	ret = sockpath_find(out->cache_dir, out->sock);
	if (ret)
		return complain("directory of the socket for", out->cache_dir, ret);
	return 0;
}

int where_root(char out[PATH_MAX])
{
	if (!settings_root(getenv("SKYSHIM_ROOT"), out))
		return 0;
	fputs("skyshim: SKYSHIM_ROOT must be an absolute path below /, without '..'\n", stderr);
	return -EINVAL;
}
