/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's answer to one request says about the credentials, in a sentence for people. */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include <stdbool.h>

struct explain {
	int error;	  /* of the call, 0 or a negative errno */
	int status;	  /* of the HTTP answer, 0: there was none */
	const char *code; /* the service's word, "" for none */
	bool anonymous;
	bool has_key; /* an object was asked for, not a bucket or the service */
};

const char *explain(const struct explain *e);

#endif
