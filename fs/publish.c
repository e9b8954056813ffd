/* SPDX-License-Identifier: Apache-2.0 */
/* One publication: what goes along with the bytes, the condition, and what is believed afterwards.
 */
#include "fs/publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/links.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/blind.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/copygate.h"
#include "fs/fetch.h"
#include "fs/foreign.h"
#include "fs/gone.h"
#include "fs/inplace.h"
#include "fs/movegate.h"
#include "fs/metadata.h"
#include "fs/names.h"
#include "fs/publish_names.h"
#include "fs/refused.h"
#include "fs/told.h"
#include "fs/untold.h"
#include "fs/upload.h"

#define TRIES_MAX 5 /* of a file that is written to while it is read */

bool publish_can_match(const char *etag)
{
	return *etag && (unsigned char)*etag >= ' ' && strncmp(etag, "W/", 2) != 0;
}

void publish_tell(const uint8_t *ctx, const struct upload *up, const struct store_object *version,
		  struct meta_fact *fact)
{
	*fact = (struct meta_fact){
		.kind = META_FILE,
		.object = *version,
		.is_told = true,
		.has_mtime = true,
		.has_mode = up->drops != UPLOAD_BARE,
		.mode = up->mode & 07777,
		.has_uid = up->uid != WIRE_CALLER && up->drops != UPLOAD_BARE,
		.uid = up->uid,
		.has_gid = up->gid != WIRE_CALLER && up->drops != UPLOAD_BARE,
		.gid = up->gid,
		.has_xattr = *up->xattr && !up->drops,
		.has_foreign = foreign_learn(up->object, version->etag, &up->foreign.user,
					     &up->foreign.fields),
	};

	untold_learn(up->object, fact, NULL, up->drops ? "" : up->xattr);
	told_file(ctx, up->object, fact);
}

/* What was set here goes along, or what the version has that was written to. */
static void take_xattr(const struct draft_flush *flush, struct upload *up)
{
	struct untold untold;

	*up->xattr = '\0';
	if (flush->has_xattr)
		memcpy(up->xattr, flush->xattr, sizeof(up->xattr));
	else if (flush->is_known && untold_find(up->object, &flush->version, &untold))
		memcpy(up->xattr, untold.xattr, sizeof(up->xattr));
}

/* One try: the draft as it is now. */
static int send(struct cache_file *file, const struct draft_flush *flush, struct upload *up,
		char *message)
{
	char version[STORE_ETAG_BYTES];
	struct wire_attr attr;
	int ret;

	draft_attr(file, &attr);
	up->bytes = attr.size;
	up->mtime_ns = attr.mtime_ns;
	up->mode = attr.mode;
	up->uid = attr.uid;
	up->gid = attr.gid;
	up->flush = flush;
	take_xattr(flush, up);
	if (up->drops)
		*up->xattr = '\0';
	memcpy(version, flush->version.etag, sizeof(version));
	up->if_match = flush->is_known && publish_can_match(version) ? version : NULL;
	up->must_be_new = flush->must_be_new;
	foreign_free(&up->foreign);
	ret = foreign_of(up->ctx, file, &up->foreign, message);
	if (ret)
		return ret;
	up->mark = metadata_draw_mark();
	draft_flush_sends(file, &(struct draft_sent){attr.mtime_ns, up->mark, false, false});
	ret = upload(file, up, message);
	up->if_match = NULL;
	return ret;
}

bool publish_is_sent(const struct draft_sent *sent, const struct metadata *m, uint64_t size)
{
	if (!m->has_mtime || m->mtime_ns != sent->mtime_ns)
		return false;
	return sent->is_size ? !m->mark && size == sent->mark : m->mark && m->mark == sent->mark;
}

/* A daemon died, or an answer was lost, while this was being sent: is it in the bucket? Its mark
 * tells it from what others wrote, and its time from what another tool has made of it since (s3fs
 * leaves metadata that it does not know); its bytes need not be those of now. 1: it is, and the
 * draft goes on from there; 0: it is not; or an error. */
