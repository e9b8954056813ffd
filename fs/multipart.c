/* SPDX-License-Identifier: Apache-2.0 */
/* See multipart.h. */
#include "fs/multipart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/vnode.h"
#include "core/log.h"
#include "fs/begun.h"
#include "fs/metadata.h"
#include "fs/multiappend.h"
#include "fs/names.h"
#include "fs/sent.h"

#define CELLS_MIN 64

/* A part on its way. */
struct sending {
	struct store_call call;
	struct multipart *m;
	struct cache_file *file; /* with a reference */
	uint32_t index;
	uint64_t offset, bytes;
	char from_etag[STORE_ETAG_BYTES];
};

struct multipart *multipart_new(struct context *ctx, const char *object,
				const struct wire_attr *attr)
{
	struct multipart *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ctx = ctx;
	m->told = *attr;
	m->mark = metadata_draw_mark();
	snprintf(m->object, sizeof(m->object), "%s", object);
	m->key = name_split(m->object, m->scheme, m->bucket);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->ended, NULL);
	return m;
}

void multipart_free(struct multipart *m)
{
	if (!m)
		return;
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->ended);
	for (size_t i = 0; i < m->cap; i++)
		free(m->cells[i].id);
	foreign_free(&m->foreign);
	free(m->upload_id);
	free(m->cells);
	free(m);
}

/* A call about the whole upload. */
static struct store_call call_of(const struct multipart *m, enum store_verb verb)
{
	return (struct store_call){
		.verb = verb,
		.ctx = m->ctx,
		.scheme = m->scheme,
		.bucket = m->bucket,
		.key = m->key,
		.upload = m->upload_id,
	};
}

int multipart_begin(struct multipart *m, struct cache_file *file)
{
	struct store_call call = call_of(m, STORE_MULTIPART_BEGIN);
	struct begun *note = begun_intend(&call);
	struct metadata_pairs meta;
	int ret;

	upload_describe(m->is_bare ? NULL : &m->told, m->mark, m->xattr, &m->foreign, &meta);
	call.set_user = &meta.pairs;
	call.set_fields = &m->foreign.fields;
	ret = store_run(&call);
	if (ret) {
		memcpy(m->message, call.message, STORE_MESSAGE_BYTES);
	} else {
		m->upload_id = strdup(call.upload_id);
		ret = m->upload_id ? draft_note_upload(file, m->object, m->upload_id) : -ENOMEM;
	}
	begun_intended(note, &call);
	store_call_reset(&call);
	return ret;
}

/* --- parts --- */

/* store_source.read: offsets count from the part's start. */
static int read_part(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	const struct sending *s = arg;

	return upload_read(s->file, s->offset + offset, buf, bytes);
}

/* With the lock: what came of a part. */
static void note_part(struct multipart *m, const struct store_call *call,
		      struct multipart_cell *cell)
{
	int error = call->error;

	free(cell->id);
	cell->id = NULL;
	cell->state = MULTIPART_NONE;
	if (!error) {
		cell->id = strdup(call->part_id ? call->part_id : call->object.etag);
		error = cell->id ? 0 : -ENOMEM;
	}
	if (!error) {
		cell->state = MULTIPART_SENT;
	} else if (error == -EOPNOTSUPP && call->verb == STORE_PART_COPY) {
		cell->state = MULTIPART_NO_COPY;
	} else if (!m->error) {
		m->error = error;
		memcpy(m->message, call->message, STORE_MESSAGE_BYTES);
	}
}

static void part_done(struct store_call *call)
{
	struct sending *s = call->arg;
	struct multipart *m = s->m;

	pthread_mutex_lock(&m->lock);
	note_part(m, call, &m->cells[s->index]);
	if (m->cells[s->index].state == MULTIPART_SENT)
		sent_add(s->file, s->bytes);
	if (m->more)
		m->more(m, s->file);
	/* from here on it may be freed */
	m->active--;
	pthread_cond_broadcast(&m->ended);
	pthread_mutex_unlock(&m->lock);
	cache_put(s->file);
	store_call_reset(call);
	free(s);
}

