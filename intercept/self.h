/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's own file, executed again for the next image. */
#ifndef INTERCEPT_SELF_H
#define INTERCEPT_SELF_H

#include <stdint.h>

/* execve(2) of the runtime. Works in another root, behind folders that this user may not enter, and
 * where its file is gone. Comes back only with a negative errno. */
int self_exec(const uint64_t *argv, const uint64_t *envp);

#endif