static int look_for_sent(struct cache_file *file, struct draft_flush *flush,
			 const struct upload *up, const struct draft_sent *sent, char *message)
{
	char scheme[8], bucket[256];
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
	};
	struct store_object found;
	struct metadata m;
	int ret;

	if (sent->is_append) {
		ret = inplace_look(file, flush, sent, up, &found, message);
		if (ret >= 0)
			draft_flush_resolve(file, flush, ret ? &found : NULL);
		return ret;
	}
	ret = store_run(&head);

	if (!ret) {
		metadata_read(&head.user, &m);
		foreign_learn(up->object, head.object.etag, &head.user, &head.fields);
		found = head.object;
		found.mtime_ns = sent->mtime_ns;
		if (publish_is_sent(sent, &m, found.size))
			ret = 1;
	} else if (ret != -ENOENT) {
		memcpy(message, head.message, STORE_MESSAGE_BYTES);
	}
	store_call_reset(&head);
	if (ret == -ENOENT || ret == -EACCES) /* who may write need not be one who may look */
		ret = 0;
	if (ret >= 0)
		draft_flush_resolve(file, flush, ret ? &found : NULL);
	return ret;
}

/* Sends it, from what is there of an earlier try. */
static int send_on(struct cache_file *file, struct draft_flush *flush, struct upload *up,
		   char *message)
{
	struct draft_sent sent;
	/* what was on its way when it was looked for may have come since */
	bool may_come = false;
	int ret = 0;

	if (flush->was_sent) {
		ret = look_for_sent(file, flush, up, &flush->sent, message);
		may_come = !ret && flush->sent.is_append;
	}
	if (ret >= 0 && flush->is_blind && !flush->is_known)
		ret = blind_look(file, flush, up, message);
	if (ret == -ESTALE) /* nothing was sent that could be what is there */
		return ret;
	if (ret >= 0)
		ret = send(file, flush, up, message);
	while (ret == -E2BIG && up->drops < UPLOAD_BARE) { /* the content is worth more */
		up->drops++;
		ret = send(file, flush, up, message);
	}
	if (ret != -ESTALE)
		return ret;
	sent = may_come ? flush->sent : (struct draft_sent){up->mtime_ns, up->mark, false, false};
	return look_for_sent(file, flush, up, &sent, message) == 1 ? -EAGAIN : -ESTALE;
}

/* Parts went before the file's mode, owner and time were known: the object is copied onto itself
 * with those. Until then it is a version without them, from which the draft goes on. */
static int settle_attributes(struct cache_file *file, struct draft_flush *flush, struct upload *up,
			     struct store_object *version, char *message)
{
	struct change_attr attr = {
		.what = WIRE_SET_MODE | WIRE_SET_UID | WIRE_SET_GID | WIRE_SET_MTIME | CHANGE_XATTR,
		.mode = up->mode,
		.uid = up->uid,
		.gid = up->gid,
		.mtime_ns = up->mtime_ns,
		.xattr = up->xattr,
		.mark = metadata_draw_mark(),
	};
	struct lookup *q = lookup_of(cache_ctx(file), up->object);
	struct meta_fact fact = {.kind = META_FILE, .object = *version};
	int ret = q ? 0 : -ENOMEM;

	draft_flush_resolve(file, flush, version);
	draft_flush_sends(file, &(struct draft_sent){up->mtime_ns, attr.mark, false, false});
	if (!ret)
		ret = copy_object(q, q, false, &attr, &fact);
	if (ret == -E2BIG && *up->xattr) {
		up->drops = UPLOAD_NO_XATTR;
		attr.xattr = "";
		ret = copy_object(q, q, false, &attr, &fact);
	}
	if (ret == -E2BIG) {
		up->drops = UPLOAD_BARE;
		ret = 0; /* as it is, then */
	}
	if (!ret) {
		up->mark = attr.mark;
		memcpy(version->etag, fact.object.etag, sizeof(version->etag));
	} else if (q) {
		memcpy(message, q->message, STORE_MESSAGE_BYTES);
	}
	free(q);
	return ret;
}

/* Is it certain that it is not in the bucket, nor will be? */
static bool is_final(int error)
{
	return error == -ESTALE || error == -EACCES || error == -ENOENT || error == -EAGAIN ||
	       error == -EFBIG || error == -ENOSPC;
}

