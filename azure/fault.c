// SPDX-License-Identifier: Apache-2.0
/* Azure's error answers: "Status and error codes", "Blob service error codes" and "Path - Create",
 * "- Delete" (of Data Lake Storage Gen2) of the REST
 * reference. The code is a header field as well, which an answer to HEAD has too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "core/http/status.h"
#include "core/http/xml.h"

/* Codes that say more than their status, or else. */
static const struct {
	const char *code;
	int error; /* 0: the status's */
	enum store_cure cure;
} codes[] = {
	{"AccountBeingCreated", -EIO, STORE_CURE_WAIT},
	{"AccountIsDisabled", -EACCES, STORE_CURE_NONE},
	{"AppendPositionConditionNotMet", -ESTALE, STORE_CURE_NONE},
	{"AuthenticationFailed", -EACCES, STORE_CURE_CLOCK},
	{"BlobAlreadyExists", -ESTALE, STORE_CURE_NONE},
	{"BlobArchived", -EIO, STORE_CURE_NONE},
	{"BlobBeingRehydrated", -EIO, STORE_CURE_NONE},
	{"BlobImmutableDueToLegalHold", -EACCES, STORE_CURE_NONE},
	{"BlobImmutableDueToPolicy", -EACCES, STORE_CURE_NONE},
	{"BlobNotFound", -ENOENT, STORE_CURE_NONE},
	{"BlobUsesCustomerSpecifiedEncryption", -EIO, STORE_CURE_NONE},
	{"BlockCountExceedsLimit", -EFBIG, STORE_CURE_NONE},
	{"CannotVerifyCopySource", 0, STORE_CURE_NONE},
	{"ConditionNotMet", -ESTALE, STORE_CURE_NONE},
	{"ContainerBeingDeleted", -ENOENT, STORE_CURE_NONE},
	{"ContainerDisabled", -EACCES, STORE_CURE_NONE},
	{"ContainerNotFound", -ENOENT, STORE_CURE_NONE},
	{"CopyAcrossAccountsNotSupported", -EOPNOTSUPP, STORE_CURE_NONE},
	{"DestinationPathIsBeingDeleted", -EIO, STORE_CURE_WAIT},
	{"DirectoryIsNotEmpty", -ENOTEMPTY, STORE_CURE_NONE},
	{"DirectoryNotEmpty", -ENOTEMPTY, STORE_CURE_NONE},
	{"FeatureVersionMismatch", -EIO, STORE_CURE_NONE},
	{"InternalError", -EIO, STORE_CURE_WAIT},
	{"InvalidAuthenticationInfo", -EACCES, STORE_CURE_RENEW},
	{"InvalidBlobOrBlock", -EIO, STORE_CURE_NONE},
	{"InvalidBlobType", -EIO, STORE_CURE_NONE},
	{"InvalidBlockList", -EINVAL, STORE_CURE_NONE},
	{"InvalidDestinationPath", -ENOTDIR, STORE_CURE_NONE},
	{"InvalidRenameSourcePath", -EINVAL, STORE_CURE_NONE},
	{"InvalidResourceName", -EINVAL, STORE_CURE_NONE},
	{"InvalidSourceOrDestinationResourceType", -ENOTDIR, STORE_CURE_NONE},
	{"InvalidUri", -EINVAL, STORE_CURE_NONE},
	{"LeaseAlreadyPresent", -EBUSY, STORE_CURE_NONE},
	{"LeaseIdMismatchWithBlobOperation", -EBUSY, STORE_CURE_NONE},
	{"LeaseIdMissing", -EBUSY, STORE_CURE_NONE},
	{"LeaseIsBrokenAndCannotBeRenewed", -EBUSY, STORE_CURE_NONE},
	{"Md5Mismatch", -EIO, STORE_CURE_RESEND},
	{"MetadataTooLarge", -E2BIG, STORE_CURE_NONE},
	{"NoAuthenticationInformation", -EACCES, STORE_CURE_NONE},
	{"OperationTimedOut", -EIO, STORE_CURE_WAIT},
	{"OutOfRangeInput", -ENAMETOOLONG, STORE_CURE_NONE},
	{"PathAlreadyExists", -ESTALE, STORE_CURE_NONE},
	{"PathConflict", -ENOTDIR, STORE_CURE_NONE},
	{"PathNotFound", -ENOENT, STORE_CURE_NONE},
	{"PendingCopyOperation", -EBUSY, STORE_CURE_NONE},
	{"PublicAccessNotPermitted", -EACCES, STORE_CURE_NONE},
	{"RenameDestinationParentPathNotFound", -ENOENT, STORE_CURE_NONE},
	{"RequestBodyTooLarge", -EFBIG, STORE_CURE_NONE},
	{"ResourceNotFound", -ENOENT, STORE_CURE_NONE},
	{"ResourceTypeMismatch", -ENOTDIR, STORE_CURE_NONE},
	{"ServerBusy", -EIO, STORE_CURE_WAIT},
	{"SnapshotsPresent", -EBUSY, STORE_CURE_NONE},
	{"SourceConditionNotMet", -ESTALE, STORE_CURE_NONE},
	{"SourcePathIsBeingDeleted", -EIO, STORE_CURE_WAIT},
	{"SourcePathNotFound", -ENOENT, STORE_CURE_NONE},
	{"TargetConditionNotMet", -ESTALE, STORE_CURE_NONE},
	{"UnauthorizedBlobOverwrite", -EACCES, STORE_CURE_NONE},
	{"UnsupportedHeader", -EIO, STORE_CURE_NONE},
};

