/* SPDX-License-Identifier: Apache-2.0 */
/* Between a file and its twin: finding the twin, and going back to the original. */
#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <string.h>

#include "intercept/image.h"
#include "intercept/procmaps.h"
#include "intercept/request.h"
#include "intercept/thread.h"

#define NS_PER_S     1000000000L
#define SUFFIX_BYTES 8
#define NO_TWIN	     ".no" /* an empty file beside where the twin would be: there can be none */

static struct twin_key key_in(const struct stat *st)
{
	return (struct twin_key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtime * NS_PER_S + (int64_t)st->st_mtime_nsec,
		.ctime_ns = (int64_t)st->st_ctime * NS_PER_S + (int64_t)st->st_ctime_nsec,
	};
}

static int key_of(int fd, struct twin_key *key)
{
	struct stat st;
	int ret = (int)sys2(__NR_fstat, fd, &st);

	if (ret)
		return ret;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	*key = key_in(&st);
	return 0;
}

bool image_is_of(const struct image_twin *i, const struct stat *st)
{
	struct twin_key key = key_in(st);

	return S_ISREG(st->st_mode) && !memcmp(&key, &i->head.key, sizeof(key));
}

void image_revert(struct image_twin *i)
{
	char path[WIRE_PATH_MAX];
	size_t len = procmaps_image_path(i, path);
	struct twin_key key;
	long fd;

	i->dirty = true;
	if (!len || len >= sizeof(path))
		return;
	path[len] = '\0';
	fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	for (uint32_t n = 0; !key_of((int)fd, &key) && n < i->head.segment_count; n++) {
		const struct twin_segment *s = &i->head.segment[n];
		uint64_t from, to;

		if (!memcmp(&key, &i->head.key, sizeof(key)) && image_text(i, n, &from, &to))
			sys6(__NR_mmap, from, to - from, PROT_READ | PROT_EXEC,
			     MAP_PRIVATE | MAP_FIXED, fd,
			     s->offset + (from - i->base - (s->vaddr - i->head.low)));
	}
	sys1(__NR_close, fd);
}

/* Is it the twin of what is in f's file? A file without a build-id is believed. */
static bool is_of(const struct twin_header *head, const struct load_front *f)
{
	uint8_t id[TWIN_BUILD_ID_MAX];
	uint32_t n = head->build_id_bytes;

	return !n ||
	       (!load_read(f, id, n, head->build_id_offset) && !memcmp(id, head->build_id, n));
}

/* Opens and checks the twin at path. -ENOENT: there is none, or no good one. */
static int open_checked(const char *path, const struct load_front *original,
			const struct twin_key *key, struct twin_header *head)
{
	struct stat st;
	long fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (fd < 0)
		return (int)fd;
	if (sys2(__NR_fstat, fd, &st) ||
	    sys4(__NR_pread64, fd, head, sizeof(*head), TWIN_TAIL(key->size)) != sizeof(*head) ||
	    !twin_valid(head, key, (uint64_t)st.st_size) || !is_of(head, original)) {
		sys1(__NR_close, fd);
		return -ENOENT;
	}
	return (int)fd;
}

/* The twin's path at out (WIRE_PATH_MAX bytes), with room for SUFFIX_BYTES behind it. Its length,
 * or 0: it is too long. */
static size_t path_of(const struct twin_key *key, char *out)
{
	static const char folder[] = "/" TWIN_DIR "/";
	size_t len = strlen(rt.handoff.cache);

	if (len + sizeof(folder) + TWIN_NAME_BYTES + SUFFIX_BYTES > WIRE_PATH_MAX)
		return 0;
	memcpy(out, rt.handoff.cache, len + 1);
	memcpy(out + len, folder, sizeof(folder));
	len += sizeof(folder) - 1;
	return len + twin_name(key, out + len);
}

/* The very twin that the image is of, or a negative errno. */
static int open_same(const struct image_twin *i)
{
	char *path = thread_current()->name;
	struct twin_header head;
	long fd;

	if (!path_of(&i->head.key, path))
		return -ENAMETOOLONG;
	fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return (int)fd;
	if (sys4(__NR_pread64, fd, &head, sizeof(head), TWIN_TAIL(i->head.key.size)) ==
		    sizeof(head) &&
	    !memcmp(&head, &i->head, sizeof(head)))
		return (int)fd;
	sys1(__NR_close, fd);
	return -ENOENT;
}

int image_twin_again(const struct image_twin *i, int fd)
{
	struct twin_key key;
	int ret = key_of(fd, &key);

	if (ret || memcmp(&key, &i->head.key, sizeof(key)) != 0)
		return ret ? ret : -ENOENT;
	return open_same(i);
}

bool image_follow(const struct image_twin *i, uint64_t from, uint64_t to, uint64_t bytes)
{
	bool done;
	int fd;

	if (!i->sites || !image_has_text(i, from, bytes))
		return true;
	fd = open_same(i);
	if (fd < 0)
		return false;
	done = image_add_piece(fd, &i->head, i->base + (to - from), to, bytes);
	sys1(__NR_close, fd);
	return done;
}

static uint32_t unheard; /* atomic: the daemon has not answered once; it is not waited for again */

int image_twin_open(int fd, const struct load_front *front, struct twin_header *head)
{
	char *path = thread_current()->name;
	size_t len;
	struct request rq = {.op = WIRE_TWIN, .has_send_fd = true, .send_fd = fd};
	struct load_front none;
	struct twin_key key;
	int ret = key_of(fd, &key);

	if (ret)
		return ret;
	if (!front) {
		none.fd = fd;
		none.used = 0;
		front = &none;
	}
	len = path_of(&key, path);
	if (!len)
		return -ENAMETOOLONG;

	ret = open_checked(path, front, &key, head);
	if (ret != -ENOENT)
		return ret;
	memcpy(path + len, NO_TWIN, sizeof(NO_TWIN));
	if (!sys2(__NR_access, path, 0))
		return -ENOEXEC;
	path[len] = '\0';
	if (!rt.handoff.sock[0] || __atomic_load_n(&unheard, __ATOMIC_RELAXED))
		return -ETIMEDOUT;
	ret = request_run(&rq);
	if (ret == -ETIMEDOUT)
		__atomic_store_n(&unheard, 1, __ATOMIC_RELAXED);
	return ret ? ret : open_checked(path, front, &key, head);
}
