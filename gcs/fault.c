// SPDX-License-Identifier: Apache-2.0
/*
 * Error answers: "HTTP status and error codes" for JSON and for XML. A reason of the one is a code
 * of the other but for its first letter, so that one table serves both.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/http/status.h"
#include "core/http/xml.h"
#include "gcs/gcs.h"

#define PAYER_ADVICE                                                                             \
	"whoever asks pays for this bucket: set GOOGLE_CLOUD_QUOTA_PROJECT to the project that " \
	"shall be billed"

/* Reasons that say more than their status, or else. */
static const struct {
	const char *reason;
	int error; /* 0: the status's */
	enum store_cure cure;
	const char *advice; /* instead of the service's sentence, or NULL */
} reasons[] = {
	{"accountDisabled", -EACCES, STORE_CURE_NONE, NULL},
	{"authError", -EACCES, STORE_CURE_RENEW, NULL},
	{"authenticationRequired", -EACCES, STORE_CURE_RENEW, NULL},
	{"backendError", -EIO, STORE_CURE_WAIT, NULL},
	{"badDigest", -EIO, STORE_CURE_RESEND, NULL},
	{"conditionNotMet", -ESTALE, STORE_CURE_NONE, NULL},
	{"crcMismatch", -EIO, STORE_CURE_RESEND, NULL},
	{"customerEncryptionKeyIsIncorrect", -EIO, STORE_CURE_NONE,
	 "it is encrypted with a key that its owner keeps, which is not supported"},
	{"insufficientPermissions", -EACCES, STORE_CURE_NONE, NULL},
	{"internalError", -EIO, STORE_CURE_WAIT, NULL},
	{"objectUnderActiveHold", -EACCES, STORE_CURE_NONE,
	 "it is under a hold: it cannot be replaced or deleted until that is released"},
	{"preconditionFailed", -ESTALE, STORE_CURE_NONE, NULL},
	{"quotaExceeded", -EDQUOT, STORE_CURE_NONE, NULL},
	{"rateLimitExceeded", -EIO, STORE_CURE_WAIT, NULL},
	{"resourceIsEncryptedWithCustomerEncryptionKey", -EIO, STORE_CURE_NONE,
	 "it is encrypted with a key that its owner keeps, which is not supported"},
	{"retentionPolicyNotMet", -EACCES, STORE_CURE_NONE,
	 "the bucket's retention policy keeps it: it cannot be replaced or deleted yet"},
	{"slowDown", -EIO, STORE_CURE_WAIT, NULL},
	{"uploadTooLarge", -EFBIG, STORE_CURE_NONE, NULL},
	{"usageLimitsRateLimitExceeded", -EIO, STORE_CURE_WAIT, NULL},
	{"userProjectAccessDenied", -EACCES, STORE_CURE_NONE, NULL},
	{"userProjectAccountProblem", -EACCES, STORE_CURE_NONE, NULL},
	{"userProjectInvalid", -EACCES, STORE_CURE_NONE, NULL},
	{"userProjectMissing", -EACCES, STORE_CURE_NONE, PAYER_ADVICE},
	{"userRateLimitExceeded", -EIO, STORE_CURE_WAIT, NULL},
};

static void copy(char *out, size_t out_bytes, const char *text)
{
	snprintf(out, out_bytes, "%.*s", (int)strcspn(text, "\r\n"), text);
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct store_fault *fault = arg;

	if (!strcmp(path, "Error/Code"))
		copy(fault->code, sizeof(fault->code), text);
	else if (!strcmp(path, "Error/Details") ||
		 (!strcmp(path, "Error/Message") && !fault->detail[0]))
		copy(fault->detail, sizeof(fault->detail), text);
	return 0;
}

/* {"error": {"message": ..., "errors": [{"reason": ...}]}}; of tokens' servers
 * {"error": "...", "error_description": "..."}. */
static void read_json(const json_t *json, struct store_fault *out)
{
	const json_t *error = json_object_get(json, "error");
	const json_t *first = json_array_get(json_object_get(error, "errors"), 0);

	copy(out->code, sizeof(out->code), gcs_resource_text(first, "reason"));
	copy(out->detail, sizeof(out->detail), gcs_resource_text(error, "message"));
}

static bool is_html(const struct header_list *fields)
{
	const char *type = header_get(fields, "Content-Type");

	return type && !strncasecmp(type, "text/html", 9);
}

static void read_body(const struct store_answer *answer, struct store_fault *out)
{
	struct xml_visitor visitor = {.end = on_end, .arg = out};
	json_t *json;

	if (!answer->body_bytes || is_html(answer->fields))
		return;
	if (answer->body[0] == '<') {
		(void)xml_read(answer->body, answer->body_bytes, &visitor);
		return;
	}
	json = gcs_resource_load(answer);
	if (json)
		read_json(json, out);
	else if (answer->status == 400) /* uploads are refused in plain words */
		copy(out->detail, sizeof(out->detail), answer->body);
	json_decref(json);
}

void gcs_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	const char *id = header_get(fields, "X-GUploader-UploadID");

	snprintf(out, STORE_ID_BYTES, "%.*s", STORE_ID_BYTES - 1, id ? id : "");
}

/* Bytes that are not what their CRC32C says have a code in one dialect and a sentence in the
 * other. */
static bool is_other_bytes(const struct store_fault *fault)
{
	return strcasestr(fault->detail, "crc32c") &&
	       (strcasestr(fault->detail, "match") || strcasestr(fault->detail, "doesn"));
}

static void judge(const struct store_call *call, int status, struct store_fault *out)
{

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcasecmp(reasons[i].reason, out->code) != 0)
			continue;
		if (reasons[i].error)
			out->error = reasons[i].error;
		out->cure = reasons[i].cure;
		if (reasons[i].advice)
			copy(out->detail, sizeof(out->detail), reasons[i].advice);
	}
	if (status == 400 && is_other_bytes(out))
		out->cure = STORE_CURE_RESEND;
	/* in the one dialect it has a code, in the other the sentence tells */
	if (status == 400 && strcasestr(out->detail, "requester pays") &&
	    !strcmp(out->code, "required")) {
		out->error = -EACCES;
		copy(out->detail, sizeof(out->detail), PAYER_ADVICE);
	}
	if (status == 304) /* whatever it is called */
		out->error = -EALREADY;
	if (status == 401)
		out->cure = STORE_CURE_RENEW;
	out->done = call->verb == STORE_DELETE && !call->if_match && status == 404;
	/* what is not there is not the version that was to be replaced; of other writes it is the
	 * source that is missing */
	if (call->if_match && status == 404 &&
	    (call->verb == STORE_PUT || call->verb == STORE_DELETE))
		out->error = -ESTALE;
}

void gcs_fault_parse(const struct store_call *call, const struct store_site *site,
		     const struct store_answer *answer, struct store_fault *out)
{
	struct status_meaning meaning = status_meaning(answer->status);

	out->error = meaning.error ? meaning.error : -EIO;
	out->cure = meaning.retry ? STORE_CURE_WAIT : STORE_CURE_NONE;
	read_body(answer, out);
	gcs_fault_request_id(answer->fields, out->request_id);
	judge(call, answer->status, out);
	/* a web server that knows no such page is not a store that knows no such key */
	if (answer->status == 404 && is_html(answer->fields)) {
		out->error = -EIO;
		out->done = false;
		snprintf(out->detail, sizeof(out->detail),
			 "this is no Cloud Storage endpoint; check %.190s", site->setting);
	}
}