/* What to do, where the service's sentence does not say. */
static const struct {
	const char *code;
	const char *advice;
} advices[] = {
	{"BlobArchived", "it is in the archive tier; rehydrate it first"},
	{"BlobBeingRehydrated", "it is on its way back from the archive tier; try again in hours"},
	{"BlobUsesCustomerSpecifiedEncryption",
	 "it is encrypted with a key of the customer's, which skyshim does not have"},
	{"InvalidBlobOrBlock",
	 "another program has begun to write this blob in blocks of other names; let it finish, "
	 "or delete the blob"},
	{"InvalidBlobType", "it is an append or page blob, which cannot be written in blocks"},
	{"LeaseIdMissing", "another program holds a lease on it"},
	{"SnapshotsPresent", "it has snapshots, which would go with it; delete them first"},
};

static void copy(char *out, size_t out_bytes, const char *text)
{
	snprintf(out, out_bytes, "%s", text);
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct store_fault *fault = arg;

	if (!strcmp(path, "Error/Code"))
		copy(fault->code, sizeof(fault->code), text);
	else if (!strcmp(path, "Error/Message")) /* its other lines are the request's id and time */
		snprintf(fault->detail, sizeof(fault->detail), "%.*s", (int)strcspn(text, "\r\n"),
			 text);
	return 0;
}

void azure_fault_request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	const char *id = header_get(fields, "x-ms-request-id");

	copy(out, STORE_ID_BYTES, id ? id : "");
}

static bool is_html(const struct header_list *fields)
{
	const char *type = header_get(fields, "Content-Type");

	return type && !strncasecmp(type, "text/html", 9);
}

static bool is_missing(const struct store_fault *fault, int status)
{
	return !strcmp(fault->code, "BlobNotFound") || !strcmp(fault->code, "PathNotFound") ||
	       (status == 404 && !strcmp(fault->code, "ResourceNotFound"));
}

/* Azurite has no code of its own for a body that is not what its MD5 says. */
static bool is_other_body(const struct store_fault *fault)
{
	return !strcmp(fault->code, "InvalidOperation") && strstr(fault->detail, "contentMD5");
}

static void judge(const struct store_call *call, int status, struct store_fault *out)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(codes[i].code, out->code) != 0)
			continue;
		if (codes[i].error)
			out->error = codes[i].error;
		out->cure = codes[i].cure;
	}
	if (is_other_body(out))
		out->cure = STORE_CURE_RESEND;
	if (status == 304) /* whatever it is called */
		out->error = -EALREADY;
	out->done = call->verb == STORE_DELETE && !call->if_match && is_missing(out, status);
	/* what is not there is not the version that was to be replaced */
	if (call->if_match && call->verb != STORE_HEAD && call->verb != STORE_GET &&
	    is_missing(out, status))
		out->error = -ESTALE;
}

