/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a name, as the metadata cache works with it (struct metaentry) and as it keeps
 * it (struct metarec_entry): fields that few have stand only where they are, ETags that are
 * hexadecimal as bytes.
 */
#ifndef FS_METAPACK_H
#define FS_METAPACK_H

#include "fs/meta.h"
#include "fs/metarec.h"

/* A name, taken apart: "/"? directory leaf. */
struct metakey {
	const uint8_t *ctx;
	const char *dir, *leaf; /* into the name; dir up to a slash, or "" */
	size_t dir_len, leaf_len;
	bool is_own;	   /* meta_dir_name() */
	int number;	   /* of the context, of what is loaded; or METACTX_NONE */
	uint64_t dir_hash; /* metadir_find()'s */
	uint64_t hash;	   /* of the whole name, in no context */
};

struct metaentry {
	struct metakey key;
	uint32_t ref;		/* its record; 0: there is none (yet) */
	int64_t until_ns;	/* believed up to here */
	int64_t spare_until_ns; /* and once more up to here, of what is read; 0: not */
	int64_t read_until_ns;	/* of a directory: meta_read() */
	uint64_t size;
	int64_t mtime_ns;
	bool is_listed;	 /* a listing told so, and meta_take_listed() has not given that */
	bool was_kept;	 /* it has been given another round for what is expected of it */
	bool is_used;	 /* told of again since it was put where it stands */
	bool was_hidden; /* meta_hide() */
	bool is_ahead;	 /* what is known was fetched before anybody asked */
	bool is_told, is_link, has_xattr, has_foreign, has_mode, has_uid, has_gid, has_mtime;
	uint8_t kind;
	uint16_t mode;
	uint32_t uid, gid;
	char etag[STORE_ETAG_BYTES];
};

/* Of the longest name with the longest ETag. */
#define METAPACK_BYTES_MAX \
	((sizeof(struct metarec_entry) + 64 + STORE_ETAG_BYTES + META_NAME_MAX + 3) / 4 * 4)

struct metapack {
	_Alignas(8) unsigned char bytes[METAPACK_BYTES_MAX];
};

/* All but the links, the directory, and what is shown. Times lose up to 2^16 ns; that up to which
 * there is something to spare becomes at least until_ns, and at most 65 s more, and loses up to a
 * millisecond. */
void metapack_write(const struct metaentry *e, struct metapack *out);

/* All but the key and ref. */
void metapack_read(const struct metarec_entry *rec, struct metaentry *out);

/* The last part of the name, rec->head.leaf bytes. */
const char *metapack_leaf(const struct metarec_entry *rec);

bool metapack_is_own(const struct metarec_entry *rec);
int64_t metapack_read_until_ns(const struct metarec_entry *rec);

/* What an entry is kept for when room is wanted: see struct metaentry. */
bool metapack_was_kept(const struct metarec_entry *rec);
void metapack_set_kept(struct metarec_entry *rec);
int64_t metapack_spare_until_ns(const struct metarec_entry *rec);

#endif
