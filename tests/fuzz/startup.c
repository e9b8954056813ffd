/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-startup SECONDS SEED DIR: what a daemon finds in its cache directory and reads: journals,
 * notes and names of drafts, block maps, what listings do not tell, twins' companions, the mapped
 * tables. Of each kind one is made by those who write it; damaged copies are then read by those who
 * read it. What the sanitizers see ends the program, and so does what a reader lets pass though its
 * header says otherwise. The damage depends only on SEED and a copy's number, which is printed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache/blocks.h"
#include "cache/linkfile.h"
#include "cache/notes.h"
#include "cache/pair.h"
#include "cache/twinfile.h"
#include "core/log.h"
#include "fs/attrfile.h"
#include "fs/begun.h"
#include "fs/deeds.h"
#include "fs/gonelog.h"
#include "fs/meta.h"
#include "fs/moverecord.h"
#include "fs/untold.h"
#include "tests/fuzz/damage.h"

#define NAME	     "00112233445566778899aabbccddeeff-0123456789abcdef"
#define MOVE	     "00000000000000ab"
#define OBJECT	     "s3/b/dir/some-name"
#define FILE_MAX     (1u << 20)
#define DAMAGE_MAX   6u
#define SLOW_SECONDS 20u

static const uint8_t ctx[WIRE_CTX_BYTES] = {0xa5, 1, 2, 3};
static const struct twin_key twin = {.dev = 1, .ino = 2, .size = 3};
static int dir_fd;
static unsigned long number, whole;

static void wrong(const char *what)
{
	fprintf(stderr, "copy %lu: %s\n", number, what);
	abort();
}

static void must(bool is, const char *what)
{
	if (!is)
		wrong(what);
}

static struct pair_about about(const struct wire_attr *attr)
{
	return (struct pair_about){VNODE_FILE, ctx,	attr, "s3/b/dir/some-name",
				   OBJECT,     "\"e\"", true};
}

/* --- the notes of a draft --- */

static void make_notes(void)
{
	struct notes n;

	must(!notes_create(dir_fd, NAME, 200, &n), "notes");
	strcpy(n.journal->object, OBJECT);
	n.shm->magic = DRAFT_MAGIC;
	notes_close(&n);
}

static void use_notes(struct notes *n)
{
	uint64_t *dirty;

	must(strlen(n->journal->object) < NOTES_OBJECT_MAX &&
		     strlen(n->journal->upload) < NOTES_UPLOAD_MAX &&
		     strlen(n->journal->xattr) < DRAFT_XATTR_MAX,
	     "a string has no end");
	notes_mend(n);
	must(!notes_copy_dirty(n, &dirty), "marks");
	free(dirty);
	draft_begin(n->shm, 1 << 20, 1 << 20);
	draft_end(n->shm);
}

static bool read_notes(void)
{
	char object[NOTES_OBJECT_MAX];
	struct notes n;
	bool is = !notes_open(dir_fd, NAME, &n);

	if (is)
		use_notes(&n);
	if (is)
		notes_close(&n);
	notes_object(dir_fd, NAME, object);
	notes_are_half_made(dir_fd, NAME);
	return is;
}

/* --- of one that was made here, with its block map before them --- */

static void make_both(void)
{
	struct wire_attr attr = {.mode = S_IFREG | 0644};
	struct pair_about what = about(&attr);
	struct notes n;
	struct pair p;

	must(!notes_create_pair(dir_fd, NAME, &what, &p, &n), "a pair");
	strcpy(n.journal->object, OBJECT);
	n.shm->magic = DRAFT_MAGIC;
	pair_close(&p);
	notes_close(&n);
}

