/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: a bearer of a token (bearer.h), or nobody. */
#include "tests/store/gcs.h"

#include "tests/store/bearer.h"
#include "tests/store/settings.h"

static const char *permission(bool writes)
{
	return writes ? "storage.objects.create" : "storage.objects.get";
}

bool gcs_auth_bucket(struct gcs_call *c, const char *bucket, bool writes)
{
	bool anonymous = !gcs_header(c, "Authorization") && !c->route->by_session;

	if (!bucket)
		return true;
	if (settings_names(&settings.denied, bucket) ||
	    (anonymous && !settings_names(&settings.anon_write, bucket) &&
	     (writes || !settings_names(&settings.anon_read, bucket)))) {
		gcs_fail(c, anonymous ? 401 : 403, anonymous ? "required" : "forbidden",
			 "%s does not have %s access to the Google Cloud Storage object. "
			 "Permission '%s' denied on resource (or it may not exist).",
			 anonymous ? "Anonymous caller" : "tester@example.com", permission(writes),
			 permission(writes));
		return false;
	}
	if (settings_names(&settings.requester_pays, bucket) && !gcs_param(c, "userProject") &&
	    !gcs_header(c, "X-Goog-User-Project") && !c->route->by_session) {
		gcs_fail(c, 400, "required",
			 "Bucket is a requester pays bucket but no user project provided.");
		return false;
	}
	return true;
}

bool gcs_auth(struct gcs_call *c)
{
	const char *header = gcs_header(c, "Authorization");

	if (c->route->by_session)
		return true;
	if (header && !bearer_valid(header)) {
		gcs_fail(c, 401, "authError", "Invalid Credentials");
		return false;
	}
	if (!header && !c->bucket) {
		gcs_fail(c, 401, "required", "Anonymous caller does not have %s access.",
			 "storage.buckets.list");
		return false;
	}
	return gcs_auth_bucket(c, c->bucket, c->route->writes) &&
	       gcs_auth_bucket(c, c->names[2], true);
}
