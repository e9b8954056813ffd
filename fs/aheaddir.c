/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a listing's data file (core/base/vnode.h), read once. */
#include "fs/aheaddir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/vnode.h"
#include "core/context.h"
#include "core/memory.h"
#include "core/tally.h"
#include "fs/escape.h"
#include "fs/listing.h"

#define READ_BYTES   65536
#define RECORD_ALIGN 8 /* of core/base/vnode.h */

/* A record with its name. */
union record {
	struct vnode_dirent d;
	char bytes[sizeof(struct vnode_dirent) + ESCAPE_NAME_MAX + 1 + RECORD_ALIGN];
};

struct aheaddir *aheaddir_new(struct context *ctx, const char *prefix,
			      struct siblings_ledger *files, struct siblings_ledger *dirs,
			      struct siblings_ledger *names)
{
	struct listing *listing = listing_known(context_id(ctx), prefix);
	struct aheaddir *d;

	if (!listing)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d) {
		listing_put(listing);
		return NULL;
	}
	siblings_init(&d->files, files);
	siblings_init(&d->dirs, dirs);
	siblings_init(&d->names, names);
	d->ctx = ctx;
	d->listing = listing;
	d->prefix = strdup(prefix);
	d->prefix_len = strlen(prefix);
	d->fd = listing_path(listing) ? listing_open_data(listing, O_RDONLY) : -1;
	if (!d->prefix || d->fd < 0) {
		aheaddir_free(d);
		return NULL;
	}
	return d;
}

/* Counts what is known of it. */
static void charge(struct aheaddir *d, uint64_t bytes)
{
	memory_add(MEMORY_LISTINGS, (int64_t)bytes - (int64_t)d->charged);
	d->charged = bytes;
}

static uint64_t bytes_of(const struct siblings *s)
{
	return s->room * sizeof(*s->of) + s->count * (sizeof(*s->by_ino) + sizeof(*s->ino_rank));
}

static void charge_all(struct aheaddir *d)
{
	charge(d, bytes_of(&d->files) + bytes_of(&d->dirs) + bytes_of(&d->names));
}

void aheaddir_free(struct aheaddir *d)
{
	charge(d, 0);
	if (d->fd >= 0)
		close(d->fd);
	siblings_free(&d->files);
	siblings_free(&d->dirs);
	siblings_free(&d->names);
	listing_put(d->listing);
	job_put(d->job);
	free(d->prefix);
	free(d->after);
	free(d);
}

static bool is_dots(const union record *r)
{
	const char *name = r->bytes + sizeof(r->d);

	return name[0] == '.' && (r->d.name_len == 1 || (r->d.name_len == 2 && name[1] == '.'));
}

typedef int take_fn(struct aheaddir *d, const union record *r, uint32_t place, uint64_t file_bytes);

static int take_name(struct aheaddir *d, const union record *r, uint32_t place, uint64_t file_bytes)
{
	(void)file_bytes;
	return S_ISREG(r->d.mode) ? siblings_add(&d->names, r->d.ino, 0, place, false) : 0;
}

static int take_entry(struct aheaddir *d, const union record *r, uint32_t place,
		      uint64_t file_bytes)
{
	if (S_ISREG(r->d.mode))
		return siblings_add(&d->files, r->d.ino, r->d.size, place,
				    !r->d.size || r->d.size > file_bytes);
	if (S_ISDIR(r->d.mode) && !is_dots(r))
		return siblings_add(&d->dirs, r->d.ino, 0, place, false);
	return 0;
}

/* The records that are whole in a piece of the file. Returns how many bytes those are. */
static ssize_t take_records(struct aheaddir *d, const char *data, size_t bytes, uint64_t from,
			    take_fn *take, uint64_t file_bytes)
{
	size_t at = 0;

	while (bytes - at >= sizeof(struct vnode_dirent)) {
		union record r;
		int ret;

		memcpy(&r.d, data + at, sizeof(r.d));
		if (r.d.reclen < sizeof(r.d) || r.d.reclen > sizeof(r))
			return -EIO;
		if (r.d.reclen > bytes - at)
			break;
		memcpy(&r, data + at, r.d.reclen);
		ret = take(d, &r, (uint32_t)((from + at) / RECORD_ALIGN), file_bytes);
		if (ret && ret != -ENOSPC)
			return ret;
		at += r.d.reclen;
	}
	return at ? (ssize_t)at : -EIO;
}

/* What is shown beyond *loaded. Returns 1 when there was something, 0, or an error. */
static int load(struct aheaddir *d, uint64_t *loaded, take_fn *take, uint64_t file_bytes)
{
	uint64_t shown = listing_shown(d->listing);
	char data[READ_BYTES];

	if (*loaded >= shown)
		return 0;
	while (*loaded < shown) {
		size_t want = shown - *loaded < sizeof(data) ? shown - *loaded : sizeof(data);
		ssize_t n = pread(d->fd, data, want, (off_t)*loaded);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		n = take_records(d, data, (size_t)n, *loaded, take, file_bytes);
		if (n < 0)
			return (int)n;
		*loaded += (uint64_t)n;
	}
	return 1;
}

int aheaddir_load(struct aheaddir *d, uint64_t file_bytes)
{
	int ret = load(d, &d->loaded, take_entry, file_bytes);

	if (ret <= 0)
		return ret;
	ret = siblings_sort(&d->files);
	if (!ret)
		ret = siblings_sort(&d->dirs);
	charge_all(d);
	return ret;
}

int aheaddir_load_names(struct aheaddir *d)
{
	int ret = load(d, &d->named, take_name, 0);

	if (ret > 0) {
		ret = siblings_sort(&d->names);
		charge_all(d);
	}
	return ret;
}

int aheaddir_path(const struct aheaddir *d, const struct sibling *e, char out[WIRE_PATH_MAX])
{
	const char *path = listing_path(d->listing);
	union record r = {0};
	ssize_t n = pread(d->fd, &r, sizeof(r), (off_t)e->at * RECORD_ALIGN);
	int len;

	if (n < (ssize_t)sizeof(r.d) || r.d.ino != e->ino || r.d.name_len > ESCAPE_NAME_MAX)
		return n < 0 ? -errno : -EIO;
	len = snprintf(out, WIRE_PATH_MAX, "%s/%.*s", path, (int)r.d.name_len,
		       r.bytes + sizeof(r.d));
	return len < (int)WIRE_PATH_MAX ? 0 : -ENAMETOOLONG;
}
