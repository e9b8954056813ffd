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

static int key_of(int fd, struct twin_key *key)
{
	struct stat st;
	int ret = (int)sys2(__NR_fstat, fd, &st);

	if (ret)
		return ret;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	*key = (struct twin_key){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (int64_t)st.st_mtime * NS_PER_S + (int64_t)st.st_mtime_nsec,
		.ctime_ns = (int64_t)st.st_ctime * NS_PER_S + (int64_t)st.st_ctime_nsec,
	};
	return 0;
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

/* Is it the twin of what is in fd? A file without a build-id is believed. */
static bool is_of(const struct twin_header *head, int fd)
{
	uint8_t id[TWIN_BUILD_ID_MAX];
	uint32_t n = head->build_id_bytes;

	return !n || (sys4(__NR_pread64, fd, id, n, head->build_id_offset) == (long)n &&
		      !memcmp(id, head->build_id, n));
}

/* Opens and checks the twin at path. -ENOENT: there is none, or no good one. */
static int open_checked(const char *path, int original, const struct twin_key *key,
			struct twin_header *head)
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

static uint32_t unheard; /* atomic: the daemon has not answered once; it is not waited for again */

int image_twin_open(int fd, struct twin_header *head)
{
	static const char folder[] = "/" TWIN_DIR "/";
	char path[WIRE_PATH_MAX];
	size_t len = strlen(rt.handoff.cache);
	struct request rq = {.op = WIRE_TWIN, .has_send_fd = true, .send_fd = fd};
	struct twin_key key;
	int ret = key_of(fd, &key);

	if (ret)
		return ret;
	if (len + sizeof(folder) + TWIN_NAME_BYTES + SUFFIX_BYTES > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, rt.handoff.cache, len);
	memcpy(path + len, folder, sizeof(folder));
	len += sizeof(folder) - 1;
	len += twin_name(&key, path + len);

	ret = open_checked(path, fd, &key, head);
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
	return ret ? ret : open_checked(path, fd, &key, head);
}
