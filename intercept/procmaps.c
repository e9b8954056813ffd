/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See procmaps.h. A twin stands for its original in part of an image only; the image's other
 * mappings name the original, so the text tells all that is needed.
 */
#include "intercept/procmaps.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <string.h>

#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/vfile.h"

#define TEXT_FIRST	(256ul * 1024)
#define TEXT_MAX	(64ul * 1024 * 1024)
#define CLOUD_DEVICE	"00:5ca1 " /* as stat(2) tells it: sys_stat.c */
#define STARTING_STEPS	10	   /* each twice as long as the one before: a second in all */
#define STARTING_NS	1000000L
#define PROC_NAME_BYTES 64 /* /proc/PID/task/TID/stat and less */
#define FIELDS		5  /* range, permissions, offset, device, inode; then the name */

/* The whole of a /proc file: a mapping of `bytes`, of which `used` hold text. */
struct text {
	char *at;
	size_t bytes, used;
};

/* One line "start-end perms offset dev inode   name". */
struct line {
	const char *at, *end; /* end: the newline */
	uint64_t start, stop;
	const char *device; /* the device and inode fields, up to name */
	const char *inode;
	const char *name; /* == end when there is none */
};

static void text_free(struct text *t)
{
	if (t->at)
		sys2(__NR_munmap, t->at, t->bytes);
	t->at = NULL;
}

static int text_read_once(struct text *t, const char *path)
{
	long fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0), n = 1;
	long at;

	if (fd < 0)
		return (int)fd;
	/* Shared: it has a line of its own among the mappings. */
	at = sys6(__NR_mmap, 0, t->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		  0);
	t->at = sys_failed(at) ? NULL : (char *)at;
	t->used = 0;
	while (t->at && t->used < t->bytes && n > 0) {
		n = sys3(__NR_read, fd, t->at + t->used, t->bytes - t->used);
		t->used += n > 0 ? (size_t)n : 0;
	}
	sys1(__NR_close, fd);
	if (!t->at)
		return -ENOMEM;
	return n < 0 ? (int)n : t->used < t->bytes ? 0 : -E2BIG;
}

static int text_read(struct text *t, const char *path)
{
	int ret = -E2BIG;

	for (t->bytes = TEXT_FIRST; ret == -E2BIG && t->bytes <= TEXT_MAX; t->bytes *= 4) {
		ret = text_read_once(t, path);
		if (!ret)
			return 0;
		text_free(t);
	}
	return ret;
}

