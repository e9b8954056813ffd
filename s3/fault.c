// SPDX-License-Identifier: Apache-2.0
/* S3's error answers: Amazon S3 API Reference, "Error responses". */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/http/status.h"
#include "core/http/xml.h"
#include "s3/s3.h"

/* Codes that say more than their status. */
static const struct {
	const char *code;
	int error; /* 0: the status's */
	enum store_cure cure;
} codes[] = {
	{"AccessDenied", -EACCES, STORE_CURE_NONE},
	{"AuthorizationHeaderMalformed", 0, STORE_CURE_REGION},
	{"BadDigest", -EIO, STORE_CURE_RESEND},
	{"ConditionalRequestConflict", -EIO, STORE_CURE_WAIT},
	{"EntityTooLarge", -EFBIG, STORE_CURE_NONE},
	{"EntityTooSmall", -EINVAL, STORE_CURE_NONE},
	{"IllegalLocationConstraintException", 0, STORE_CURE_REGION},
	{"IncorrectEndpoint", 0, STORE_CURE_REGION},
	{"IncompleteBody", -EIO, STORE_CURE_RESEND},
	{"InternalError", -EIO, STORE_CURE_WAIT},
	{"InvalidAccessKeyId", -EACCES, STORE_CURE_NONE},
	{"InvalidBucketName", -ENOENT, STORE_CURE_NONE}, /* so there is none: PATH may name it */
	{"InvalidObjectState", -EIO, STORE_CURE_NONE},	 /* archived: no matter of rights */
	{"InvalidPart", -EIO, STORE_CURE_NONE},
	{"InvalidPartOrder", -EINVAL, STORE_CURE_NONE},
	{"InvalidToken", -EACCES, STORE_CURE_NONE},
	{"ExpiredToken", -EACCES, STORE_CURE_RENEW},
	{"ExpiredTokenException", -EACCES, STORE_CURE_RENEW},
	{"KeyTooLongError", -ENAMETOOLONG, STORE_CURE_NONE},
	{"MetadataTooLarge", -E2BIG, STORE_CURE_NONE},
	{"NoSuchBucket", -ENOENT, STORE_CURE_NONE},
	{"NoSuchKey", -ENOENT, STORE_CURE_NONE},
	{"NoSuchUpload", -ENOENT, STORE_CURE_NONE},
	{"NoSuchVersion", -ENOENT, STORE_CURE_NONE},
	{"OperationAborted", -EIO, STORE_CURE_WAIT},
	{"PermanentRedirect", 0, STORE_CURE_REGION},
	{"PreconditionFailed", -ESTALE, STORE_CURE_NONE},
	{"QuotaExceeded", -EDQUOT, STORE_CURE_NONE},
	{"RequestTimeTooSkewed", -EACCES, STORE_CURE_CLOCK},
	{"RequestTimeout", -EIO, STORE_CURE_WAIT},
	{"SignatureDoesNotMatch", -EACCES, STORE_CURE_NONE},
	{"ServiceUnavailable", -EIO, STORE_CURE_WAIT},
	{"SlowDown", -EIO, STORE_CURE_WAIT},
	{"TokenRefreshRequired", -EACCES, STORE_CURE_RENEW},
	{"TemporaryRedirect", 0, STORE_CURE_REGION},
	{"UnauthorizedAccess", -EACCES, STORE_CURE_NONE},
	{"XAmzContentSHA256Mismatch", -EIO, STORE_CURE_RESEND},
};

static void copy(char *out, size_t out_bytes, const char *text)
{
	snprintf(out, out_bytes, "%s", text);
}

/* OpenStack Swift's limits, of one value and of all (swift/common/constraints.py), are an
 * InternalError to its S3 dialect, which invites one to try again; what it is stands at the end. */
