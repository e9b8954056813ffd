/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/gonesend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "fs/names.h"
#include "fs/stillthere.h"

/* Somebody has stored another version under the name: that is no error. What is not there at all is
 * none either, which a condition makes one. */
static bool replaced(struct gone_item *i)
{
	if (!i->is_left || (i->error != -ESTALE && i->error != -ENOENT))
		return false;
	if (i->error == -ESTALE)
		log_info("%s: what was removed has been replaced meanwhile, which stays",
			 i->object);
	i->is_other = i->error == -ESTALE;
	i->error = 0;
	return true;
}

/* One at a time: what a request for many cannot name, and where there is no such request. What is
 * known to be gone is left alone: it may have been made again. */
static void delete_each(struct store_call *call, struct gone_item **items, size_t n, char *message)
{
	const char *const *keys = call->keys;

	call->verb = STORE_DELETE;
	for (size_t k = 0; k < n; k++) {
		if (!items[k]->error)
			continue;
		call->key = keys[k];
		call->if_match = call->key_etags ? call->key_etags[k] : NULL;
		items[k]->error = store_run(call);
		if (items[k]->error && !replaced(items[k]))
			snprintf(message, STORE_MESSAGE_BYTES, "%s", call->message);
		store_call_reset(call);
	}
}

static void delete_them(struct gone_item **items, size_t n, char *message)
{
	const char *keys[STORE_LIST_MAX], *etags[STORE_LIST_MAX];
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_DELETE_MANY,
		.ctx = n ? items[0]->ctx : NULL,
		.scheme = scheme,
		.bucket = bucket,
		.keys = keys,
		.key_count = n,
		.key_etags = n && items[0]->is_left ? etags : NULL,
	};
	int ret;

	if (!n)
		return;
	for (size_t k = 0; k < n; k++) {
		keys[k] = name_split(items[k]->object, scheme, bucket);
		etags[k] = items[k]->etag; /* of what is left none is "" (fs/stillthere.h) */
	}
	ret = n > 1 ? store_run(&call) : -EINVAL;
	for (size_t k = 0; k < n; k++) {
		items[k]->error = call.key_errors ? call.key_errors[k] : ret;
		replaced(items[k]);
	}
	if (ret && ret != -EINVAL && ret != -EOPNOTSUPP)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	store_call_reset(&call);
	if (ret == -EINVAL || ret == -EOPNOTSUPP)
		delete_each(&call, items, n, message);
}

/* Those of the n items that are still what they were, to the front. How many there are. */
static size_t keep_unchanged(struct gone_item **items, size_t n)
{
	struct stillthere *looks = calloc(n + 1, sizeof(*looks));
	size_t kept = 0;

	for (size_t k = 0; k < n; k++)
		items[k]->error = -ENOMEM;
	if (!looks)
		return 0;
	for (size_t k = 0; k < n; k++)
		looks[k] = (struct stillthere){
			.ctx = items[k]->ctx,
			.object = items[k]->object,
			.etag = items[k]->etag,
			.said_s = items[k]->asked_s ? clock_wall_s() - items[k]->asked_s : 0,
		};
	stillthere_look(looks, n);
	for (size_t k = 0; k < n; k++) {
		struct gone_item *i = items[k];

		i->error = looks[k].result;
		if (!replaced(i) && !i->error)
			items[kept++] = i;
	}
	free(looks);
	return kept;
}

void gone_send(struct gone_item *i, size_t n, char message[STORE_MESSAGE_BYTES])
{
	struct gone_item *items[STORE_LIST_MAX], *at = i;
	size_t wanted = n;

	message[0] = '\0';
	for (size_t k = 0; k < n; k++, at = at->next)
		items[k] = at;
	if (i->is_left)
		wanted = keep_unchanged(items, n);
	delete_them(items, wanted, message);
}
