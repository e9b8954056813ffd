/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialect of Azure Blob Storage: which operation a request is, and the frame around it. Read
 * next: azure.h, azure_auth.c, azure_store.c, azure_beside.h, then the verbs.
 */
#include "tests/store/azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/store/azure_tree.h"
#include "tests/store/precondition.h"
#include "tests/store/settings.h"

#define OTHER "OtherOperation"

#define ON_SERVICE   .scope = AZURE_SERVICE
#define ON_CONTAINER .scope = AZURE_CONTAINER, .restype = "container"
#define ON_BLOB	     .scope = AZURE_BLOB
#define WRITES	     .writes = true

/* The first that fits counts. */
static const struct azure_route routes[] = {
	{"GetAccountInformation", "GET", .scope = AZURE_SERVICE, .comp = "properties",
	 .restype = "account", .permits = "rwdlac", .run = azure_account_information},
	{"GetAccountInformation", "HEAD", .scope = AZURE_SERVICE, .comp = "properties",
	 .restype = "account", .permits = "rwdlac", .run = azure_account_information},
	{"GetAccountInformation", "GET", .scope = AZURE_CONTAINER, .comp = "properties",
	 .restype = "account", .permits = "rwdlac", .run = azure_account_information},
	{"GetAccountInformation", "HEAD", .scope = AZURE_CONTAINER, .comp = "properties",
	 .restype = "account", .permits = "rwdlac", .run = azure_account_information},
	{"GetFilesystemProperties", "HEAD", .scope = AZURE_CONTAINER, .comp = "",
	 .query = "resource", .is = "filesystem", .tree = true, .permits = "rl",
	 .run = azure_filesystem_properties},
	{"CreatePath", "PUT", ON_BLOB, .comp = "", .query = "resource", .is = "directory",
	 .tree = true, .permits = "cw", WRITES, .run = azure_path_create},
	{"RenamePath", "PUT", ON_BLOB, .comp = "", .header = "x-ms-rename-source", .tree = true,
	 .permits = "cw", WRITES, .run = azure_path_rename},
	{"SetPathProperties", "PATCH", ON_BLOB, .comp = "", .query = "action",
	 .is = "setProperties", .tree = true, .permits = "w", WRITES, .run = azure_path_properties},
	{"DeletePath", "DELETE", ON_BLOB, .comp = "", .query = "recursive", .tree = true,
	 .permits = "d", WRITES, .run = azure_path_delete},
	{"ListContainers", "GET", ON_SERVICE, .comp = "list", .permits = "l",
	 .run = azure_list_containers},
	{"BlobBatch", "POST", ON_SERVICE, .comp = "batch", .permits = "dw", WRITES,
	 .run = azure_batch},
	{"BlobBatch", "POST", ON_CONTAINER, .comp = "batch", .permits = "dw", WRITES,
	 .run = azure_batch},
	{"ListBlobs", "GET", ON_CONTAINER, .comp = "list", .permits = "l", .run = azure_list_blobs},
	{"CreateContainer", "PUT", ON_CONTAINER, .comp = "", .permits = "cw", WRITES,
	 .run = azure_create_container},
	{"GetContainerProperties", "GET", ON_CONTAINER, .comp = "", .permits = "r",
	 .run = azure_container_properties},
	{"GetContainerProperties", "HEAD", ON_CONTAINER, .comp = "", .permits = "r",
	 .run = azure_container_properties},
	{"DeleteContainer", "DELETE", ON_CONTAINER, .comp = "", .permits = "d", WRITES,
	 .run = azure_delete_container},
	{"GetBlob", "GET", ON_BLOB, .comp = "", .permits = "r", .run = azure_get_blob},
	{"GetBlobProperties", "HEAD", ON_BLOB, .comp = "", .permits = "r", .run = azure_get_blob},
	{"PutBlobFromURL", "PUT", ON_BLOB, .comp = "", .header = AZURE_TYPE, .value = "BlockBlob",
	 .permits = "cw", WRITES, .run = azure_put_from_url},
	{"PutBlob", "PUT", ON_BLOB, .comp = "", .header = AZURE_TYPE, .value = "BlockBlob",
	 .permits = "cw", WRITES, .has_data = true, .run = azure_put_blob},
	{"PutAppendBlob", "PUT", ON_BLOB, .comp = "", .header = AZURE_TYPE, .value = "AppendBlob",
	 .permits = "cw", WRITES, .run = azure_put_append_blob},
	{"CopyBlob", "PUT", ON_BLOB, .comp = "", .header = "x-ms-copy-source", .permits = "cw",
	 WRITES, .run = azure_copy_blob},
	{"DeleteBlob", "DELETE", ON_BLOB, .comp = "", .permits = "d", WRITES,
	 .run = azure_delete_blob},
	/* of a file; on the host of its own that API needs no parameter */
	{"DeletePath", "DELETE", ON_BLOB, .comp = "", .tree = true, .permits = "d", WRITES,
	 .run = azure_path_delete},
	{"PutBlockFromURL", "PUT", ON_BLOB, .comp = "block", .header = "x-ms-copy-source",
	 .permits = "cw", WRITES, .run = azure_put_block_from_url},
	{"PutBlock", "PUT", ON_BLOB, .comp = "block", .permits = "cw", WRITES, .has_data = true,
	 .run = azure_put_block},
	{"PutBlockList", "PUT", ON_BLOB, .comp = "blocklist", .permits = "cw", WRITES,
	 .run = azure_put_block_list},
	{"GetBlockList", "GET", ON_BLOB, .comp = "blocklist", .permits = "r",
	 .run = azure_get_block_list},
	{"AppendBlock", "PUT", ON_BLOB, .comp = "appendblock", .permits = "aw", WRITES,
	 .has_data = true, .run = azure_append_block},
	{"SetBlobMetadata", "PUT", ON_BLOB, .comp = "metadata", .permits = "w", WRITES,
	 .run = azure_set_metadata},
	{"SetBlobProperties", "PUT", ON_BLOB, .comp = "properties", .permits = "w", WRITES,
	 .run = azure_set_properties},
	{"SetBlobTier", "PUT", ON_BLOB, .comp = "tier", .permits = "w", WRITES,
	 .run = azure_set_tier},
	{"SnapshotBlob", "PUT", ON_BLOB, .comp = "snapshot", .permits = "cw", WRITES,
	 .run = azure_snapshot},
	{"LeaseBlob", "PUT", ON_BLOB, .comp = "lease", .permits = "w", WRITES, .run = azure_lease},
};