static bool is_about_metadata(const char *reason)
{
	static const char *const words[] = {"Metadata value longer", "Metadata name too long",
					    "Total metadata too large", "Too many metadata items"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strncmp(reason, words[i], strlen(words[i])))
			return true;
	}
	return false;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct store_fault *fault = arg;

	if (!strcmp(path, "Error/Code")) {
		copy(fault->code, sizeof(fault->code), text);
	} else if (!strcmp(path, "Error/Message")) {
		copy(fault->detail, sizeof(fault->detail), text);
	} else if (!strcmp(path, "Error/RequestId")) {
		copy(fault->request_id, sizeof(fault->request_id), text);
	} else if (!strcmp(path, "Error/Reason") && is_about_metadata(text)) {
		copy(fault->code, sizeof(fault->code), "MetadataTooLarge");
		copy(fault->detail, sizeof(fault->detail), text);
	} else if (!strcmp(path, "Error/Region")) {
		copy(fault->region, sizeof(fault->region), text);
	}
	return 0;
}

void s3_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	const char *id = header_get(fields, "x-amz-request-id");

	copy(out, STORE_ID_BYTES, id ? id : "");
}

static bool is_html(const struct header_list *fields)
{
	const char *type = header_get(fields, "Content-Type");

	return type && !strncasecmp(type, "text/html", 9);
}

void s3_fault_judge(const char *code, int *error, enum store_cure *cure)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(codes[i].code, code) != 0)
			continue;
		if (codes[i].error)
			*error = codes[i].error;
		*cure = codes[i].cure;
	}
}

/* What was to be taken away is not there. */
static bool is_gone(const struct store_call *call, const struct store_fault *fault)
{
	if (call->verb == STORE_ABORT)
		return !strcmp(fault->code, "NoSuchUpload");
	return call->verb == STORE_DELETE &&
	       (!strcmp(fault->code, "NoSuchKey") || !strcmp(fault->code, "NoSuchVersion"));
}

static int on_begin(void *arg, const char *path)
{
	bool *is_error = arg;

	*is_error = !strcmp(path, "Error");
	return -ECANCELED; /* the root is all that is wanted */
}

bool s3_fault_in_body(const struct store_answer *answer)
{
	bool is_error = false;
	struct xml_visitor visitor = {.begin = on_begin, .arg = &is_error};

	(void)xml_read(answer->body, answer->body_bytes, &visitor);
	return is_error;
}

static void read_body(const struct store_call *call, const struct store_answer *answer,
		      struct store_fault *out)
{
	struct xml_visitor visitor = {.end = on_end, .arg = out};

	if (answer->body_bytes && !is_html(answer->fields))
		(void)xml_read(answer->body, answer->body_bytes, &visitor);
	if (call->verb == STORE_DELETE_MANY && answer->status < 300 && !out->code[0])
		s3_remove_fault(call, answer, out);
}

/* An answer to HEAD has no body: what can its status and fields say? */
static void judge_fields(const struct store_site *site, int status, struct store_fault *fault)
{
	bool elsewhere = fault->region[0] && strcmp(fault->region, site->region) != 0;

	if (elsewhere &&
	    (status == 301 || status == 307 || status == 400 || (status == 403 && !fault->code[0])))
		fault->cure = STORE_CURE_REGION;
	else if (status == 403 && !fault->code[0])
		fault->cure = STORE_CURE_CLOCK;
	else if (status == 400 && !fault->code[0])
		fault->cure = STORE_CURE_RENEW; /* so S3 answers a HEAD with an expired token */
}

/* A sentence where the service gives none, or one that does not say what to do. */
static void advise(const struct store_site *site, int status, struct store_fault *fault)
{
	if (status == 301 || status == 307)
		snprintf(fault->detail, sizeof(fault->detail),
			 "the bucket is served elsewhere%s%.40s; check %.150s",
			 fault->region[0] ? ", in region " : "", fault->region, site->setting);
	else if (!strcmp(fault->code, "ExpiredToken"))
		copy(fault->detail, sizeof(fault->detail),
		     "the session token has expired; renew the credentials and start again");
	else if (!strcmp(fault->code, "RequestTimeTooSkewed"))
		copy(fault->detail, sizeof(fault->detail), "this machine's clock is wrong; set it");
	else if (!strcmp(fault->code, "InvalidObjectState"))
		copy(fault->detail, sizeof(fault->detail),
		     "it is archived; restore it first (aws s3api restore-object)");
	else if (!strcmp(fault->code, "InvalidRequest") &&
		 strstr(fault->detail, "Server Side Encryption"))
		copy(fault->detail, sizeof(fault->detail),
		     "it is encrypted with a customer's key; set encryption = customer and "
		     "encryption_key_file for this bucket (man skyshim)");
}