static int grow(struct multipart *m, uint32_t index)
{
	size_t cap = m->cap ? m->cap : CELLS_MIN;
	struct multipart_cell *grown;

	while (cap <= index)
		cap *= 2;
	if (cap == m->cap)
		return 0;
	grown = reallocarray(m->cells, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memset(grown + m->cap, 0, (cap - m->cap) * sizeof(*grown));
	m->cells = grown;
	m->cap = cap;
	return 0;
}

int multipart_start(struct multipart *m, struct cache_file *file, const struct multipart_part *p,
		    const char *from_etag)
{
	struct sending *s = calloc(1, sizeof(*s));
	int ret = s ? grow(m, p->index) : -ENOMEM;

	if (ret) {
		free(s);
		return ret;
	}
	*s = (struct sending){.m = m, .file = file, .index = p->index};
	s->offset = p->offset;
	s->bytes = p->length;
	s->call = call_of(m, p->is_copy ? STORE_PART_COPY : STORE_PART);
	s->call.part = p->index + 1;
	s->call.done = part_done;
	s->call.arg = s;
	if (p->is_copy) {
		snprintf(s->from_etag, sizeof(s->from_etag), "%s", from_etag);
		s->call.offset = p->offset;
		s->call.length = p->length;
		s->call.from_bucket = m->bucket;
		s->call.from_key = m->key;
		s->call.from_etag = s->from_etag;
		s->call.from_sum = m->keep_sum[0] ? m->keep_sum : NULL;
	} else {
		s->call.source = (struct store_source){read_part, s, p->length};
	}
	cache_ref(file);
	ret = store_submit(&s->call);
	if (ret) {
		cache_put(file);
		free(s);
		return ret;
	}
	m->cells[p->index].state = MULTIPART_SENDING;
	m->active++;
	return 0;
}

void multipart_wait(struct multipart *m)
{
	while (m->active)
		pthread_cond_wait(&m->ended, &m->lock);
}

/* What cannot be aborted now is tried again for as long as it takes: the draft does not wait for
 * it. Returns whether that is noted. */
static bool leave_upload(const struct multipart *m, const struct store_call *call)
{
	struct begun *note = begun_note(call, m->upload_id);

	if (note)
		begun_leave(note);
	return note;
}

void multipart_abort(struct multipart *m, struct cache_file *file)
{
	struct store_call call = call_of(m, STORE_ABORT);
	bool is_over;
	int ret;

	if (!m->upload_id)
		return;
	ret = store_run(&call);
	is_over = !ret || ret == -ENOENT;
	if (!is_over)
		log_warn("%s: parts of an upload stay in the bucket until it is tried again: %s",
			 m->object, call.message);
	/* as the daemon ends, the next finds it in the draft */
	if (file && (is_over || (ret != -ECANCELED && leave_upload(m, &call))))
		draft_note_upload(file, "", "");
	store_call_reset(&call);
}

/* --- a whole upload --- */

struct job {
	struct multipart *m;
	struct cache_file *file;
	struct upload *up;
	bool is_ahead; /* m was begun while the file was being written */
	bool appends;  /* fs/multiappend.h */
	struct multipart_part *parts;
	size_t count;
};

static unsigned state_of(const struct multipart *m, uint32_t index)
{
	return index < m->cap ? m->cells[index].state : MULTIPART_NONE;
}

/* Of one part. */
static bool is_clean(const void *arg, uint64_t offset, uint64_t length)
{
	const struct job *j = arg;
	uint64_t end = (offset + length - 1) >> VNODE_BLOCK_SHIFT;
	uint32_t index = parts_index(offset);

	if (state_of(j->m, index) != MULTIPART_NONE)
		return false;
	if (offset + length == parts_start(index + 1) &&
	    draft_flush_same(j->file, j->up->flush, index))
		return true;
	if (offset + length > j->up->flush->base)
		return false;
	for (uint64_t b = offset >> VNODE_BLOCK_SHIFT; b <= end; b++) {
		if (draft_flush_dirty(j->up->flush, b))
			return false;
	}
	return true;
}

static int plan(struct job *j)
{
	uint64_t base = j->up->if_match ? j->up->flush->version.size : 0;
	long n = j->appends ? multiappend_plan(j->up->bytes, base, &j->parts)
			    : multipart_plan(j->up->bytes, base, MULTIPART_COPY_BYTES, is_clean, j,
					     &j->parts);

	if (n < 0)
		return (int)n;
	j->count = (size_t)n;
	return 0;
}

bool multipart_is_usable(struct multipart *m, const struct upload *up)
{
	uint32_t count = up->bytes ? parts_index(up->bytes - 1) + 1 : 0;
	bool is_usable;

	pthread_mutex_lock(&m->lock);
	is_usable = m->upload_id && !m->error && up->flush->is_followed &&
		    !strcmp(m->object, up->object);
	/* a part that is behind the end, or was the last and is not whole, cannot be taken back */
	for (size_t i = 0; is_usable && i < m->cap; i++)
		is_usable = m->cells[i].state == MULTIPART_NONE ||
			    (i < count && parts_start((uint32_t)i + 1) <= up->bytes);
	pthread_mutex_unlock(&m->lock);
	return is_usable;
}

/* Is this part there as the file is now? */
static bool is_there(const struct job *j, const struct multipart_part *p)
{
	return j->is_ahead && state_of(j->m, p->index) != MULTIPART_NONE &&
	       p->offset == parts_start(p->index) && !draft_part_is_late(j->file, p->index);
}

static int send_one(struct job *j, const struct multipart_part *p)
{
	struct multipart *m = j->m;
	int ret = 0;

	pthread_mutex_unlock(&m->lock);
	if (!p->is_copy) /* what was never fetched of the base goes along */
		ret = cache_ensure(j->file, p->offset, p->length, WIRE_ENSURE_RANDOM, m->message);
	pthread_mutex_lock(&m->lock);
	/* of what is sent twice the later must be the one that counts */
	while (state_of(m, p->index) == MULTIPART_SENDING)
		pthread_cond_wait(&m->ended, &m->lock);
	while (m->active >= MULTIPART_PARALLEL)
		pthread_cond_wait(&m->ended, &m->lock);
	if (ret || m->error)
		return ret;
	if (!p->is_copy)
		draft_resend_part(j->file, parts_index(p->offset));
	return multipart_start(m, j->file, p, j->up->if_match);
}

static int send_all(struct job *j)
{
	struct multipart *m = j->m;
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	for (uint32_t i = 0; i < j->count && !ret && !m->error; i++) {
		const struct multipart_part *p = &j->parts[i];

		if (!is_there(j, p))
			ret = send_one(j, p);
		else if (state_of(m, p->index) == MULTIPART_SENT)
			sent_add(j->file, p->length);
	}
	multipart_wait(m);
	if (j->appends && state_of(m, j->parts[0].index) == MULTIPART_NO_COPY)
		ret = -EOPNOTSUPP;
	for (uint32_t i = 0; i < j->count && !ret && !m->error; i++) {
		if (state_of(m, j->parts[i].index) == MULTIPART_NO_COPY) {
			j->parts[i].is_copy = false;
			ret = send_one(j, &j->parts[i]);
		}
	}
	multipart_wait(m);
	ret = m->error ? m->error : ret;
	pthread_mutex_unlock(&m->lock);
	return ret;
}

/* Some services ignore the condition of a completion, and of copied parts: so it is looked at
 * before, which leaves them a moment, but no more. */
static int check_version(struct job *j)
{
	struct store_call call = call_of(j->m, STORE_HEAD);
	int ret;

	if (!j->up->if_match && !j->up->must_be_new)
		return 0;
	ret = store_run(&call);
	if (ret && ret != -ENOENT)
		memcpy(j->m->message, call.message, STORE_MESSAGE_BYTES);
	else if (ret == -ENOENT)
		ret = j->up->must_be_new ? 0 : -ESTALE;
	else if (j->up->must_be_new || strcmp(call.object.etag, j->up->if_match) != 0)
		ret = -ESTALE;
	store_call_reset(&call);
	return ret;
}

static int complete(struct job *j)
{
	struct store_call call = call_of(j->m, STORE_COMPLETE);
	struct store_part *parts = calloc(j->count, sizeof(*parts));
	struct metadata_pairs meta;
	int ret;

	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < j->count; i++)
		parts[i] = (struct store_part){j->parts[i].index + 1,
					       j->m->cells[j->parts[i].index].id};
	upload_describe(j->m->is_bare ? NULL : &j->m->told, j->m->mark, j->m->xattr, &j->m->foreign,
			&meta);
	call.set_user = &meta.pairs;
	call.set_fields = &j->m->foreign.fields;
	call.parts = parts;
	call.part_count = j->count;
	call.if_match = j->up->if_match;
	call.if_none_match = j->up->must_be_new ? "*" : NULL;
	ret = store_run(&call);
	if (ret)
		memcpy(j->m->message, call.message, STORE_MESSAGE_BYTES);
	else
		memcpy(j->up->etag, call.object.etag, sizeof(j->up->etag));
	store_call_reset(&call);
	free(parts);
	return ret;
}

