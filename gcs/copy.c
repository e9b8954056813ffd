// SPDX-License-Identifier: Apache-2.0
/*
 * Rewrite: a copy by the service, of any size and between any two buckets. Where it has to move
 * bytes it answers before it is finished, with a token by which it goes on. Of an object onto
 * itself only the metadata can change, which is a patch that moves nothing.
 */
#include <errno.h>
#include <string.h>

#include "core/pairs.h"
#include "gcs/gcs.h"

static bool is_onto_itself(const struct store_call *call)
{
	return !strcmp(call->bucket, call->from_bucket) && !strcmp(call->key, call->from_key);
}

static int build_patch(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	struct store_call conditions = *call;
	json_t *resource = json_object();
	int ret = resource ? 0 : -ENOMEM;

	if (!conditions.if_match)
		conditions.if_match = call->from_etag;
	if (!ret)
		ret = gcs_site_start(site, "PATCH", GCS_JSON, call->bucket, call->key, out);
	if (!ret)
		ret = gcs_version_conditions(&conditions, &out->target);
	if (!ret)
		ret = gcs_site_finish(site, GCS_FIELDS, out);
	if (!ret)
		ret = gcs_meta_set(call, true, resource);
	if (!ret)
		return gcs_put_json(resource, out);
	json_decref(resource);
	return ret;
}

static int build_rewrite(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	json_t *resource = json_object();
	int ret = resource ? 0 : -ENOMEM;

	if (!ret)
		ret = gcs_site_start(site, "POST", GCS_JSON, call->from_bucket, call->from_key,
				     out);
	if (!ret)
		ret = buffer_add_text(&out->target, "/rewriteTo");
	if (!ret)
		ret = gcs_site_path(call->bucket, call->key, &out->target);
	if (!ret)
		ret = gcs_version_conditions(call, &out->target);
	if (!ret && call->from_etag)
		ret = gcs_version_match(call->from_etag, "ifSourceGenerationMatch",
					"ifSourceMetagenerationMatch", &out->target);
	if (!ret && call->carry)
		ret = uri_add_query(&out->target, "rewriteToken", call->carry);
	if (!ret)
		ret = gcs_site_finish(site, "done,rewriteToken,resource(" GCS_FIELDS ")", out);
	if (!ret)
		ret = gcs_meta_set(call, false, resource);
	/* without a resource the source's metadata goes along */
	if (!ret && (call->set_user || call->set_fields))
		return gcs_put_json(resource, out);
	json_decref(resource);
	return ret;
}

int gcs_copy_build(const struct store_call *call, const struct store_site *site,
		   struct store_request *out)
{
	if (!call->bucket || !call->key || !call->key[0] || !call->from_bucket || !call->from_key ||
	    !call->from_key[0])
		return -EINVAL;
	if (!is_onto_itself(call))
		return build_rewrite(call, site, out);
	if (!call->set_user && !call->set_fields)
		return -EINVAL; /* it must change something */
	return build_patch(call, site, out);
}

static int parse_rewrite(struct store_call *call, const json_t *json)
{
	const char *token = gcs_resource_text(json, "rewriteToken");

	if (json_is_true(json_object_get(json, "done")))
		return gcs_resource_object(json_object_get(json, "resource"), &call->object);
	if (!token[0])
		return -EBADMSG;
	call->carry_out = strdup(token);
	return call->carry_out ? -EINPROGRESS : -ENOMEM;
}

int gcs_copy_parse(struct store_call *call, const struct store_answer *answer,
		   struct store_check *check)
{
	json_t *json = gcs_resource_load(answer);
	int ret = json ? 0 : -EBADMSG;

	(void)check;
	if (!ret && is_onto_itself(call))
		ret = gcs_resource_object(json, &call->object);
	else if (!ret)
		ret = parse_rewrite(call, json);
	json_decref(json);
	return ret;
}

/* --- after a lost answer ----------------------------------------------------------------------
 *
 * A patch leaves the generation as it is, and with it the bytes. A copy has the bytes and the
 * metadata of what it was made of, and is as young as the request: both are asked for. */

int gcs_copy_build_look(const struct store_call *call, const struct store_site *site,
			struct store_request *out)
{
	struct store_call to = *call, from = *call;
	int ret;

	to.if_match = to.if_none_match = from.if_none_match = NULL;
	if (is_onto_itself(call))
		return gcs_object_build_head(&to, site, out);
	from.bucket = call->from_bucket;
	from.key = call->from_key;
	from.if_match = call->from_etag;
	ret = gcs_batch_begin(site, out);
	if (!ret)
		ret = gcs_batch_head(&to, site, out);
	if (!ret)
		ret = gcs_batch_head(&from, site, out);
	return ret ? ret : gcs_batch_end(out);
}

static int made_patch(struct store_call *call, const struct store_answer *answer)
{
	const char *before = call->if_match ? call->if_match : call->from_etag;
	struct gcs_version old, new;
	struct store_check check = {0};
	int ret;

	if (!before || gcs_version_read(before, &old) < 0)
		return -ENOENT;
	ret = gcs_object_parse_head(call, answer, &check);
	if (ret)
		return ret;
	if (gcs_version_read(call->object.etag, &new) < 0)
		return -EBADMSG;
	return !strcmp(old.generation, new.generation) && pairs_hold(&call->user, call->set_user)
		       ? 0
		       : -ESTALE;
}

static bool has_same_bytes(const json_t *a, const json_t *b)
{
	return gcs_resource_text(a, "crc32c")[0] &&
	       !strcmp(gcs_resource_text(a, "crc32c"), gcs_resource_text(b, "crc32c")) &&
	       !strcmp(gcs_resource_text(a, "size"), gcs_resource_text(b, "size"));
}

static int compare(struct store_call *call, const json_t *to, const json_t *from)
{
	struct store_call source = {0};
	int ret = gcs_resource_object(to, &call->object);

	if (!ret)
		ret = gcs_resource_pairs(to, call);
	if (!ret)
		ret = gcs_resource_pairs(from, &source);
	if (!ret && (!has_same_bytes(to, from) ||
		     !pairs_hold(&call->user, call->set_user ? call->set_user : &source.user) ||
		     (call->if_match && !strcmp(call->if_match, call->object.etag))))
		ret = -ESTALE;
	pairs_free(&source.user);
	pairs_free(&source.fields);
	return ret == -EMSGSIZE ? -EBADMSG : ret;
}

int gcs_copy_made(struct store_call *call, const struct store_answer *answer)
{
	struct batch_part parts[2];
	json_t *to, *from;
	int ret;

	if (is_onto_itself(call))
		return made_patch(call, answer);
	ret = batch_read(answer, parts, 2);
	if (ret)
		return ret;
	if (parts[0].status == 404)
		return -ESTALE;
	if (parts[0].status != 200 || parts[1].status != 200)
		return -ENOENT; /* what it was made of is gone, or is another */
	to = gcs_batch_json(&parts[0]);
	from = gcs_batch_json(&parts[1]);
	ret = to && from ? compare(call, to, from) : -EBADMSG;
	json_decref(to);
	json_decref(from);
	return ret;
}