/* Does the answer say that the service does not know how? Those that speak the dialect say it so:
 * Swift 501 NotImplemented to conditions, Google's XML API 400
 * InvalidArgument to DeleteObjects, older gateways 405 to a POST that they do not know. */
static bool is_unknown_here(int status, const char *code)
{
	static const char *const words[] = {"InvalidArgument", "InvalidRequest", "NotImplemented",
					    "UnsupportedOperation"};

	if (status == 501 || status == 405)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && status == 400; i++) {
		if (!strcmp(code, words[i]))
			return true;
	}
	return false;
}

/* What the service may be lacking, if that is why it says no. */
static unsigned find_quirk(const struct store_call *call, const struct store_site *site, int status,
			   const char *code)
{
	bool conditional = call->if_match || call->if_none_match;
	bool unknown = is_unknown_here(status, code);

	if (status == 412 && call->from_etag && !site->source_seen)
		return STORE_QUIRK_SOURCE;
	switch (call->verb) {
	case STORE_DELETE_MANY:
		return unknown ? STORE_QUIRK_NO_BATCH_DELETE : 0;
	case STORE_PART_COPY: /* a range that is wrong is an InvalidArgument, too */
		return unknown && status != 400 ? STORE_QUIRK_NO_PART_COPY : 0;
	case STORE_LIST:
		return unknown && !call->token ? STORE_QUIRK_LIST_V1 : 0;
	case STORE_PUT:
	case STORE_COPY:
	case STORE_COMPLETE:
	case STORE_DELETE:
		if (status == 412)
			return call->if_match && call->verb != STORE_DELETE ? STORE_QUIRK_QUOTES
									    : 0;
		return unknown && conditional ? STORE_QUIRK_CONDITIONS : 0;
	default:
		return 0;
	}
}

/* May a bucket have this name, by the rules of today (Amazon S3 User Guide, "Bucket naming rules")?
 * Some have older ones, so the service is asked all the same. */
static bool is_usual_bucket(const char *name)
{
	return name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

void s3_fault_parse(const struct store_call *call, const struct store_site *site,
		    const struct store_answer *answer, struct store_fault *out)
{
	struct status_meaning meaning = status_meaning(answer->status);
	const char *region = header_get(answer->fields, "x-amz-bucket-region");

	out->error = meaning.error ? meaning.error : -EIO;
	out->cure = meaning.retry ? STORE_CURE_WAIT : STORE_CURE_NONE;
	read_body(call, answer, out);
	if (!out->request_id[0])
		s3_fault_request_id(answer->fields, out->request_id);
	if (region && strlen(region) < sizeof(out->region))
		copy(out->region, sizeof(out->region), region);

	s3_fault_judge(out->code, &out->error, &out->cure);
	s3_remove_settle(call, out);
	out->done = is_gone(call, out);
	judge_fields(site, answer->status, out);
	/* InvalidBucketName, as an answer to HEAD says it */
	if (answer->status == 400 && !out->code[0] && call->bucket &&
	    !is_usual_bucket(call->bucket) && out->cure != STORE_CURE_REGION) {
		out->error = -ENOENT;
		out->cure = STORE_CURE_NONE;
	}
	if (out->cure == STORE_CURE_REGION && !out->region[0])
		out->cure = STORE_CURE_NONE;
	/* a web server that knows no such page is not a store that knows no such key */
	if (answer->status == 404 && is_html(answer->fields)) {
		out->error = -EIO;
		snprintf(out->detail, sizeof(out->detail), "this is no S3 endpoint; check %.190s",
			 site->setting);
	}
	out->quirk = find_quirk(call, site, answer->status, out->code);
	/* RADOS Gateway 16 copies nothing that is encrypted, but for parts */
	if (answer->status == 501 && call->verb == STORE_COPY)
		out->error = -EOPNOTSUPP;
	if (out->quirk == STORE_QUIRK_NO_BATCH_DELETE || out->quirk == STORE_QUIRK_NO_PART_COPY)
		out->error = -EOPNOTSUPP;
	advise(site, answer->status, out);
}
