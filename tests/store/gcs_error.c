/* SPDX-License-Identifier: Apache-2.0 */
/* Google's errors: JSON ("HTTP status and error codes for JSON"), plain words where bytes were
 * asked for, XML in the XML API. */
#include "tests/store/gcs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Codes of the XML API by the reasons of the JSON API. */
static const struct {
	const char *reason;
	int status; /* 0: any */
	const char *code;
} xml_codes[] = {
	{"authError", 0, "AuthenticationRequired"},
	{"backendError", 0, "ServiceUnavailable"},
	{"conditionNotMet", 0, "PreconditionFailed"},
	{"forbidden", 0, "AccessDenied"},
	{"internalError", 0, "InternalError"},
	{"notFound", 0, "NoSuchKey"},
	{"rateLimitExceeded", 0, "SlowDown"},
	{"requestedRangeNotSatisfiable", 0, "InvalidRange"},
	{"required", 400, "UserProjectMissing"},
	{"required", 401, "AuthenticationRequired"},
};

static void put_json(struct gcs_call *c, int status, const char *reason, const char *message)
{
	struct buf *out = &c->reply->text;

	reply_header(c->reply, "Content-Type", "application/json; charset=UTF-8");
	buf_printf(out, "{\n  \"error\": {\n    \"code\": %d,\n    \"message\": ", status);
	buf_json(out, message);
	buf_str(out, ",\n    \"errors\": [\n      {\n        \"message\": ");
	buf_json(out, message);
	buf_printf(out, ",\n        \"domain\": \"%s\",\n        \"reason\": \"%s\"",
		   strcmp(reason, "rateLimitExceeded") ? "global" : "usageLimits", reason);
	if (status == 401)
		buf_str(out, ",\n        \"locationType\": \"header\",\n"
			     "        \"location\": \"Authorization\"");
	if (status == 412)
		buf_str(out, ",\n        \"locationType\": \"header\",\n"
			     "        \"location\": \"If-Match\"");
	buf_str(out, "\n      }\n    ]\n  }\n}\n");
}

static void put_xml(struct gcs_call *c, int status, const char *reason, const char *message)
{
	struct buf *out = &c->reply->text;
	const char *code = status == 404 && !c->object ? "NoSuchBucket" : "InvalidArgument";

	for (size_t i = 0; i < sizeof(xml_codes) / sizeof(xml_codes[0]); i++) {
		if (!strcmp(xml_codes[i].reason, reason) &&
		    (!xml_codes[i].status || xml_codes[i].status == status))
			code = xml_codes[i].code;
	}
	if (status == 404 && strstr(message, "specified bucket"))
		code = "NoSuchBucket";
	reply_header(c->reply, "Content-Type", "application/xml; charset=UTF-8");
	buf_str(out, "<?xml version='1.0' encoding='UTF-8'?><Error>");
	buf_xml_element(out, "Code", code);
	buf_xml_element(out, "Message", message);
	buf_str(out, "</Error>");
}

void gcs_fail(struct gcs_call *c, int status, const char *reason, const char *format, ...)
{
	char message[OBJECT_KEY_MAX + 512];
	const char *alt = gcs_param(c, "alt");
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	reply_reset(c->reply);
	c->reply->status = status;
	if (status == 401)
		reply_header(c->reply, "WWW-Authenticate",
			     "Bearer realm=\"https://accounts.google.com/\"");
	if (status == 304) /* has no body */
		return;
	if (c->space == GCS_XML) {
		put_xml(c, status, reason, message);
	} else if (alt && !strcmp(alt, "media")) {
		reply_header(c->reply, "Content-Type", "text/html; charset=UTF-8");
		buf_str(&c->reply->text, message);
	} else {
		put_json(c, status, reason, message);
	}
}

void gcs_fail_errno_of(struct gcs_call *c, int err, const char *bucket, const char *object)
{
	switch (err) {
	case -ENXIO:
		gcs_fail(c, 404, "notFound", "The specified bucket does not exist.");
		break;
	case -ENOENT:
		gcs_fail(c, 404, "notFound", "No such object: %s/%s", bucket, object);
		break;
	case -EEXIST:
		gcs_fail(c, 412, "conditionNotMet",
			 "At least one of the pre-conditions you specified did not hold.");
		break;
	case -EALREADY:
		gcs_fail(c, 304, "notModified", "Not Modified");
		break;
	case -EINVAL:
		gcs_fail(c, 400, "invalid", "Invalid argument.");
		break;
	default:
		gcs_fail(c, 500, "internalError", "We encountered an internal error.");
		break;
	}
}

void gcs_fail_errno(struct gcs_call *c, int err)
{
	gcs_fail_errno_of(c, err, c->bucket ? c->bucket : "", c->object ? c->object : "");
}
