/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See mapped.h. A record may outlive its mapping (one that another replaced): then its file counts
 * as changed once more than it was, which costs an upload and nothing else.
 */
#include "intercept/mapped.h"

#include <errno.h>
#include <linux/mman.h>

#include "intercept/fdtab.h"
#include "intercept/lock.h"
#include "intercept/notes.h"

/* Of a record without a mapping: no address of a program. */
#define UNSEEN (UINT64_C(1) << 63)

struct mapped {
	uint64_t from, end, offset;
	struct vfile *vf; /* with a reference */
	bool writable;
	struct mapped *next;
};

static struct lock mapped_lock; /* guards all below */
static struct mapped *mappings;
static struct mapped *spare;

static struct mapped *record_get(void)
{
	struct mapped *m;
	long at;

	if (!spare) {
		at = sys6(__NR_mmap, 0, PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (sys_failed(at))
			return NULL;
		for (size_t i = 0; i < PAGE_BYTES / sizeof(*m); i++) {
			m = (struct mapped *)at + i;
			m->next = spare;
			spare = m;
		}
	}
	m = spare;
	spare = m->next;
	return m;
}

static bool overlaps(const struct mapped *m, uint64_t from, uint64_t bytes)
{
	return m->from < from + bytes && from < m->end;
}

void mapped_begin(struct vfile *vf, uint64_t offset, uint64_t bytes)
{
	__atomic_store_n(&vf->notes->mapped, 1, __ATOMIC_SEQ_CST);
	notes_begin(vf, offset, bytes);
	notes_end(vf);
}

int mapped_add(uint64_t from, uint64_t bytes, struct vfile *vf, uint64_t offset, bool writable)
{
	struct mapped *m;

	lock_take(&mapped_lock);
	m = record_get();
	if (m) {
		vfile_ref(vf);
		*m = (struct mapped){from, from + bytes, offset, vf, writable, mappings};
		mappings = m;
	}
	lock_drop(&mapped_lock);
	return m ? 0 : -ENOMEM;
}

void mapped_protect(uint64_t from, uint64_t bytes)
{
	lock_take(&mapped_lock);
	for (struct mapped *m = mappings; m; m = m->next) {
		if (!overlaps(m, from, bytes) || m->writable)
			continue;
		m->writable = true;
		mapped_begin(m->vf, m->offset, m->end - m->from);
	}
	lock_drop(&mapped_lock);
}

bool mapped_any(uint64_t from, uint64_t bytes)
{
	const struct mapped *m;

	if (!__atomic_load_n(&mappings, __ATOMIC_RELAXED))
		return false;
	lock_take(&mapped_lock);
	for (m = mappings; m && !overlaps(m, from, bytes); m = m->next)
		;
	lock_drop(&mapped_lock);
	return m;
}

/* With the lock. */
static void count(const struct mapped *m)
{
	if (m->writable)
		mapped_begin(m->vf, m->offset, m->end - m->from);
}

/* The first record that overlaps, counted, its file with a reference; passed: so many before it
 * are done with. */
static struct vfile *counted_at(uint64_t from, uint64_t bytes, unsigned passed)
{
	struct vfile *vf = NULL;

