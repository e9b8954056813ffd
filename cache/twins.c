/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of originals and what is known of each. Files are renamed and removed with the lock
 * held, so that table and folder agree; they are read through and written without it. An entry's
 * serial changes with its twin: who has read a twin without the lock sees by it whether what he
 * found still concerns the twin that is there now.
 */
#include "cache/twins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/twintable.h"
#include "core/log.h"
#include "core/scope.h"

struct twintable twintable = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .dir_fd = -1};

static bool same_key(const struct twin_key *a, const struct twin_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static struct twin_entry **slot_of(const struct twin_key *key)
{
	uint64_t hash = (key->ino ^ key->dev << 32) * UINT64_C(0x9e3779b97f4a7c15);

	return &twintable.slot[hash >> (64 - TWINTABLE_SHIFT)];
}

struct twin_entry *twintable_find(const struct twin_key *key)
{
	struct twin_entry *e = *slot_of(key);

	while (e && !same_key(&e->key, key))
		e = e->next;
	return e;
}

struct twin_entry *twintable_get(const struct twin_key *key)
{
	struct twin_entry *e = twintable_find(key);
	struct twin_entry **slot = slot_of(key);

	if (e || twintable.count >= TWINS_MAX)
		return e;
	e = calloc(1, sizeof(*e));
	if (e) {
		e->key = *key;
		e->next = *slot;
		*slot = e;
		twintable.count++;
	}
	return e;
}

/* Counts the twin's sites in (sign 1) or out (-1). */
static void count_sites(const struct twin_entry *e, int sign)
{
	for (int i = 0; i < TWIN_METHODS; i++)
		twintable.stats.sites[i] += (uint64_t)((int64_t)e->sites[i] * sign);
	twintable.stats.left += (uint64_t)((int64_t)e->left * sign);
	twintable.stats.unproven += (uint64_t)((int64_t)e->unproven * sign);
	twintable.stats.present += (uint64_t)(int64_t)sign;
	twintable.stats.bytes += e->bytes * (uint64_t)(int64_t)sign;
}

void twintable_add_twin(struct twin_entry *e, const struct twin_header *head, const struct stat *st)
{
	e->has_twin = true;
	e->serial = ++twintable.serial;
	e->bytes = (uint64_t)st->st_blocks * 512;
	memcpy(e->sites, head->methods, sizeof(e->sites));
	e->left = head->left;
	e->unproven = head->unproven;
	count_sites(e, 1);
}

void twintable_remove_twin(struct twin_entry *e)
{
	if (!e->has_twin)
		return;
	/* the digest first: a twin without one is only believed in until the next boot */
	twinfile_remove(twintable.dir_fd, &e->key, TWINFILE_SUM);
	twinfile_remove(twintable.dir_fd, &e->key, TWINFILE_TWIN);
	count_sites(e, -1);
	e->has_twin = e->is_settled = e->is_checked = false;
	e->serial = ++twintable.serial;
	free(take_ptr(&e->path));
}

void twintable_forget(struct twin_entry *e)
{
	struct twin_entry **at = slot_of(&e->key);

	twintable_remove_twin(e);
	if (e->has_seen)
		twinfile_remove(twintable.dir_fd, &e->key, TWINFILE_SEEN);
	if (e->refused)
		twinfile_remove(twintable.dir_fd, &e->key, TWINFILE_NO);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e);
	twintable.count--;
}

/* What the file was before its last change does not come back. */
static void forget_older(const struct twin_key *key)
{
	struct twin_entry *e, *next;

	for (e = *slot_of(key); e; e = next) {
		next = e->next;
		if (e->key.dev == key->dev && e->key.ino == key->ino &&
		    e->key.ctime_ns < key->ctime_ns)
			twintable_forget(e);
	}
}

int twins_find(const struct twin_key *key)
{
	struct twin_header head;
	struct twin_entry *e;
	struct stat st;
	bool is_checked = true;
	int ret = 0;
	int fd;

	pthread_mutex_lock(&twintable.lock);
	e = twintable_find(key);
	if (e && e->refused && clock_ns() < e->refused_until_ns)
		ret = e->refused;
	else if (!e || !e->has_twin)
		ret = 1;
	else
		is_checked = e->is_checked;
	pthread_mutex_unlock(&twintable.lock);
	if (ret)
		return ret;

	/* somebody who could have opened it asks: what is wrong with it? */
	fd = twinfile_open(twintable.dir_fd, key, &head, &st);
	if (fd < 0) {
		twintable_discard(key, fd);
		return 1;
	}
	close(fd);
	return is_checked || !twintable_check(key) ? 0 : 1;
}

bool twins_is_of(const struct twin_key *key, int fd)
{
	uint8_t id[TWIN_BUILD_ID_MAX];
	struct twin_header head;
	struct stat st;
	int twin_fd = twinfile_open(twintable.dir_fd, key, &head, &st);
	uint32_t n;

	if (twin_fd < 0)
		return false;
	close(twin_fd);
	n = head.build_id_bytes;
	if (!n || (pread(fd, id, n, (off_t)head.build_id_offset) == (ssize_t)n &&
		   !memcmp(id, head.build_id, n)))
		return true;
	twintable_discard(key, -EBADF);
	return false;
}