static const struct azure_route other = {
	.verb = OTHER, .permits = "rwdlca", .writes = true, .run = azure_not_there};

static const char *const verbs[] = {
	"GetAccountInformation",
	"GetFilesystemProperties",
	"CreatePath",
	"RenamePath",
	"SetPathProperties",
	"DeletePath",
	"ListContainers",
	"BlobBatch",
	"ListBlobs",
	"CreateContainer",
	"GetContainerProperties",
	"DeleteContainer",
	"GetBlob",
	"GetBlobProperties",
	"PutBlobFromURL",
	"PutBlob",
	"PutAppendBlob",
	"CopyBlob",
	"DeleteBlob",
	"PutBlockFromURL",
	"PutBlock",
	"PutBlockList",
	"GetBlockList",
	"AppendBlock",
	"SetBlobMetadata",
	"SetBlobProperties",
	"SetBlobTier",
	"SnapshotBlob",
	"LeaseBlob",
	OTHER,
	NULL,
};

/* Is it for a host of that name: "ACCOUNT.blob....", "ACCOUNT.dfs...."? */
static bool is_host(const struct request *req, const char *service)
{
	const char *host = headers_get(&req->headers, "Host");
	size_t len = strlen(settings.azure_account);

	return host && !strncmp(host, settings.azure_account, len) &&
	       !strncmp(host + len, service, strlen(service));
}

/* How much of the path is before the container, as emulators have it; -1: it is not of Azure. */
static int base_of(const struct request *req)
{
	size_t len = strlen(settings.azure_account);

	if (*req->path == '/' && !strncmp(req->path + 1, settings.azure_account, len) &&
	    (!req->path[1 + len] || req->path[1 + len] == '/'))
		return (int)len + 1;
	return is_host(req, ".blob.") || is_host(req, ".dfs.") ? 0 : -1;
}

/* Below /ACCOUNT, or of such a host: nothing else is of Azure. */
static bool claims(const struct request *req)
{
	return base_of(req) >= 0;
}

static bool fits(const struct azure_call *c, const struct azure_route *r)
{
	const char *comp = azure_param(c, "comp"), *restype = azure_param(c, "restype");
	enum azure_scope scope = c->blob	? AZURE_BLOB
				 : c->container ? AZURE_CONTAINER
						: AZURE_SERVICE;
	const char *value = r->header ? azure_header(c, r->header) : NULL;

	if (r->scope != scope || strcmp(r->method, c->req->method) != 0 ||
	    strcmp(r->comp, comp ? comp : "") != 0 ||
	    (r->restype && (!restype || strcmp(restype, r->restype) != 0)))
		return false;
	if (r->tree && (!settings.azure_tree || is_host(c->req, ".blob.")))
		return false;
	if (!r->tree && is_host(c->req, ".dfs."))
		return false; /* each has its own API */
	if (r->query &&
	    (!azure_param(c, r->query) || (r->is && strcmp(azure_param(c, r->query), r->is) != 0)))
		return false;
	if (r->run == azure_put_from_url && !azure_header(c, "x-ms-copy-source"))
		return false;
	return !r->header || (value && (!r->value || !strcasecmp(value, r->value)));
}