	lock_take(&mapped_lock);
	for (struct mapped *m = mappings; m && !vf; m = m->next) {
		if (!overlaps(m, from, bytes) || passed-- > 0)
			continue;
		count(m);
		vf = m->vf;
		vfile_ref(vf);
	}
	lock_drop(&mapped_lock);
	return vf;
}

int mapped_sync(uint64_t from, uint64_t bytes, bool publish)
{
	struct vfile *vf;
	int ret = 0;

	for (unsigned i = 0; (vf = counted_at(from, bytes, i)); i++) {
		int now = publish ? notes_flush(vf) : 0;

		ret = ret ? ret : now;
		vfile_put(vf);
	}
	return ret;
}

int mapped_unseen(struct vfile *vf, uint64_t offset, uint64_t bytes)
{
	uint64_t end = offset + bytes;
	struct mapped *m;

	mapped_begin(vf, offset, bytes);
	lock_take(&mapped_lock);
	for (m = mappings; m && !(m->from == UNSEEN && m->vf == vf); m = m->next)
		;
	if (m && bytes) {
		uint64_t old_end = m->offset + (m->end - m->from);

		m->offset = offset < m->offset ? offset : m->offset;
		m->end = UNSEEN + ((end > old_end ? end : old_end) - m->offset);
	}
	lock_drop(&mapped_lock);
	return m ? 0 : mapped_add(UNSEEN, bytes, vf, offset, true);
}

static bool open_here(const struct vfile *vf, int but)
{
	struct vfile *other;

	for (int fd = -1; (fd = fdtab_next_writer(fd, &other)) >= 0;) {
		vfile_put(other);
		if (other == vf && fd != but)
			return true;
	}
	return false;
}

void mapped_closing(struct vfile *vf, int fd)
{
	struct mapped **at, *m;

	if (!__atomic_load_n(&mappings, __ATOMIC_RELAXED) || open_here(vf, fd))
		return;
	lock_take(&mapped_lock);
	for (at = &mappings; *at && !((*at)->from == UNSEEN && (*at)->vf == vf); at = &(*at)->next)
		;
	m = *at;
	if (m) {
		*at = m->next;
		m->next = spare;
		spare = m;
	}
	lock_drop(&mapped_lock);
	vfile_put(m ? vf : NULL);
}

/* Cuts [from, from + bytes) out of the first record that overlaps it. Its file, the reference
 * passed on, or NULL: none does. */
static struct vfile *cut(uint64_t from, uint64_t bytes)
{
	struct mapped **at = &mappings, *m, *tail;
	struct vfile *vf = NULL;
	uint64_t end = from + bytes;

	lock_take(&mapped_lock);
	while (*at && !overlaps(*at, from, bytes))
		at = &(*at)->next;
	m = *at;
	if (m) {
		count(m);
		vf = m->vf;
		vfile_ref(vf);
		tail = m->end > end ? record_get() : NULL;
		if (tail) {
			*tail = *m;
			tail->from = end;
			tail->offset += end - m->from;
			tail->next = m->next;
			m->next = tail;
			vfile_ref(vf);
		}
		m->end = m->from < from ? from : m->from;
		if (m->end == m->from) {
			*at = m->next;
			m->next = spare;
			spare = m;
			vfile_put(vf);
		}
	}
	lock_drop(&mapped_lock);
	return vf;
}

void mapped_gone(uint64_t from, uint64_t bytes)
{
	struct vfile *vf;

	while ((vf = cut(from, bytes))) {
		if (!open_here(vf, -1))
			notes_close_untold(vf);
		vfile_put(vf);
	}
}

/* A copy of the record that from lies in, with a reference to its file. */
static bool find(uint64_t from, struct mapped *out)
{
	const struct mapped *m;

	lock_take(&mapped_lock);
	for (m = mappings; m && !overlaps(m, from, 1); m = m->next)
		;
	if (m) {
		*out = *m;
		vfile_ref(m->vf);
	}
	lock_drop(&mapped_lock);
	return m;
}

int mapped_reach(uint64_t from, uint64_t bytes)
{
	struct mapped m;
	int ret;

	if (!find(from, &m))
		return 0;
	ret = vfile_ensure(m.vf, m.offset + (from - m.from), bytes, WIRE_ENSURE_PIN);
	vfile_put(m.vf);
	return ret;
}

int mapped_moved(uint64_t from, uint64_t bytes, uint64_t to, uint64_t to_bytes)
{
	struct mapped m;
	struct vfile *vf;
	int ret;

	if (!find(from, &m))
		return 0;
	while (bytes && (vf = cut(from, bytes)))
		vfile_put(vf);
	ret = mapped_add(to, to_bytes, m.vf, m.offset + (from - m.from), m.writable);
	vfile_put(m.vf);
	return ret;
}

void mapped_count(struct vfile *vf)
{
	if (!__atomic_load_n(&mappings, __ATOMIC_RELAXED))
		return;
	lock_take(&mapped_lock);
	for (const struct mapped *m = mappings; m; m = m->next)
		if (m->vf == vf)
			count(m);
	lock_drop(&mapped_lock);
}

void mapped_count_all(void)
{
	if (!__atomic_load_n(&mappings, __ATOMIC_RELAXED))
		return;
	lock_take(&mapped_lock);
	for (const struct mapped *m = mappings; m; m = m->next)
		count(m);
	lock_drop(&mapped_lock);
}

void mapped_fork_prepare(void)
{
	lock_take(&mapped_lock);
}

void mapped_fork_done(void)
{
	lock_drop(&mapped_lock);
}
