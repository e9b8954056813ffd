// SPDX-License-Identifier: Apache-2.0
#include "core/cli/inquire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/handover.h"
#include "core/cli/where.h"
#include "fs/ask.h"

int inquire_resolve(const char *command, const char *name, struct vpath *out)
{
	char root[PATH_MAX];
	char cwd[PATH_MAX];
	int ret;

	out->text[0] = '\0';
	out->len = 0;
	if (!name)
		return 0;
	if (where_root(root))
		return 1;
	ret = vpath_resolve(root, NULL, name, out);
	/* under a runtime of ours it may be relative to a directory of the clouds */
	if (!ret && *name != '/' && getcwd(cwd, sizeof(cwd)) &&
	    vpath_resolve(root, NULL, cwd, out) == 1) {
		char dir[WIRE_PATH_MAX];

		memcpy(dir, out->text, out->len + 1);
		ret = vpath_resolve(root, dir, name, out);
	}
	if (ret == 1)
		return 0;
	fprintf(stderr,
		"skyshim: %s: '%s' is nothing in the clouds: write s3://BUCKET, or a path "
		"below %s\n",
		command, name, root);
	return CLI_USAGE;
}

int inquire(const char *command, struct wire_request *request, const struct vpath *vp,
	    const char *name, json_t **out)
{
	struct ask_reply reply;
	struct where w;
	int ret;

	if (where_find(&w))
		return 1;
	ret = handover_context(&w, request->ctx);
	if (ret) {
		free(w.cache_dir);
		return 1;
	}
	ret = ask(w.sock, request, vp->text, vp->len, &reply);
	free(w.cache_dir);
	if (ret) {
		ask_complain(ret, reply.peer);
		return 1;
	}
	*out = reply.head.error ? NULL : json_loads(reply.text ? reply.text : "", 0, NULL);
	ret = reply.head.error;
	ask_free(&reply);
	if (*out)
		return 0;
	fprintf(stderr, "skyshim: %s: %s: %s\n", command, name ? name : "",
		ret == -EINVAL	 ? "no store of this kind"
		: ret == -EISDIR ? "name a bucket (s3://BUCKET), or a folder in one"
		: ret		 ? strerror(-ret)
				 : "the daemon's answer makes no sense");
	return 1;
}

const char *inquire_text(const json_t *root, const char *name)
{
	const char *text = json_string_value(json_object_get(root, name));

	return text ? text : "";
}