/* What went with the beginning is what the object has. The time of the last write is not known
 * then: the file gets that of the beginning, unless a program has said otherwise. */
static void take_told(struct job *j)
{
	struct upload *up = j->up;
	const struct wire_attr *told = &j->m->told;

	up->is_late = ((told->mode ^ up->mode) & 07777) || told->uid != up->uid ||
		      told->gid != up->gid || draft_said_mtime(j->file, up->mtime_ns) ||
		      strcmp(j->m->xattr, up->xattr) != 0;
	if (!up->is_late) {
		up->sets_mtime = true;
		up->mtime_ns = told->mtime_ns;
	}
	up->mark = j->m->mark;
	draft_flush_sends(j->file, &(struct draft_sent){told->mtime_ns, up->mark, false, false});
}

/* Sends what is missing and makes the object. */
static int finish(struct job *j)
{
	int ret = send_all(j);

	if (!ret)
		ret = check_version(j);
	return ret ? ret : complete(j);
}

/* Appending can have reasons not to go that nothing tells before. */
static int finish_otherwise(struct job *j)
{
	int ret;

	multiappend_undo(j->m, j->parts, j->count);
	free(j->parts);
	j->parts = NULL;
	j->appends = false;
	ret = plan(j);
	return ret ? ret : finish(j);
}