/* Where names are paths, one that goes on behind a file's is none: "List Blobs" has an error there
 * "in cases where the name of a file appears in the middle of the prefix path", and does not say
 * which. Types that do not fit the name are said in other words as well. */
static void judge_tree(const struct store_call *call, const struct store_site *site, int status,
		       struct store_fault *out)
{
	bool is_dir = call->from_key && azure_tree_is_dir(call->from_key);

	if (!strcmp(out->code, "InvalidSourceOrDestinationResourceType"))
		out->error = is_dir ? -ENOTDIR : -EISDIR;
	if (call->verb == STORE_RENAME && !strcmp(out->code, "PathAlreadyExists"))
		out->error = -EEXIST;
	if (call->verb == STORE_LIST && site->names == STORE_NAMES_TREE && call->key &&
	    call->key[0] && (status == 400 || status == 404 || status == 409) &&
	    strncmp(out->code, "Container", strlen("Container")) != 0) {
		out->error = -ENOENT;
		out->cure = STORE_CURE_NONE;
	}
	out->passes = azure_tree_asks(call, site);
	out->done &= !out->passes;
	if (out->passes && call->step + 1 == AZURE_TREE_QUESTIONS)
		out->names = STORE_NAMES_FLAT;
}

/* An emulator without that API, or an address behind which it is not, knows no such request. */
static bool has_no_rename(const struct store_call *call, int status)
{
	return call->verb == STORE_RENAME && (status == 400 || status == 405 || status == 501);
}

/* What the caller can do without: batches need rights of their own, and neither these nor blocks
 * from addresses are in every emulator. */
static bool has_another_way(const struct store_call *call, const struct store_fault *fault,
			    int status)
{
	bool refused = status == 400 || status == 403 || status == 404 || status == 405 ||
		       status == 409 || status == 501;

	if (!refused || fault->cure != STORE_CURE_NONE || fault->error == -EBUSY ||
	    !strcmp(fault->code, "ContainerNotFound"))
		return false;
	/* Put Blob replaces a blob of any type */
	if ((call->verb == STORE_PART || call->append_at) &&
	    !strcmp(fault->code, "InvalidBlobType"))
		return true;
	return call->verb == STORE_DELETE_MANY || has_no_rename(call, status) ||
	       (call->verb == STORE_PART_COPY && !is_missing(fault, status));
}

static void advise(struct store_fault *fault)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (!strcmp(advices[i].code, fault->code))
			copy(fault->detail, sizeof(fault->detail), advices[i].advice);
	}
}

void azure_fault_parse(const struct store_call *call, const struct store_site *site,
		       const struct store_answer *answer, struct store_fault *out)
{
	struct status_meaning meaning = status_meaning(answer->status);
	struct xml_visitor visitor = {.end = on_end, .arg = out};
	const char *code = header_get(answer->fields, "x-ms-error-code");

	out->error = meaning.error ? meaning.error : -EIO;
	out->cure = meaning.retry ? STORE_CURE_WAIT : STORE_CURE_NONE;
	if (answer->body_bytes && !is_html(answer->fields))
		(void)xml_read(answer->body, answer->body_bytes, &visitor);
	if (!out->code[0] && code)
		copy(out->code, sizeof(out->code), code);
	azure_fault_request_id(answer->fields, out->request_id);
	judge(call, answer->status, out);
	judge_tree(call, site, answer->status, out);
	/* a web server that knows no such page is not a store that knows no such key */
	if (answer->status == 404 && is_html(answer->fields)) {
		out->error = -EIO;
		snprintf(out->detail, sizeof(out->detail), "this is no blob endpoint; check %.190s",
			 site->setting);
	}
	advise(out);
	if (has_another_way(call, out, answer->status))
		out->error = -EOPNOTSUPP;
}
