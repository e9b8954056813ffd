/* SPDX-License-Identifier: Apache-2.0 */
/* A question about something in the clouds, which the daemon answers in JSON. */
#ifndef CORE_CLI_INQUIRE_H
#define CORE_CLI_INQUIRE_H

#include <jansson.h>

#include "core/base/vpath.h"
#include "core/base/wire.h"

/* The virtual path of a URI or a path; of NULL an empty one. Returns 0, or an exit status after
 * saying why; command: who says it. */
int inquire_resolve(const char *command, const char *name, struct vpath *out);

/* Asks with the context of this environment; the daemon is started if need be. Returns 0 with *out
 * to be freed; or an exit status after saying why. */
int inquire(const char *command, struct wire_request *request, const struct vpath *vp,
	    const char *name, json_t **out);

/* A text of an answer, "" when it is not there. */
const char *inquire_text(const json_t *root, const char *name);

#endif
