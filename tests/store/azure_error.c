/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's errors: "Common REST API error codes", "Blob service error codes". */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *code;
	int status;
	const char *message;
} errors[] = {
	{"AppendPositionConditionNotMet", 412,
	 "The append position condition specified was not met."},
	{"AuthenticationFailed", 403,
	 "Server failed to authenticate the request. Make sure the value of Authorization header "
	 "is "
	 "formed correctly including the signature."},
	{"AuthorizationFailure", 403, "This request is not authorized to perform this operation."},
	{"AuthorizationPermissionMismatch", 403,
	 "This request is not authorized to perform this operation using this permission."},
	{"BlobAlreadyExists", 409, "The specified blob already exists."},
	{"BlobArchived", 409, "This operation is not permitted on an archived blob."},
	{"BlobBeingRehydrated", 409,
	 "This operation is not permitted because the blob is being rehydrated."},
	{"BlobNotFound", 404, "The specified blob does not exist."},
	{"BlobUsesCustomerSpecifiedEncryption", 409,
	 "The blob is encrypted with customer specified encryption, but it was not provided in the "
	 "request."},
	{"BlockCountExceedsLimit", 409,
	 "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks."},
	{"CannotVerifyCopySource", 404, "The specified resource does not exist."},
	{"ConditionNotMet", 412,
	 "The condition specified using HTTP conditional header(s) is not met."},
	{"ContainerAlreadyExists", 409, "The specified container already exists."},
	{"ContainerNotFound", 404, "The specified container does not exist."},
	{"ContentLengthMustBeZero", 400, "The Content-Length request header must be zero."},
	{"DirectoryIsNotEmpty", 409, "This operation is not permitted on a non-empty directory."},
	{"DirectoryNotEmpty", 409,
	 "The recursive query parameter value must be true to delete a non-empty directory."},
	{"FilesystemNotFound", 404, "The specified filesystem does not exist."},
	{"InternalError", 500,
	 "Server encountered an internal error. Please try again after some time."},
	{"InvalidAuthenticationInfo", 401,
	 "Authentication information is not given in the correct format."},
	{"InvalidBlobOrBlock", 400, "The specified blob or block content is invalid."},
	{"InvalidBlobType", 409, "The blob type is invalid for this operation."},
	{"InvalidBlockList", 400, "The specified block list is invalid."},
	{"InvalidDestinationPath", 409,
	 "The specified path, or an element of the path, exists and its resource type is invalid "
	 "for this operation."},
	{"InvalidHeaderValue", 400,
	 "The value for one of the HTTP headers is not in the correct format."},
	{"InvalidInput", 400, "One of the request inputs is not valid."},
	{"InvalidMetadata", 400,
	 "The metadata specified is invalid. It has characters that are not permitted."},
	{"InvalidQueryParameterValue", 400,
	 "Value for one of the query parameters specified in the request URI is invalid."},
	{"InvalidRange", 416,
	 "The range specified is invalid for the current size of the resource."},
	{"InvalidRenameSourcePath", 409,
	 "The source directory cannot be the same as the destination directory, nor can the "
	 "destination be a subdirectory of the source directory."},
	{"InvalidResourceName", 400, "The specified resource name contains invalid characters."},
	{"InvalidSourceOrDestinationResourceType", 409,
	 "The source and destination resource type must be identical."},
	{"InvalidSourceUri", 400, "The source URI is invalid."},
	{"InvalidUri", 400, "The requested URI does not represent any resource on the server."},
	{"InvalidXmlDocument", 400, "XML specified is not syntactically valid."},
	{"LeaseAlreadyPresent", 409, "There is already a lease present."},
	{"LeaseIdMismatchWithBlobOperation", 412,
	 "The lease ID specified did not match the lease ID for the blob."},
	{"LeaseIdMismatchWithLeaseOperation", 409,
	 "The lease ID specified did not match the lease ID for the blob."},
	{"LeaseIdMissing", 412,
	 "There is currently a lease on the blob and no lease ID was specified in the request."},
	{"LeaseLost", 412, "A lease ID was specified, but the lease for the blob has expired."},
	{"LeaseNotPresentWithBlobOperation", 412, "There is currently no lease on the blob."},
	{"LeaseNotPresentWithLeaseOperation", 409, "There is currently no lease on the blob."},
	{"MaxBlobSizeConditionNotMet", 412, "The max blob size condition specified was not met."},
	{"Md5Mismatch", 400,
	 "The MD5 value specified in the request did not match with the MD5 value calculated by "
	 "the server."},
	{"MetadataTooLarge", 400,
	 "The size of the specified metadata exceeds the maximum size permitted."},
	{"MissingRequiredHeader", 400,
	 "An HTTP header that's mandatory for this request is not specified."},
	{"MissingRequiredQueryParameter", 400,
	 "A query parameter that's mandatory for this request is not specified."},
	{"NoAuthenticationInformation", 401,
	 "Server failed to authenticate the request. Please refer to the information in the "
	 "www-authenticate header."},
	{"NotModified", 304,
	 "The condition specified using HTTP conditional header(s) is not met."},
	{"OutOfRangeInput", 400, "One of the request inputs is out of range."},
	{"OutOfRangeQueryParameterValue", 400,
	 "One of the query parameters specified in the request URI is outside the permissible "
	 "range."},
	{"PathAlreadyExists", 409, "The specified path already exists."},
	{"PathConflict", 409,
	 "The specified path, or an element of the path, exists and its resource type is invalid "
	 "for this operation."},
	{"PathNotFound", 404, "The specified path does not exist."},
	{"RenameDestinationParentPathNotFound", 404,
	 "The parent directory of the destination path does not exist."},
	{"RequestBodyTooLarge", 413,
	 "The request body is too large and exceeds the maximum permissible limit."},
	{"ResourceNotFound", 404, "The specified resource does not exist."},
	{"ResourceTypeMismatch", 409,
	 "The specified resource type does not match the type of the existing resource."},
	{"ServerBusy", 503,
	 "The server is currently unable to receive requests. Please retry your request."},
	{"SnapshotsPresent", 409,
	 "This operation is not permitted because the blob has snapshots."},
	{"SourceConditionNotMet", 412,
	 "The source condition specified using HTTP conditional header(s) is not met."},
	{"SourcePathNotFound", 404, "The source path for a rename operation does not exist."},
	{"TargetConditionNotMet", 412,
	 "The target condition specified using HTTP conditional header(s) is not met."},
	{"UnsupportedHttpVerb", 405, "The resource doesn't support the specified HTTP verb."},
};