/* The content is there, not all that is ours of its metadata. */
static void say_dropped(const struct upload *up, char *message)
{
	if (up->drops)
		snprintf(message, STORE_MESSAGE_BYTES,
			 "%.*s was stored without its %s: with what other tools keep there it is "
			 "more than the store has room for",
			 256, up->object,
			 up->drops == UPLOAD_BARE ? "mode and owner" : "extended attributes");
	if (up->drops)
		log_warn("%s", message);
}

static int publish_once(struct cache_file *file, struct draft_flush *flush, char *message)
{
	struct upload up = {.ctx = context_find(cache_ctx(file))};
	struct store_object version = {0};
	struct meta_fact fact;
	int ret;

	cache_object(file, up.object);
	gone_wait(up.object, true);
	if (!up.ctx) {
		draft_flush_end(file, flush, NULL);
		snprintf(message, STORE_MESSAGE_BYTES,
			 "the credentials it was written with are not known to this daemon yet");
		return -EKEYREJECTED;
	}
	ret = send_on(file, flush, &up, message);
	refused_note(cache_ctx(file), up.object, ret);
	version.size = up.bytes;
	version.mtime_ns = up.mtime_ns;
	memcpy(version.etag, up.etag, sizeof(version.etag));
	if (!ret && up.is_late)
		ret = settle_attributes(file, flush, &up, &version, message);
	if (!ret && draft_names(file) > 1) {
		draft_flush_resolve(file, flush, &version);
		ret = publish_names(file, &up, &version, message);
	}
	if (!ret) {
		flush->sets_mtime = up.sets_mtime;
		/* first: whoever sees it clean must find its name */
		publish_tell(cache_ctx(file), &up, &version, &fact);
		cache_set_plain(file, !foreign_is(&up.foreign));
		draft_flush_end(file, flush, &version);
		if (inplace_is_behind(version.etag)) /* others' is there by now */
			meta_forget(cache_ctx(file), up.object);
		foreign_free(&up.foreign);
		message[0] = '\0';
		say_dropped(&up, message);
		return 0;
	}
	foreign_free(&up.foreign);
	if (is_final(ret))
		draft_flush_resolve(file, flush, NULL);
	draft_flush_end(file, flush, NULL);
	if (ret == -ESTALE)
		told_of_others(up.object);
	if (ret == -ESTALE)
		snprintf(
			message, STORE_MESSAGE_BYTES,
			"somebody else has written another version of %.*s meanwhile, which stays; "
			"what was written here is kept: see skyshim recover",
			256, up.object);
	if (ret == -ENOENT)
		snprintf(message, STORE_MESSAGE_BYTES,
			 "%.*s, or its bucket, is not there any more; what was written here is "
			 "kept: see skyshim recover",
			 256, up.object);
	return ret;
}

static int wait_for(void *arg, const char *object)
{
	int ret = movegate_pass(object, MOVELOG_WRITES);

	(void)arg;
	return ret ? ret : copygate_wait(object);
}

static int is_moving(void *arg, const char *object)
{
	(void)arg;
	return movelog_state(object, MOVELOG_WRITES) != MOVELOG_FREE || copygate_is_shut(object);
}

/* Under the names that it is to have. Who begins to move one of them, or to copy it onto itself,
 * waits from here on until the flush has ended; who began just before is waited for. */
static int begin(struct cache_file *file, uint64_t wanted, struct draft_flush *flush)
{
	for (;;) {
		int ret;

		while ((ret = draft_each_name(file, wait_for, NULL)) > 0)
			;
		if (ret < 0)
			return ret;
		ret = draft_flush_begin(file, wanted, flush);
		if (ret || draft_each_name(file, is_moving, NULL) <= 0)
			return ret;
		draft_flush_end(file, flush, NULL);
	}
}

int publish(struct cache_file *file, char message[STORE_MESSAGE_BYTES])
{
	uint64_t wanted = draft_begun(file);
	struct draft_flush flush;
	int ret = -EAGAIN;

	message[0] = '\0';
	for (int i = 0; i < TRIES_MAX && ret == -EAGAIN; i++) {
		ret = begin(file, wanted, &flush);
		if (ret)
			return ret < 0 ? ret : 0;
		ret = publish_once(file, &flush, message);
	}
	if (ret == -EAGAIN) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "the file changes faster than it can be uploaded");
		ret = -EIO;
	}
	return ret;
}