static void use_pair(const struct pair *p)
{
	uint64_t blocks = blocks_of(p->vn->attr.size);

	must(strlen(vnode_path(p->vn)) == p->vn->path_len, "a path has no end");
	must(strlen(p->tail->object) <= p->tail->object_len, "an object has no end");
	must(strlen(p->tail->etag) < STORE_ETAG_BYTES, "an ETag has no end");
	must(blocks_count(p->vn) <= blocks, "more blocks than there are");
	blocks_set(p->vn, blocks / 2, blocks);
	blocks_clear(p->vn, 0, blocks);
}

static bool read_both(void)
{
	struct pair p;
	struct notes n;
	bool is = false;

	if (notes_open(dir_fd, NAME, &n))
		return false;
	use_notes(&n);
	if (n.vn && !pair_open_with(dir_fd, NAME, n.vn, n.vnode_bytes, &p)) {
		use_pair(&p);
		pair_close(&p);
		is = true;
	}
	notes_close(&n);
	return is;
}

/* --- a block map --- */

static void make_pair(void)
{
	struct wire_attr attr = {.mode = S_IFREG | 0644, .size = 100 * VNODE_BLOCK_BYTES + 7};
	struct pair_about what = about(&attr);
	struct pair p;

	must(!pair_create(dir_fd, NAME, &what, &p), "a pair");
	pair_close(&p);
}

static bool read_pair(void)
{
	struct pair p;

	if (pair_open(dir_fd, NAME, &p))
		return false;
	use_pair(&p);
	pair_close(&p);
	return true;
}

/* --- names --- */

static void make_links(void)
{
	struct linkfile lf = {0};

	for (int i = 0; i < 3; i++) {
		long at = linkfile_room(dir_fd, NAME, &lf);

		must(at >= 0, "names");
		snprintf(lf.slots[at].object, CACHE_OBJECT_MAX, "s3/b/%d", i);
		linkfile_use(&lf.slots[at], true);
	}
	linkfile_close(&lf);
}

static bool read_links(void)
{
	struct linkfile lf;

	if (linkfile_open(dir_fd, NAME, &lf))
		return false;
	for (size_t i = 0; i < lf.count; i++)
		must(!linkfile_is_used(&lf.slots[i]) ||
			     strlen(lf.slots[i].object) < CACHE_OBJECT_MAX,
		     "a name has no end");
	linkfile_close(&lf);
	return true;
}

/* --- journals --- */

static struct movelog *blank_move(void)
{
	struct movelog *log = calloc(1, sizeof(*log));

	must(log, "memory");
	strcpy(log->name, MOVE);
	log->fd = -1;
	return log;
}

static void make_move(void)
{
	struct movelog *log = blank_move();
	char key[40];

	memcpy(log->ctx, ctx, sizeof(ctx));
	strcpy(log->from, "s3/b/d/");
	strcpy(log->to, "s3/b/e/");
	log->is_exchange = log->is_dir[0] = true;
	log->fd = openat(dir_fd, MOVE, O_RDWR | O_CREAT | O_APPEND, 0600);
	must(!moverecord_begin(log), "a move");
	moverecord_where(log, "https://here");
	must(!moverecord_leg(log, 1, false, 0), "a leg");
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "d/%d", i);
		moverecord_copied(log, key, "\"1\"", "\"2\"");
	}
	must(!moverecord_deletes(log), "a move");
	moverecord_parked(log, -EIO, "why");
	must(!moverecord_over(log, -EIO), "a move");
	moverecord_free(log);
}

static bool read_move(void)
{
	struct movelog *log = blank_move();
	bool is = !moverecord_read(dir_fd, log);

	moverecord_find(log, "d/1", "\"1\"");
	moverecord_is_copy(log, "d/2", "\"2\"");
	must(strlen(log->from) < NAME_OBJECT_MAX && strlen(log->to) < NAME_OBJECT_MAX &&
		     log->leg <= MOVELOG_LEGS_MAX,
	     "a move");
	moverecord_free(log);
	return is;
}

