// SPDX-License-Identifier: Apache-2.0
/* Delete, one by one and by the hundred. What is carried from one hundred to the next is a letter
 * for each key: what came of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "gcs/gcs.h"

int gcs_remove_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out)
{
	int ret;

	if (!call->key || !call->key[0] || call->if_none_match)
		return -EINVAL;
	ret = gcs_site_start(site, "DELETE", GCS_JSON, call->bucket, call->key, out);
	if (!ret)
		ret = gcs_version_conditions(call, &out->target);
	return ret ? ret : gcs_site_finish(site, NULL, out);
}

int gcs_remove_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check)
{
	(void)call, (void)answer, (void)check;
	return 0;
}

static const struct {
	char letter;
	int error;
} results[] = {{'-', 0}, {'a', -EACCES}, {'e', -EIO}};

static char letter_of(int error)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].error == error)
			return results[i].letter;
	}
	return 'e';
}

static int error_of(char letter)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].letter == letter)
			return results[i].error;
	}
	return -EIO;
}

int gcs_remove_build_many(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	size_t at = (size_t)call->step * GCS_BATCH_MAX;
	size_t end = at + GCS_BATCH_MAX;
	int ret;

	if (!call->key_count || call->key_count > STORE_LIST_MAX)
		return -EINVAL;
	ret = gcs_batch_begin(site, out);
	for (; at < end && at < call->key_count && !ret; at++) {
		ret = call->keys[at][0] ? gcs_batch_delete(site, call->bucket, call->keys[at], out)
					: -EINVAL;
	}
	return ret ? ret : gcs_batch_end(out);
}

static int finish(struct store_call *call, const char *letters)
{
	SCOPE_FREE int *errors = call->key_count ? calloc(call->key_count, sizeof(*errors)) : NULL;
	int worst = 0;

	if (!errors)
		return -ENOMEM;
	for (size_t i = 0; i < call->key_count; i++) {
		errors[i] = error_of(letters[i]);
		worst = worst ? worst : errors[i];
	}
	call->key_errors = take_ptr(&errors);
	return worst;
}

int gcs_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	size_t from = (size_t)call->step * GCS_BATCH_MAX;
	size_t count = call->key_count - from < GCS_BATCH_MAX ? call->key_count - from
							      : GCS_BATCH_MAX;
	SCOPE_BUFFER struct buffer letters = BUFFER_INIT(STORE_LIST_MAX);
	int statuses[GCS_BATCH_MAX];
	int ret = gcs_batch_read(answer, statuses, count);

	(void)check;
	if (!ret && call->carry)
		ret = buffer_add_text(&letters, call->carry);
	for (size_t i = 0; i < count && !ret; i++) {
		int error = gcs_batch_error(statuses[i]);

		ret = error == -EAGAIN ? -EBADMSG : buffer_add_char(&letters, letter_of(error));
	}
	if (ret)
		return ret == -EMSGSIZE ? -EBADMSG : ret;
	if (letters.len == call->key_count)
		return finish(call, letters.data);
	call->carry_out = buffer_take(&letters);
	return -EINPROGRESS;
}
