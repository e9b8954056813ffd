// SPDX-License-Identifier: Apache-2.0
#include "core/explain.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *code;
	const char *words;
} codes[] = {
	{"NoSuchBucket", "the credential was not refused, but there is no such bucket at this "
			 "endpoint: check its name and the endpoint"},
	{"NoSuchKey", "access is good; there is no object of this name"},
	{"InvalidAccessKeyId",
	 "the service does not know this key: it was deleted, is mistyped, or "
	 "belongs to another service than the endpoint's"},
	{"SignatureDoesNotMatch", "the service knows the key, but the secret is not the one that "
				  "belongs to it"},
	{"RequestTimeTooSkewed", "the clocks of this machine and of the service differ by more "
				 "than 15 minutes: set this machine's"},
	{"ExpiredToken", "the credential has expired: renew it"},
	{"ExpiredTokenException", "the credential has expired: renew it"},
	{"TokenRefreshRequired", "the credential has expired: renew it"},
	{"InvalidToken", "the session token is wrong, or belongs to another key"},
	{"AuthorizationHeaderMalformed", "the bucket is in another region than the request was "
					 "signed for: set AWS_REGION to it"},
	{"PermanentRedirect", "the bucket is in another region: set AWS_REGION to it"},
	{"IllegalLocationConstraintException", "the bucket is in another region: set AWS_REGION "
					       "to it"},
	{"AllAccessDisabled", "the owner has disabled all access to this bucket"},
	{"AccountProblem", "the account of the bucket's owner has a problem"},
	{"InvalidAuthenticationInfo", "the token has expired, or is for another service or tenant"},
	{"AuthorizationPermissionMismatch",
	 "the identity is known, but has no role for the data of this account or container, such "
	 "as Storage Blob Data Reader"},
	{"AuthorizationFailure", "the credential was not judged: a firewall, or the account's "
				 "settings, refuse requests from here"},
	{"SlowDown", "the service wants fewer requests; the credential was not judged"},
	{"ServiceUnavailable", "the service is not available; the credential was not judged"},
	{"InternalError", "the service has failed; the credential was not judged"},
};

static const char *by_status(const struct explain *e)
{
	if (!e->status && e->error == -EACCES)
		return "nothing was asked: there is no credential to ask with";
	if (!e->status)
		return "there was no answer; the credential was not judged";
	if (e->status == 401 || e->status == 403)
		return e->anonymous ? "this is not public: it wants a credential"
				    : "the credential was refused, or a policy denies this to it";
	if (e->error == -ENOENT && e->has_key)
		return "the credential was not refused; there is no object of this name";
	if (e->error == -ENOENT)
		return "the credential was not refused, but there is no such bucket";
	return "the service refuses the request for another reason than its credential";
}

const char *explain(const struct explain *e)
{
	if (!e->error)
		return "access is good";
	if (!strcmp(e->code, "AccessDenied"))
		return e->anonymous ? "this is not public: it wants a credential"
				    : "the credential is good, but a policy denies this to it (or "
				      "hides that it does not exist)";
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (!strcmp(codes[i].code, e->code))
			return codes[i].words;
	}
	return by_status(e);
}