static void make_gone(void)
{
	struct gonelog_left *left;
	struct gonelog_begun begun = {.ctx = ctx, .pid = 7, .asked_s = 1, .etag = "\"e\""};
	uint64_t serial[8];
	char object[40];

	must(!gonelog_start(dir_fd, &left) && !left, "removals");
	for (int i = 0; i < 8; i++) {
		snprintf(object, sizeof(object), "s3/b/x/%d", i);
		begun.object = object;
		must(!gonelog_add(&begun), "a removal");
		serial[i] = begun.serial;
	}
	must(!gonelog_refused(serial[2], -EACCES, "no"), "a removal");
	gonelog_done(serial + 5, 2);
	gonelog_stop();
}

static bool read_gone(void)
{
	struct gonelog_left *left, *next;
	bool is = !gonelog_start(dir_fd, &left);

	for (; left; left = next) {
		next = left->next;
		must(strlen(left->object) < NAME_OBJECT_MAX, "an object");
		free(left);
	}
	gonelog_stop();
	return is;
}

static void make_begun(void)
{
	int folder, fd;
	static const char text[] = "a5010203000000000000000000000000\0s3/b/k\0id\0"
				   "1700000000\0known";

	mkdirat(dir_fd, "uploads", 0700);
	folder = openat(dir_fd, "uploads", O_RDONLY | O_DIRECTORY);
	fd = openat(folder, MOVE, O_WRONLY | O_CREAT, 0600);
	must(write(fd, text, sizeof(text)) == sizeof(text), "an upload");
	close(fd);
	close(folder);
}

static int count_begun(void *arg, const struct begun_left *left)
{
	(void)left;
	++*(unsigned *)arg;
	return 0;
}

static bool read_begun(void)
{
	unsigned n = 0;

	must(!begun_start(dir_fd), "uploads");
	begun_each(count_begun, &n);
	begun_stop();
	return n;
}

/* --- what listings do not tell --- */

static void make_untold(void)
{
	struct meta_fact fact = {.kind = META_FILE, .is_link = true, .has_xattr = true};
	char object[40];

	untold_start(dir_fd);
	strcpy(fact.object.etag, "\"e\"");
	for (int i = 0; i < 5; i++) {
		snprintf(object, sizeof(object), "s3/b/l/%d", i);
		untold_learn(object, &fact, "target", "user.a=b");
	}
	untold_stop();
}

static bool read_untold(void)
{
	struct store_object version = {.etag = "\"e\""};
	struct untold known;
	bool is;

	untold_start(dir_fd);
	is = untold_find("s3/b/l/3", &version, &known);
	untold_stop();
	return is;
}

/* --- twins --- */

static void make_twin(void)
{
	struct twinfile_sum sum = {.path = "/usr/bin/true"};
	const uint64_t seen[] = {1, 2, 300};

	must(!twinfile_write_sum(dir_fd, &twin, &sum), "a sum");
	must(!twinfile_write_seen(dir_fd, &twin, seen, 3), "offsets");
}

static bool read_twin(void)
{
	struct twinfile_sum sum;
	uint64_t *seen = NULL;
	bool is = !twinfile_read_sum(dir_fd, &twin, &sum);

	must(!is || memchr(sum.path, 0, sizeof(sum.path)), "a path has no end");
	must(twinfile_read_seen(dir_fd, &twin, &seen) <= TWINFILE_SEEN_MAX, "offsets");
	free(seen);
	return is;
}

/* --- tables --- */

static void make_tables(void)
{
	struct deed deed;

	deeds_start(dir_fd);
	for (uint64_t i = 1; i < 9; i++) {
		deed_begin(&deed, i, false);
		deed_end(&deed, 0, 5);
	}
	deeds_stop();
}

static bool read_tables(void)
{
	struct deed deed[40];

	deeds_start(dir_fd);
	for (uint64_t i = 0; i < 40; i++)
		deed_begin(&deed[i], i, i % 2);
	for (uint64_t i = 0; i < 40; i++)
		deed_end(&deed[i], 0, 5);
	deeds_stop();
	return true;
}