/* Takes the path apart: what is behind the account. */
static const char *take_names(struct azure_call *c)
{
	char *slash;
	long len;

	if (!claims(c->req)) /* of a batch */
		return "InvalidUri";
	c->path = strdup(c->req->path + base_of(c->req));
	if (!c->path)
		return "InternalError";
	len = uri_decode(c->path, strlen(c->path), false);
	if (len < 0 || c->req->malformed)
		return "InvalidUri";
	for (char *at = c->path; *at; at++) { /* as the service takes them */
		if (*at == '\\')
			*at = '/';
	}
	if (len < 2)
		return NULL;
	c->container = c->path + 1;
	slash = strchr(c->path + 1, '/');
	if (slash) {
		*slash = '\0';
		c->blob = slash[1] ? slash + 1 : NULL;
	}
	/* how the service takes such a name there is not written anywhere: nobody is to use one */
	if (settings.azure_tree && c->blob && c->blob[strlen(c->blob) - 1] == '/')
		return "InvalidResourceName";
	return c->blob && strlen(c->blob) > OBJECT_KEY_MAX ? "OutOfRangeInput" : NULL;
}

static void begin(struct request *req)
{
	struct azure_call *c = calloc(1, sizeof(*c));
	struct buf path = {0};

	req->verb = OTHER;
	req->state = c;
	if (!c)
		return;
	c->req = req;
	c->route = &other;
	c->early = take_names(c);
	for (size_t i = 0;
	     !c->early && c->route == &other && i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (fits(c, &routes[i]))
			c->route = &routes[i];
	}
	req->verb = c->route->verb;
	buf_printf(&path, "%s/%s", c->container ? c->container : "", c->blob ? c->blob : "");
	req->fault_path = path.data;
	req->body_max = c->route->has_data	       ? EXCHANGE_BODY_MAX
			: c->route->run == azure_batch ? AZURE_BATCH_BYTES
						       : AZURE_XML_BYTES;
}

static void sign_reply(struct azure_call *c)
{
	const char *id = azure_header(c, "x-ms-client-request-id");
	const char *version = azure_header(c, "x-ms-version");
	char date[30];

	reply_header(c->reply, "x-ms-request-id", c->req->id);
	reply_header(c->reply, "Server", "Windows-Azure-Blob/1.0");
	if (id)
		reply_header(c->reply, "x-ms-client-request-id", id);
	if (version)
		reply_header(c->reply, "x-ms-version", version);
	if (settings.clock_offset_s) {
		precondition_date(time(NULL) + settings.clock_offset_s, date);
		reply_header(c->reply, "Date", date);
	}
}

static bool settle(struct request *req, struct reply *reply)
{
	struct azure_call *c = req->state;

	if (!c) {
		reply->status = 500;
		return true;
	}
	c->reply = reply;
	if (c->early)
		azure_fail(c, c->early);
	if (!c->early && azure_auth(c)) {
		req->want_md5 = c->route->run == azure_put_blob ||
				azure_header(c, "Content-MD5") != NULL;
		return false;
	}
	sign_reply(c);
	return true;
}

static void run(struct azure_call *c)
{
	if (c->req->body_too_big)
		azure_fail(c, "RequestBodyTooLarge");
	else
		c->route->run(c);
	if (c->reply->text.failed)
		azure_fail(c, "InternalError");
}

static void handle(struct request *req, struct reply *reply)
{
	struct azure_call *c = req->state;

	c->reply = reply;
	run(c);
	sign_reply(c);
}

static void fault(struct request *req, const struct fault *fault, struct reply *reply)
{
	struct azure_call *c = req->state;

	if (!c) {
		reply->status = 500;
		return;
	}
	c->reply = reply;
	azure_fail(c, fault->kind == FAULT_SLOWDOWN  ? "ServerBusy"
		      : fault->kind == FAULT_DENIED  ? "AuthorizationFailure"
		      : fault->kind == FAULT_EXPIRED ? "InvalidAuthenticationInfo"
						     : "InternalError");
	if (fault->kind == FAULT_OK_ERROR)
		reply->status = 200;
	if (fault->retry_after_s >= 0)
		reply_header_printf(reply, "Retry-After", "%d", fault->retry_after_s);
	sign_reply(c);
}

static void end(struct request *req)
{
	struct azure_call *c = req->state;

	if (!c)
		return;
	free(c->path);
	free(c);
	req->state = NULL;
}

void azure_not_there(struct azure_call *c)
{
	azure_fail(c, c->blob || c->container ? "UnsupportedHttpVerb" : "InvalidUri");
}

void azure_run_nested(struct request *req, struct reply *reply)
{
	struct fault f;

	begin(req);
	if (req->state)
		((struct azure_call *)req->state)->nested = true;
	f = faults_pick(req->verb, req->method, req->fault_path ? req->fault_path : "");
	if (f.kind >= FAULT_SLOWDOWN && f.kind <= FAULT_OK_ERROR)
		fault(req, &f, reply);
	else if (!settle(req, reply))
		handle(req, reply);
	end(req);
}

const struct dialect azure_dialect = {
	.name = "azure",
	.verbs = verbs,
	.claims = claims,
	.begin = begin,
	.settle = settle,
	.handle = handle,
	.fault = fault,
	.end = end,
};