void twintable_discard(const struct twin_key *key, int why)
{
	struct twin_entry *e;

	pthread_mutex_lock(&twintable.lock);
	e = twintable_find(key);
	if (e && e->has_twin) {
		if (why == -EBADF)
			log_warn("twins: a damaged one was discarded");
		twintable_remove_twin(e);
		twintable.stats.discarded++;
	}
	pthread_mutex_unlock(&twintable.lock);
}

int twins_draft(struct twins_draft *out)
{
	int fd = twinfile_create(twintable.dir_fd, out->name);

	if (fd < 0)
		return fd;
	out->fd = fd;
	return 0;
}

void twins_drop(struct twins_draft *draft)
{
	close(draft->fd);
	unlinkat(twintable.dir_fd, draft->name, 0);
}

int twins_seen(const struct twin_key *key, uint64_t **out)
{
	return twinfile_read_seen(twintable.dir_fd, key, out);
}

/* With the lock. */
static int install(const struct twins_draft *draft, const struct twin_key *key, char **path,
		   const struct twin_header *head)
{
	char name[TWINFILE_NAME_BYTES];
	struct twin_entry *e;
	struct stat st;

	forget_older(key);
	e = twintable_get(key);
	if (!e)
		return -ENOSPC;
	if (fstat(draft->fd, &st))
		return -errno;
	twintable_remove_twin(e);
	twinfile_name(key, TWINFILE_TWIN, name);
	if (renameat(twintable.dir_fd, draft->name, twintable.dir_fd, name))
		return -errno;
	if (e->refused)
		twinfile_remove(twintable.dir_fd, key, TWINFILE_NO);
	e->refused = 0;
	free(e->path);
	e->path = take_ptr(path);
	twintable_add_twin(e, head, &st);
	e->is_checked = true;
	return 0;
}

int twins_install(struct twins_draft *draft, const struct twin_key *key, const char *path, int seen,
		  int64_t build_ns)
{
	struct twin_header head;
	int ret = twinfile_check(draft->fd, key, &head);
	SCOPE_FREE uint64_t *now = NULL;
	SCOPE_FREE char *copy = strdup(path); /* NULL: as if it were not known */

	pthread_mutex_lock(&twintable.lock);
	if (!ret && twins_seen(key, &now) > seen)
		ret = -EAGAIN;
	if (!ret)
		ret = install(draft, key, &copy, &head);
	if (!ret) {
		twintable.stats.made++;
		twintable.stats.build_ns += (uint64_t)build_ns;
		pthread_cond_signal(&twintable.wake);
	}
	pthread_mutex_unlock(&twintable.lock);
	if (ret) {
		twins_drop(draft);
		return ret;
	}
	close(draft->fd);
	twintable_make_room();
	return 0;
}

void twins_refuse(const struct twin_key *key, int error)
{
	bool for_ever = error == -ENOEXEC || error == -E2BIG || error == -ETIMEDOUT ||
			error == -EIO;
	struct twin_entry *e;

	pthread_mutex_lock(&twintable.lock);
	twintable.stats.refused++;
	forget_older(key);
	e = for_ever || error == -ENOSPC ? twintable_get(key) : NULL;
	if (e) {
		e->refused = error;
		e->refused_until_ns = for_ever ? INT64_MAX
					       : clock_ns() + TWINS_RETRY_S * CLOCK_NS_PER_S;
		if (for_ever)
			twinfile_mark_no(twintable.dir_fd, key);
	}
	pthread_mutex_unlock(&twintable.lock);
	twintable_make_room();
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* With the lock. */
static int record(struct twin_entry *e, uint64_t offset)
{
	SCOPE_FREE uint64_t *seen = NULL;
	int count = twins_seen(&e->key, &seen);
	int ret;

	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		if (seen[i] == offset)
			return 0; /* a twin made since leaves it: making another changes nothing */
	}
	if (count == TWINFILE_SEEN_MAX)
		return -ENOSPC;
	seen[count++] = offset;
	qsort(seen, (size_t)count, sizeof(*seen), compare);
	ret = twinfile_write_seen(twintable.dir_fd, &e->key, seen, (size_t)count);
	if (ret)
		return ret;
	e->has_seen = true;
	twintable.stats.trapped++;
	twintable_remove_twin(e);
	return 0;
}

int twins_trapped(const struct twin_key *key, uint64_t offset)
{
	struct twin_entry *e;
	int ret = -ENOENT;

	if (key->size < 2 || offset > key->size - 2)
		return -EINVAL;
	pthread_mutex_lock(&twintable.lock);
	e = twintable_find(key);
	if (e && (e->has_twin || e->has_seen))
		ret = record(e, offset);
	pthread_mutex_unlock(&twintable.lock);
	return ret;
}

uint64_t twins_charge(void)
{
	uint64_t bytes;

	pthread_mutex_lock(&twintable.lock);
	bytes = twintable.stats.bytes < twintable.charge_max ? twintable.stats.bytes
							     : twintable.charge_max;
	pthread_mutex_unlock(&twintable.lock);
	return bytes;
}

void twins_stats(struct twins_stats *out)
{
	pthread_mutex_lock(&twintable.lock);
	*out = twintable.stats;
	pthread_mutex_unlock(&twintable.lock);
}