static int run(struct job *j)
{
	int ret;

	j->appends = multiappend_may(j->m, j->file, j->up);
	ret = plan(j);
	if (!j->is_ahead) {
		memcpy(j->m->xattr, j->up->xattr, sizeof(j->m->xattr));
		j->m->is_bare = j->up->drops == UPLOAD_BARE;
		j->m->mark = j->up->mark;
	}
	if (!ret && !j->is_ahead)
		ret = foreign_copy(&j->up->foreign, &j->m->foreign);
	if (!ret && !j->is_ahead)
		ret = multipart_begin(j->m, j->file);
	if (!ret && j->is_ahead)
		take_told(j);
	if (!ret)
		ret = finish(j);
	if (j->appends && !j->m->error && (ret == -EINVAL || ret == -EIO || ret == -EOPNOTSUPP))
		ret = finish_otherwise(j);
	if (ret)
		multipart_abort(j->m, j->file);
	else
		draft_note_upload(j->file, "", "");
	return ret;
}

int multipart_upload(struct cache_file *file, struct upload *up, struct multipart *m,
		     char message[STORE_MESSAGE_BYTES])
{
	const struct wire_attr attr = {
		.mode = up->mode, .uid = up->uid, .gid = up->gid, .mtime_ns = up->mtime_ns};
	struct job j = {.file = file, .up = up, .is_ahead = m};
	int ret;

	j.m = m ? m : multipart_new(up->ctx, up->object, &attr);
	if (!j.m)
		return -ENOMEM;
	ret = run(&j);
	if (ret)
		memcpy(message, j.m->message, STORE_MESSAGE_BYTES);
	multipart_free(j.m);
	free(j.parts);
	return ret;
}
