/* SPDX-License-Identifier: Apache-2.0 */
/* S3's errors, in its own words (Amazon S3 API Reference, "Error responses"). */
#include "tests/store/s3.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const struct {
	int status;
	const char *code;
	const char *message;
} errors[S3_ERRORS] = {
	[S3_OK] = {200, "OK", ""},
	[S3_ACCESS_DENIED] = {403, "AccessDenied", "Access Denied"},
	[S3_AUTHORIZATION_MALFORMED] = {400, "AuthorizationHeaderMalformed",
					"The authorization header is malformed."},
	[S3_AUTHORIZATION_QUERY] = {400, "AuthorizationQueryParametersError",
				    "Query-string authentication needs the X-Amz-Algorithm, "
				    "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
				    "X-Amz-SignedHeaders, and X-Amz-Expires parameters."},
	[S3_BAD_DIGEST] =
		{400, "BadDigest",
		 "The Content-MD5 or checksum value that you specified did not match what "
		 "the server received."},
	[S3_BUCKET_EXISTS] = {409, "BucketAlreadyOwnedByYou",
			      "Your previous request to create the named bucket succeeded and you "
			      "already own it."},
	[S3_BUCKET_NOT_EMPTY] = {409, "BucketNotEmpty",
				 "The bucket you tried to delete is not empty"},
	[S3_CONTENT_SHA256_MISMATCH] = {400, "XAmzContentSHA256Mismatch",
					"The provided 'x-amz-content-sha256' header does not match "
					"what was computed."},
	[S3_ENTITY_TOO_LARGE] = {400, "EntityTooLarge",
				 "Your proposed upload exceeds the maximum allowed object size."},
	[S3_ENTITY_TOO_SMALL] = {400, "EntityTooSmall",
				 "Your proposed upload is smaller than the minimum allowed size"},
	[S3_EXPIRED_TOKEN] = {400, "ExpiredToken", "The provided token has expired."},
	[S3_INCOMPLETE_BODY] = {400, "IncompleteBody", "The request body terminated unexpectedly"},
	[S3_INTERNAL] = {500, "InternalError",
			 "We encountered an internal error. Please try again."},
	[S3_INVALID_ACCESS_KEY] = {403, "InvalidAccessKeyId",
				   "The AWS Access Key Id you provided does not exist in our "
				   "records."},
	[S3_INVALID_ARGUMENT] = {400, "InvalidArgument", "Invalid Argument"},
	[S3_INVALID_BUCKET_NAME] = {400, "InvalidBucketName", "The specified bucket is not valid."},
	[S3_INVALID_DIGEST] = {400, "InvalidDigest", "The Content-MD5 you specified was invalid."},
	[S3_INVALID_PART] = {400, "InvalidPart",
			     "One or more of the specified parts could not be found. The part may "
			     "not have been uploaded, or the specified entity tag may not match "
			     "the part's entity tag."},
	[S3_INVALID_PART_ORDER] = {400, "InvalidPartOrder",
				   "The list of parts was not in ascending order. Parts must be "
				   "ordered by part number."},
	[S3_INVALID_RANGE] = {416, "InvalidRange", "The requested range is not satisfiable"},
	[S3_INVALID_REQUEST] = {400, "InvalidRequest", "Invalid Request"},
	[S3_INVALID_TOKEN] = {400, "InvalidToken",
			      "The provided token is malformed or otherwise invalid."},
	[S3_INVALID_URI] = {400, "InvalidURI", "Couldn't parse the specified URI."},
	[S3_KEY_TOO_LONG] = {400, "KeyTooLongError", "Your key is too long"},
	[S3_MALFORMED_XML] = {400, "MalformedXML",
			      "The XML you provided was not well-formed or did not validate "
			      "against our published schema"},
	[S3_METADATA_VALUE] = {500, "InternalError",
			       "We encountered an internal error. Please try again."},
	[S3_METADATA_TOO_LARGE] =
		{400, "MetadataTooLarge",
		 "Your metadata headers exceed the maximum allowed metadata size"},
	[S3_METHOD_NOT_ALLOWED] = {405, "MethodNotAllowed",
				   "The specified method is not allowed against this resource."},
	[S3_MISSING_LENGTH] = {411, "MissingContentLength",
			       "You must provide the Content-Length HTTP header."},
	[S3_NO_SUCH_BUCKET] = {404, "NoSuchBucket", "The specified bucket does not exist"},
	[S3_NO_SUCH_KEY] = {404, "NoSuchKey", "The specified key does not exist."},
	[S3_NO_SUCH_UPLOAD] = {404, "NoSuchUpload",
			       "The specified upload does not exist. The upload ID may be invalid, "
			       "or the upload may have been aborted or completed."},
	[S3_NOT_IMPLEMENTED] = {501, "NotImplemented",
				"A header or query you provided implies functionality that is not "
				"implemented"},
	[S3_PERMANENT_REDIRECT] =
		{301, "PermanentRedirect",
		 "The bucket you are attempting to access must be addressed using "
		 "the specified endpoint. Please send all future requests to this "
		 "endpoint."},
	[S3_PRECONDITION_FAILED] =
		{412, "PreconditionFailed",
		 "At least one of the pre-conditions you specified did not hold"},
	[S3_REQUEST_TIME_SKEWED] = {403, "RequestTimeTooSkewed",
				    "The difference between the request time and the current time "
				    "is too large."},
	[S3_SIGNATURE_MISMATCH] = {403, "SignatureDoesNotMatch",
				   "The request signature we calculated does not match the "
				   "signature you provided. Check your key and signing method."},
	[S3_SLOW_DOWN] = {503, "SlowDown", "Please reduce your request rate."},
	[S3_TOO_MANY_BUCKETS] = {400, "TooManyBuckets",
				 "You have attempted to create more buckets than allowed"},
};

