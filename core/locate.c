// SPDX-License-Identifier: Apache-2.0
#include "core/locate.h"

#include <stdio.h>
#include <string.h>

static void copy(char *out, size_t bytes, const char *text)
{
	snprintf(out, bytes, "%s", text ? text : "");
}

int locate_call(const struct store_ops *ops, const struct store_call *call, const char *region,
		struct store_site *out, struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	struct store_call here = *call;
	struct realm realm;
	int ret = realm_find(call->ctx, call->scheme ? call->scheme : "", call->bucket, &realm,
			     message, STORE_MESSAGE_BYTES);

	if (ret) {
		memset(out, 0, sizeof(*out));
		memset(creds_out, 0, sizeof(*creds_out));
		return ret;
	}
	here.ctx = realm.ctx;
	here.realm = &realm;
	ret = ops->locate(&here, region, out, creds_out, message);
	out->ctx = realm.ctx;
	price_find(&realm, call->scheme ? call->scheme : "", &out->price);
	throttle_find(&realm, &out->limits);
	out->names_settled = realm_get(&realm, REALM_HIERARCHICAL);
	if (out->names_settled)
		out->names = realm_is(&realm, REALM_HIERARCHICAL, false) ? STORE_NAMES_TREE
									 : STORE_NAMES_FLAT;
	copy(out->client_cert, sizeof(out->client_cert), realm_get(&realm, REALM_CLIENT_CERT));
	copy(out->client_key, sizeof(out->client_key), realm_get(&realm, REALM_CLIENT_KEY));
	out->http2 = realm_is(&realm, REALM_HTTP2, false);
	return ret;
}
