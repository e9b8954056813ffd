// SPDX-License-Identifier: Apache-2.0
/* The configuration of a context. A file of its own: `skyshim run` has none, nor the library that
 * gives contexts their ids. */
#include <string.h>

#include "core/settings.h"

void settings_path_of(const struct context *ctx, char out[PATH_MAX])
{
	settings_path(context_env(ctx, "XDG_CONFIG_HOME"), context_env(ctx, "HOME"), out);
}

int settings_read_of(const struct context *ctx, struct settings *out, char *message)
{
	char root[PATH_MAX];
	int ret;

	*out = (struct settings){.root = root, .message = message};
	if (settings_root(context_env(ctx, "SKYSHIM_ROOT"), root))
		strcpy(root, SETTINGS_ROOT); /* then it is no daemon's business */
	settings_path_of(ctx, out->path);
	ret = settings_load(out);
	out->root = NULL;
	return ret;
}
