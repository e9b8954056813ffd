/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the parts: beside this program in a build folder, in libexec once installed. */
#include "core/cli/where.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/place.h"
#include "core/cli/cli.h"
#include "core/scope.h"
#include "core/settings.h"

static const char *const places[] = {"", "/../libexec/skyshim", "/../lib/skyshim"};

int where_complain(const char *what, const char *name, int error)
{
	fprintf(stderr, "skyshim: %s %s: %s\n", what, name,
		error == -EPERM ? "it belongs to somebody else" : strerror(-error));
	return CLI_NOT_EXECUTABLE;
}

static int complain(const char *what, const char *name, int error)
{
	where_complain(what, name, error);
	return error;
}

int where_missing(const char *name)
{
	fprintf(stderr,
		"skyshim: %s is missing: it belongs beside this program or in "
		"../libexec/skyshim\n",
		name);
	return CLI_NOT_EXECUTABLE;
}

static void find_program(const char *dir, const char *name, char out[PATH_MAX])
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(out, PATH_MAX, "%s%s/%s", dir, places[i], name);

		if (len < PATH_MAX && !access(out, X_OK))
			return;
	}
	out[0] = '\0';
}

int where_programs(struct where *w)
{
	ssize_t n = readlink("/proc/self/exe", w->self, sizeof(w->self) - 1);
	char dir[PATH_MAX];

	if (n < 0)
		return complain("cannot read", "/proc/self/exe", -errno);
	w->self[n] = '\0';
	memcpy(dir, w->self, (size_t)n + 1);
	*strrchr(dir, '/') = '\0';
	find_program(dir, "skyshim-rt", w->runtime);
	find_program(dir, "skyshim-daemon", w->daemon);
	return 0;
}

int where_find(struct where *out)
{
	SCOPE_FREE char *dir = NULL;
	int ret = where_programs(out);
	int fd;

	out->cache_dir = NULL;
	if (ret)
		return ret;
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
