/* SPDX-License-Identifier: Apache-2.0 */
/* Where a call goes, as its back end and the user's configuration (core/realm.h) have it. */
#ifndef CORE_LOCATE_H
#define CORE_LOCATE_H

#include "core/backend.h"

/* As store_ops.locate, with the context and the settings of the call's realm; also -EMFILE: too
 * many different environments. Any thread that may call that. */
int locate_call(const struct store_ops *ops, const struct store_call *call, const char *region,
		struct store_site *out, struct creds *creds_out, char message[STORE_MESSAGE_BYTES]);

#endif
