/* SPDX-License-Identifier: Apache-2.0 */
/* See vname.h. */
#include "intercept/vname.h"

#include <string.h>

#include "intercept/handlers.h"
#include "intercept/request.h"

size_t vname_get(const struct vfile *vf, char *out, bool *gone_out)
{
	struct request rq = {
		.op = WIRE_NAME, .data_dev = vf->dev, .data_ino = vf->ino, .answer = out};

	*gone_out = false;
	if (vf->vn->kind == VNODE_FILE && !request_run(&rq)) {
		*gone_out = !rq.attr.nlink;
		return strlen(out);
	}
	memcpy(out, vnode_path(vf->vn), vf->vn->path_len + 1);
	return vf->vn->path_len;
}

size_t vname_shown(const struct vfile *vf, char *out)
{
	static const char deleted[] = " (deleted)"; /* as the kernel says it */
	char *path = out + 2 * WIRE_PATH_MAX;
	size_t len;
	bool gone;

	vname_get(vf, path, &gone);
	len = dir_absolute(path, out) - 1;
	if (gone)
		memcpy(out + len, deleted, sizeof(deleted));
	return gone ? len + sizeof(deleted) - 1 : len;
}