static uint64_t number(const char **at, const char *end)
{
	uint64_t value = 0;

	for (; *at < end; (*at)++) {
		char c = **at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	return value;
}

/* Parses the line at `at`. False: it is none that begins a mapping (smaps has others). */
static bool parse(const char *at, const char *limit, struct line *out)
{
	const char *s = at;

	out->at = at;
	out->end = at;
	while (out->end < limit && *out->end != '\n')
		out->end++;
	out->start = number(&s, out->end);
	if (s == at || s == out->end || *s++ != '-')
		return false;
	out->stop = number(&s, out->end);
	for (int field = 1; field < FIELDS; field++) {
		while (s < out->end && *s != ' ')
			s++;
		while (s < out->end && *s == ' ')
			s++;
		if (field == FIELDS - 2)
			out->device = s;
		if (field == FIELDS - 1)
			out->inode = s;
	}
	while (s < out->end && *s != ' ')
		s++;
	while (s < out->end && *s == ' ')
		s++;
	out->name = s;
	return true;
}

/* What stands in the cache directory behind its name, or NULL. */
static const char *in_cache(const struct line *line)
{
	const char *cache = rt.handoff.cache;
	size_t len = strlen(cache);

	if ((size_t)(line->end - line->name) <= len || memcmp(line->name, cache, len) != 0 ||
	    line->name[len] != '/')
		return NULL;
	return line->name + len + 1;
}

static bool is_twin(const struct line *line)
{
	const char *name = in_cache(line);

	return name && (size_t)(line->end - name) > sizeof(TWIN_DIR) &&
	       !memcmp(name, TWIN_DIR "/", sizeof(TWIN_DIR));
}

/* A line of the image that names its original. */
static bool original_line(const struct text *t, const struct image_twin *image, struct line *out)
{
	const char *limit = t->at + t->used;

	for (const char *at = t->at; at < limit; at = out->end + 1)
		if (parse(at, limit, out) && out->start >= image->from && out->stop <= image->end &&
		    out->name < out->end && *out->name == '/' && !is_twin(out))
			return true;
	return false;
}

static void put(int fd, const char *from, const char *to)
{
	while (from < to) {
		long n = sys3(__NR_write, fd, from, to - from);

		if (n <= 0)
			return;
		from += n;
	}
}

static uint64_t decimal(const char *at)
{
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

/* A mapping of a cloud file: named as the program named it. False: it is none. */
static bool put_cloud(int fd, const struct line *line)
{
	char text[WIRE_PATH_MAX + 64], *at = text;
	struct vfile *vf;
	struct stat st;

	if (sys2(__NR_stat, rt.handoff.cache, &st))
		return false;
	vf = vfile_find(st.st_dev, decimal(line->inode));
	if (!vf || !vf->vn) {
		vfile_put(vf);
		return false;
	}
	memcpy(at, CLOUD_DEVICE, sizeof(CLOUD_DEVICE) - 1);
	at += sizeof(CLOUD_DEVICE) - 1;
	at += path_format_wide(vf->vn->attr.ino, at);
	*at++ = ' ';
	at += dir_absolute(vnode_path(vf->vn), at) - 1;
	vfile_put(vf);
	put(fd, line->at, line->device);
	put(fd, text, at);
	return true;
}

/* The same for a twin: what it stands for. */
static bool put_original(const struct text *t, int fd, const struct line *line)
{
	const struct image_twin *image = image_at(line->start);
	struct line original = {0};

	if (!image || !original_line(t, image, &original))
		return false;
	put(fd, line->at, line->device);
	put(fd, original.device, original.end);
	return true;
}

/* Memory without a name: trampolines, tables. That the place is taken is no secret, or a program
 * would map there. */
static void put_nameless(int fd, const struct line *line)
{
	static const char nameless[] = "00000000 00:00 0 ";
	const char *modes = line->at;

	while (*modes != ' ')
		modes++;
	put(fd, line->at, modes + sizeof(" r-xp"));
	put(fd, nameless, nameless + sizeof(nameless) - 1);
}

/* Copies the text to fd. What is in the cache directory is shown as what it stands for. What holds
 * the text itself is gone when the program looks. */
static void render(const struct text *t, int fd)
{
	const char *limit = t->at + t->used, *from = t->at;
	bool hidden = false;
	struct line line = {0};

	for (const char *at = t->at; at < limit; at = line.end + 1) {
		bool begins = parse(at, limit, &line);

		if (begins && hidden) { /* what came before belongs to a hidden mapping */
			hidden = false;
			from = at;
		}
		if (!begins)
			continue;
		hidden = line.start == (uint64_t)t->at;
		if (!hidden && !in_cache(&line))
			continue;
		put(fd, from, at);
		from = line.end;
		if (!hidden &&
		    !(is_twin(&line) ? put_original(t, fd, &line) : put_cloud(fd, &line)))
			put_nameless(fd, &line);
	}
	if (!hidden)
		put(fd, from, limit);
}

bool procmaps_shown_by(const char *self)
{
	if (!strncmp(self, "task/", 5)) {
		self = strchr(self + 5, '/');
		if (!self++)
			return false;
	}
	return !strcmp(self, "maps") || !strcmp(self, "smaps");
}

static size_t proc_path(const char *self, char *out)
{
	static const char folder[] = "/proc/self/";
	size_t len = strlen(self);

	memcpy(out, folder, sizeof(folder) - 1);
	memcpy(out + sizeof(folder) - 1, self, len + 1);
	return sizeof(folder) - 1 + len;
}

long procmaps_open(const char *self, unsigned flags)
{
	char path[128];
	struct text t;
	long fd;
	int ret;

	if (!image_next(NULL) || flags & (O_WRONLY | O_RDWR | O_PATH | O_DIRECTORY) ||
	    strlen(self) > sizeof(path) / 2)
		return -ENOSYS;
	proc_path(self, path);
	ret = text_read(&t, path);
	if (ret)
		return ret;
	fd = sys2(__NR_memfd_create, "maps", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd >= 0) {
		render(&t, (int)fd);
		sys3(__NR_lseek, fd, 0, 0);
	}
	text_free(&t);
	return fd;
}

size_t procmaps_image_path(const struct image_twin *image, char *out)
{
	struct line line = {0};
	struct text t;
	size_t len = 0;

	if (text_read(&t, "/proc/self/maps"))
		return 0;
	if (original_line(&t, image, &line) && (size_t)(line.end - line.name) < WIRE_PATH_MAX) {
		len = (size_t)(line.end - line.name);
		memcpy(out, line.name, len);
	}
	text_free(&t);
	return len;
}

/* The program's extent in memory, as the runtime has told the kernel: fields 26 and 27 of
 * proc_pid_stat(5). */
static bool code_of(const char *path, uint64_t *from_out, uint64_t *to_out)
{
	char text[1024];
	long fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0), n;
	const char *at;

	if (fd < 0)
		return false;
	n = sys3(__NR_read, fd, text, sizeof(text) - 1);
	sys1(__NR_close, fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')'); /* the second field may hold any byte */
	for (int field = 2; at && field < 26; field++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	if (!at || !strchr(at, ' '))
		return false;
	*from_out = decimal(at);
	*to_out = decimal(strchr(at, ' ') + 1);
	return true;
}

/* The file that is mapped in [from, to), the twin of one left aside. */
static size_t file_between(const struct text *t, uint64_t from, uint64_t to, char *out)
{
	const char *limit = t->at + t->used;
	struct line line = {0};

	for (const char *at = t->at; at < limit; at = line.end + 1) {
		size_t len;

		if (!parse(at, limit, &line) || line.start < from || line.start >= to ||
		    line.name == line.end || *line.name != '/' || in_cache(&line))
			continue;
		len = (size_t)(line.end - line.name);
		if (len >= WIRE_PATH_MAX)
			return 0;
		memcpy(out, line.name, len);
		out[len] = '\0';
		return len;
	}
	return 0;
}

/* The same, of the process whose folder is path (stem bytes, with room for more). */
static size_t program_of(char *path, size_t stem, char *out)
{
	uint64_t from, to;
	struct text t;
	size_t len;

	memcpy(path + stem, "/stat", sizeof("/stat"));
	if (!code_of(path, &from, &to))
		return 0;
	memcpy(path + stem, "/maps", sizeof("/maps"));
	if (text_read(&t, path))
		return 0;
	len = file_between(&t, from, to, out);
	text_free(&t);
	return len;
}

/* The process whose exe is name: /proc/PID/exe. */
static __attribute__((noinline)) size_t exe_of(const char *name, size_t stem, char *out)
{
	int64_t step[2] = {0, STARTING_NS};
	char runtime[WIRE_PATH_MAX], path[PROC_NAME_BYTES];
	long n = sys3(__NR_readlink, name, out, WIRE_PATH_MAX - 1);
	size_t len = 0;

	if (n <= 0 || sys3(__NR_readlink, "/proc/self/exe", runtime, sizeof(runtime)) != n ||
	    memcmp(out, runtime, (size_t)n) != 0)
		return 0;
	memcpy(path, name, stem);
	for (int i = 0; i < STARTING_STEPS; i++) {
		len = program_of(path, stem, out);
		if (len != (size_t)n || memcmp(out, runtime, len) != 0)
			return len;
		sys2(__NR_nanosleep, step, 0); /* its runtime has not loaded it yet */
		step[1] *= 2;
	}
	return len;
}

size_t procmaps_exe(const char *name, char *out)
{
	static const char end[] = "/exe";
	size_t len = strlen(name), stem = len - (sizeof(end) - 1);

	if (len < sizeof(end) || len + 2 > PROC_NAME_BYTES || strncmp(name, "/proc/", 6) != 0 ||
	    name[6] < '1' || name[6] > '9' || strcmp(name + stem, end) != 0)
		return 0;
	return exe_of(name, stem, out);
}