static void make_attrs(void)
{
	attrfile_start(dir_fd);
	attrfile_stop();
}

static bool read_attrs(void)
{
	struct wire_attr attr = {0};
	const struct attrs_ask ask = {ctx, "s3/b/x", 6, false};
	const struct attrs_answer answer = {INT64_MAX, 0, &attr, false};
	bool was;

	attrfile_start(dir_fd);
	attrfile_drop(attrfile_put(&ask, &answer, &was));
	attrfile_stop();
	return true;
}

/* --- */

static struct kind {
	void (*make)(void);
	bool (*read)(void); /* did it make sense? */
	const char *name;   /* of the file that is damaged */
	uint8_t *data;
	size_t bytes;
} kinds[] = {
	{make_notes, read_notes, NAME ".w", NULL, 0},
	{make_both, read_both, NAME ".w", NULL, 0},
	{make_pair, read_pair, NAME ".v", NULL, 0},
	{make_links, read_links, NAME ".l", NULL, 0},
	{make_move, read_move, MOVE, NULL, 0},
	{make_gone, read_gone, "gone", NULL, 0},
	{make_begun, read_begun, "uploads/" MOVE, NULL, 0},
	{make_untold, read_untold, UNTOLD_FILE, NULL, 0},
	{make_twin, read_twin, NULL, NULL, 0},
	{make_tables, read_tables, "deeds", NULL, 0},
	{make_attrs, read_attrs, "attrs", NULL, 0},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void clear(void)
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY));

	must(dir, "the folder");
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (d->d_name[0] != '.')
			unlinkat(dir_fd, d->d_name, 0);
	}
	closedir(dir);
	unlinkat(dir_fd, "uploads/" MOVE, 0);
}

/* Leaves only what it made. */
static void learn(struct kind *k)
{
	static char sum[TWINFILE_NAME_BYTES];
	int fd;

	clear();
	k->make();
	must(k->read(), "what was not damaged makes no sense");
	clear();
	k->make();
	if (!k->name) {
		twinfile_name(&twin, TWINFILE_SUM, sum);
		k->name = sum;
	}
	fd = openat(dir_fd, k->name, O_RDONLY);
	k->data = malloc(FILE_MAX);
	must(fd >= 0 && k->data, k->name);
	k->bytes = (size_t)read(fd, k->data, FILE_MAX);
	must(k->bytes && k->bytes <= FILE_MAX, k->name);
	close(fd);
}

static void try_copy(const struct kind *k)
{
	static uint8_t copy[FILE_MAX];
	size_t bytes = k->bytes;
	int fd;

	memcpy(copy, k->data, bytes);
	if (random32() % 8 == 0)
		bytes = random32() % bytes + 1;
	for (unsigned n = random32() % DAMAGE_MAX + 1; n; n--)
		damage(copy, bytes);
	fd = openat(dir_fd, k->name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, copy, bytes) == (ssize_t)bytes, strerror(errno));
	close(fd);
	alarm(SLOW_SECONDS);
	whole += k->read();
	alarm(0);
}

int main(int argc, char **argv)
{
	time_t end;

	dir_fd = argc == 4 ? open(argv[3], O_RDONLY | O_DIRECTORY) : -1;
	if (dir_fd < 0) {
		fprintf(stderr, "usage: fuzz-startup SECONDS SEED DIR\n");
		return 2;
	}
	log_open("error:/dev/null");
	for (size_t i = 0; i < KINDS; i++) {
		time_t each = time(NULL) + (atoi(argv[1]) + (int)KINDS - 1) / (int)KINDS;

		learn(&kinds[i]);
		end = each;
		for (; time(NULL) < end; number++) {
			damage_begin(strtoull(argv[2], NULL, 0), number);
			try_copy(&kinds[i]);
		}
		free(kinds[i].data);
	}
	clear();
	printf("%lu damaged files, %lu of which made sense\n", number, whole);
	return whole ? 0 : 1;
}