const char *s3_error_code(enum s3_error error)
{
	return errors[error].code;
}

const char *s3_error_message(enum s3_error error)
{
	return errors[error].message;
}

enum s3_error s3_error_of(int err)
{
	switch (err) {
	case 0:
		return S3_OK;
	case -ENXIO:
		return S3_NO_SUCH_BUCKET;
	case -ENOENT:
		return S3_NO_SUCH_KEY;
	case -EEXIST:
		return S3_PRECONDITION_FAILED;
	case -ENOTEMPTY:
		return S3_BUCKET_NOT_EMPTY;
	default:
		return S3_INTERNAL;
	}
}

static void open_error(const struct s3_call *c, enum s3_error error, const char *message,
		       struct buf *out)
{
	buf_str(out, "<Error>");
	buf_xml_element(out, "Code", errors[error].code);
	buf_xml_element(out, "Message", message ? message : errors[error].message);
	if (error == S3_METADATA_VALUE)
		buf_xml_element(out, "Reason", "Metadata value longer than 256");
	if (error == S3_NO_SUCH_KEY && c->key)
		buf_xml_element(out, "Key", c->key);
	if (error == S3_NO_SUCH_BUCKET && c->bucket)
		buf_xml_element(out, "BucketName", c->bucket);
}

static void close_error(const struct s3_call *c, struct buf *out)
{
	buf_xml_element(out, "Resource", c->path ? c->path : c->req->path);
	buf_xml_element(out, "RequestId", c->req->id);
	buf_xml_element(out, "HostId", c->req->id);
	buf_str(out, "</Error>");
}

void s3_error_body(const struct s3_call *c, enum s3_error error, struct buf *out)
{
	open_error(c, error, NULL, out);
	close_error(c, out);
}

static void fail(struct s3_call *c, enum s3_error error, va_list extras)
{
	struct reply *r = c->reply;
	const char *name, *text, *message = NULL;
	struct buf more = {0};

	for (name = va_arg(extras, const char *); name; name = va_arg(extras, const char *)) {
		text = va_arg(extras, const char *);
		if (!strcmp(name, "Message"))
			message = text;
		else
			buf_xml_element(&more, name, text);
	}
	reply_reset(r);
	r->status = errors[error].status;
	reply_header(r, "Content-Type", "application/xml");
	buf_str(&r->text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	open_error(c, error, message, &r->text);
	if (more.data)
		buf_put(&r->text, more.data, more.len);
	close_error(c, &r->text);
	buf_free(&more);
}

void s3_fail_with(struct s3_call *c, enum s3_error error, ...)
{
	va_list extras;

	va_start(extras, error);
	fail(c, error, extras);
	va_end(extras);
}

void s3_fail(struct s3_call *c, enum s3_error error)
{
	s3_fail_with(c, error, NULL);
}