static const char *code_on_wire(const char *code)
{
	return strcmp(code, "NotModified") ? code : "ConditionNotMet";
}

void azure_fail(struct azure_call *c, const char *code)
{
	struct buf *out;
	char date[40];
	time_t now = time(NULL);
	struct tm tm;
	size_t i = 0;

	while (i + 1 < sizeof(errors) / sizeof(errors[0]) && strcmp(errors[i].code, code) != 0)
		i++;
	reply_reset(c->reply);
	out = &c->reply->text;
	c->reply->status = errors[i].status;
	reply_header(c->reply, "x-ms-error-code", code_on_wire(code));
	if (errors[i].status == 401)
		reply_header(c->reply, "WWW-Authenticate",
			     "Bearer authorization_uri=https://login.microsoftonline.com/common/"
			     "oauth2/authorize resource_id=https://storage.azure.com");
	if (errors[i].status == 304) /* has no body */
		return;
	if (c->route->tree) { /* that API speaks JSON */
		reply_header(c->reply, "Content-Type", "application/json;charset=utf-8");
		buf_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\\nRequestId:%s\"}}",
			   code, errors[i].message, c->req->id);
		return;
	}
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S.0000000Z", &tm);
	reply_header(c->reply, "Content-Type", "application/xml");
	buf_str(out, "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>");
	buf_xml_element(out, "Code", code_on_wire(code));
	buf_printf(out, "<Message>%s\nRequestId:%s\nTime:%s</Message></Error>", errors[i].message,
		   c->req->id, date);
}

void azure_fail_errno(struct azure_call *c, int err)
{
	switch (err) {
	case -ENXIO:
		azure_fail(c, "ContainerNotFound");
		break;
	case -ENOENT:
		azure_fail(c, "BlobNotFound");
		break;
	case -EEXIST:
	case -EALREADY:
		azure_fail(c, "ConditionNotMet");
		break;
	case -EINVAL:
		azure_fail(c, "InvalidInput");
		break;
	default:
		azure_fail(c, "InternalError");
		break;
	}
}
