/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors on cloud files: how one comes into being, and which call is about one. */
#ifndef INTERCEPT_CLOUDFD_H
#define INTERCEPT_CLOUDFD_H

#include "intercept/dispatch.h"
#include "intercept/request.h"
#include "intercept/vfile.h"

/* Turns the answer of WIRE_OPEN (data and vnode descriptor) into the program's descriptor: the
 * lowest free number, as open(2) promises. flags: of open(2). Returns it or a negative errno. */
long cloudfd_install(struct request *rq, unsigned flags);

/* Is fd a cloud file? Returns 1 with a reference in *out, 0 when it is the kernel's, -EIO when the
 * daemon could not tell. */
int cloudfd_get(int fd, struct vfile **out);

#endif
