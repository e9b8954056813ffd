// SPDX-License-Identifier: Apache-2.0
/* The table that is Azure Blob Storage. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "azure/sharedkey.h"
#include "core/http/date.h"
#include "core/scope.h"

static int append_sas(char **text, const char *sas)
{
	char *whole;

	if (asprintf(&whole, "%s%c%s", *text, strchr(*text, '?') ? '&' : '?', sas) < 0)
		return -ENOMEM;
	free(*text);
	*text = whole;
	return 0;
}

/* A shared access signature goes with the address, and with that of a copy's source. */
static int sign_by_sas(const char *sas, struct store_request *request)
{
	struct header_list *fields = &request->fields;
	char query = strchr(buffer_text(&request->target), '?') ? '&' : '?';
	int ret = buffer_addf(&request->target, "%c%s", query, sas);

	for (size_t i = 0; i < fields->count && !ret; i++) {
		if (!strcasecmp(fields->field[i].name, "x-ms-copy-source"))
			ret = append_sas(&fields->field[i].value, sas);
	}
	return ret;
}

/* A token of Entra ID. It never goes where others could read it: see azure_site_locate(). */
static int sign_by_token(const struct creds *creds, int64_t now_s, struct store_request *request)
{
	SCOPE_FREE char *value = NULL;
	char date[DATE_HTTP_BYTES];
	int ret = date_format_http(now_s, date);

	if (asprintf(&value, "Bearer %s", creds->token) < 0) {
		value = NULL;
		return -ENOMEM;
	}
	ret = ret ? ret : header_add(&request->fields, "x-ms-date", date);
	ret = ret ? ret : header_add(&request->fields, "Authorization", value);
	OPENSSL_cleanse(value, strlen(value));
	return ret;
}

static int sign(const struct store_site *site, const struct creds *creds, int64_t now_s,
		struct store_request *request)
{
	const struct sharedkey_subject subject = {
		.method = request->method,
		.target = buffer_text(&request->target),
		.body_bytes = request->streams ? request->source_bytes : request->body.len,
	};

	(void)site;
	if (!creds->id[0])
		return sign_by_token(creds, now_s, request);
	if (!creds->secret[0])
		return sign_by_sas(creds->token, request);
	return sharedkey_sign(creds->id, creds->secret, &subject, now_s, &request->fields);
}

const struct store_ops azure_ops = {
	.scheme = "az",
	.has_accounts = true,
	.copies_whole = true,
	.holds = azure_site_holds,
	.verb[STORE_HEAD] = {.build = azure_blob_build_head, .parse = azure_blob_parse_head},
	.verb[STORE_GET] = {.build = azure_blob_build_get, .parse = azure_blob_parse_get},
	.verb[STORE_LIST] = {.build = azure_list_build, .parse = azure_list_parse},
	.verb[STORE_BUCKETS] = {.build = azure_list_build_containers,
				.parse = azure_list_parse_containers},
	.verb[STORE_PUT] = {.build = azure_put_build,
			    .parse = azure_put_parse,
			    .expect = azure_put_expect,
			    .streams = true},
	.verb[STORE_DELETE] = {.build = azure_remove_build, .parse = azure_remove_parse},
	.verb[STORE_DELETE_MANY] = {.local = azure_remove_not_many},
	.verb[STORE_COPY] = {.build = azure_copy_build,
			     .parse = azure_copy_parse,
			     .settled = azure_copy_settled,
			     .expect = azure_put_unknown,
			     .works = true},
	.verb[STORE_MULTIPART_BEGIN] = {.local = azure_blocks_begin},
	.verb[STORE_PART] = {.build = azure_blocks_build_part,
			     .parse = azure_blocks_parse_part,
			     .streams = true},
	.verb[STORE_PART_COPY] = {.build = azure_blocks_build_keep,
				  .parse = azure_blocks_parse_keep},
	.verb[STORE_COMPLETE] = {.build = azure_blocks_build_commit,
				 .parse = azure_blocks_parse_commit,
				 .expect = azure_put_unknown,
				 .works = true},
	.verb[STORE_ABORT] = {.local = azure_blocks_nothing},
	.verb[STORE_UPLOADS] = {.local = azure_blocks_nothing},
	.locate = azure_site_locate,
	.sign = sign,
	.fault = azure_fault_parse,
	.identity = azure_blob_identity,
	.accounts = azure_account_list,
	.request_id = azure_fault_request_id,
};
