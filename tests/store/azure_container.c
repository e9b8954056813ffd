/* SPDX-License-Identifier: Apache-2.0 */
/* List Containers, Create Container, Get Container Properties, Delete Container. */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/azure_beside.h"
#include "tests/store/bucket.h"
#include "tests/store/list.h"
#include "tests/store/precondition.h"
#include "tests/store/scope.h"
#include "tests/store/settings.h"

#define DELETE_AT_ONCE 1000

/* Nothing about a container changes but that it is there. */
static void version_of(const struct bucket_info *info, char etag[OBJECT_ETAG_BYTES], char date[30])
{
	snprintf(etag, OBJECT_ETAG_BYTES, "\"0x8%015llX\"",
		 (unsigned long long)info->created_s * 1000000);
	precondition_date(info->created_s, date);
}

static void put_container(struct buf *out, const struct bucket_info *info)
{
	char etag[OBJECT_ETAG_BYTES], date[30];

	version_of(info, etag, date);
	buf_str(out, "<Container>");
	buf_xml_element(out, "Name", info->name);
	buf_str(out, "<Properties>");
	buf_xml_element(out, "Last-Modified", date);
	buf_xml_element(out, "Etag", etag);
	buf_str(out, "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
		     "<HasImmutabilityPolicy>false</HasImmutabilityPolicy>"
		     "<HasLegalHold>false</HasLegalHold></Properties></Container>");
}

static void put_list(struct azure_call *c, const struct bucket_info *list, long count, uint64_t max)
{
	const char *prefix = azure_param(c, "prefix"), *marker = azure_param(c, "marker");
	const char *host = azure_header(c, "Host");
	struct buf *out = &c->reply->text;
	uint64_t told = 0;
	long i = 0;

	azure_xml_begin(c);
	buf_printf(out, "<EnumerationResults ServiceEndpoint=\"http://%s/\"><Containers>",
		   host ? host : "");
	for (; i < count; i++) {
		if ((prefix && strncmp(list[i].name, prefix, strlen(prefix)) != 0) ||
		    (marker && strcmp(list[i].name, marker) < 0))
			continue;
		if (told++ == max)
			break;
		put_container(out, &list[i]);
	}
	buf_str(out, "</Containers>");
	buf_xml_element(out, "NextMarker", i < count ? list[i].name : "");
	buf_str(out, "</EnumerationResults>");
}

void azure_list_containers(struct azure_call *c)
{
	const char *wanted = azure_param(c, "maxresults");
	SCOPE_FREE struct bucket_info *list = NULL;
	uint64_t max = AZURE_LIST_MAX;
	long count;

	if (wanted && (!azure_number(wanted, &max) || !max)) {
		azure_fail(c, "OutOfRangeQueryParameterValue");
		return;
	}
	count = bucket_list(&list);
	if (count < 0)
		azure_fail_errno(c, (int)count);
	else
		put_list(c, list, count, max);
}

static void tell(struct azure_call *c, int status)
{
	char etag[OBJECT_ETAG_BYTES], date[30];
	struct bucket_info info;

	if (bucket_lookup(c->container, &info)) {
		azure_fail(c, "ContainerNotFound");
		return;
	}
	version_of(&info, etag, date);
	c->reply->status = status;
	reply_header(c->reply, "ETag", etag);
	reply_header(c->reply, "Last-Modified", date);
	reply_header(c->reply, "x-ms-lease-status", "unlocked");
	reply_header(c->reply, "x-ms-lease-state", "available");
}

void azure_create_container(struct azure_call *c)
{
	int err = bucket_create(c->container, settings.region);

	if (err == -EEXIST)
		azure_fail(c, "ContainerAlreadyExists");
	else if (err == -EINVAL)
		azure_fail(c, "InvalidResourceName");
	else if (err)
		azure_fail_errno(c, err);
	else
		tell(c, 201);
}

void azure_container_properties(struct azure_call *c)
{
	tell(c, 200);
}

/* With all that is in it. */
void azure_delete_container(struct azure_call *c)
{
	const struct list_query q = {
		.prefix = "", .delimiter = "", .after = "", .max = DELETE_AT_ONCE};
	struct list_page page = {.more = true};
	int err = 0;

	azure_lock();
	while (page.more && !err) {
		err = list_walk(c->container, &q, &page);
		for (size_t i = 0; !err && i < page.count; i++) {
			const struct object *o = page.entries[i].object;

			err = objects_delete(c->container, o->key, o->key_len, NULL);
		}
		if (!err || page.entries) {
			bool more = page.more;

			list_free(&page);
			page.more = more;
		}
	}
	if (!err)
		azure_beside_drop_all(c->container);
	azure_unlock();
	if (!err)
		err = bucket_delete(c->container);
	if (err)
		azure_fail_errno(c, err);
	else
		c->reply->status = 202;
}
