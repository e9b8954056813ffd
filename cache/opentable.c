/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See opentable.h. A table that an earlier daemon left is gone on with, since programs that run
 * have it mapped. One that makes no sense, or was cut by somebody, is replaced by another file.
 *
 * What programs write is read as what anybody may have written: a line out of range, a counter that
 * jumps, a record that never comes.
 */
#include "cache/opentable.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/cut.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/scope.h"

#define NEW_NAME    "opens.new"
#define BATCH	    128
#define STUCK_NS    CLOCK_NS_PER_S /* whoever has begun a record and not written it was killed */
#define LATE_MAX_US 60000000u	   /* a record that says that it is older says nothing */

/* Of an entry; the name for those who are told that it was opened. */
struct what {
	unsigned refs;		  /* under the lock */
	struct opens_entry entry; /* as it is shown, or will be */
	uint8_t ctx[WIRE_CTX_BYTES];
	char object[];
};

/* Small: neighbours are used at random, so that all pages of them are, soon. */
struct slot {
	uint32_t serial;   /* of the ticket that is good */
	struct what *what; /* NULL: no entry */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static union attrs_line *table; /* NULL: none */
static struct slot slot[OPENS_LINES];
static bool is_cut; /* atomic */
static int folder_fd = -1;

static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER; /* before the other; and over: */
static uint64_t looked;
static uint64_t stuck_at;
static int64_t stuck_ns; /* 0: no */

static union attrs_line *map(int fd)
{
	void *at = mmap(NULL, OPENS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static struct opens_head *head(void)
{
	return (struct opens_head *)table;
}

static union attrs_line *take_over(int dir_fd)
{
	SCOPE_FD int fd = openat(dir_fd, OPENS_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	union attrs_line *at;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != OPENS_BYTES ||
	    (st.st_mode & 07777) != 0600 || st.st_uid != geteuid())
		return NULL;
	at = map(fd);
	if (at && !opens_head_valid((const struct opens_head *)at)) {
		munmap(at, OPENS_BYTES);
		at = NULL;
	}
	return at;
}

static int make(int dir_fd, union attrs_line **out)
{
	SCOPE_FD int fd = -1;
	int ret;

	unlinkat(dir_fd, NEW_NAME, 0);
	fd = openat(dir_fd, NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* writing to a hole of a full disk would be a fault */
	ret = -posix_fallocate(fd, 0, OPENS_BYTES);
	if (!ret && renameat(dir_fd, NEW_NAME, dir_fd, OPENS_NAME))
		ret = -errno;
	if (ret) {
		unlinkat(dir_fd, NEW_NAME, 0);
		return ret;
	}
	*out = map(fd);
	return *out ? 0 : -errno;
}

/* What was told to an earlier daemon is nothing to this one. */
static void begin_told(void)
{
	struct opens_told *told = opens_told(table);

	for (size_t i = 0; i < OPENS_RING; i++)
		__atomic_store_n(&told->ring[i].what, 0, __ATOMIC_RELAXED);
	looked = __atomic_load_n(&told->count, __ATOMIC_ACQUIRE);
	__atomic_store_n(&head()->looked, looked, __ATOMIC_RELEASE);
	stuck_ns = 0;
}

/* With both locks. takes_over: the one that is there, if it makes sense. */
static int start(bool takes_over)
{
	uint64_t key[2];
	uint32_t generation;
	int ret = 0;

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -EAGAIN;
	table = takes_over ? take_over(folder_fd) : NULL;
	if (!table)
		ret = make(folder_fd, &table);
	if (ret)
		return ret;
	__atomic_store_n(&is_cut, false, __ATOMIC_RELEASE);
	cut_watch(table, OPENS_BYTES, &is_cut);
	generation = head()->generation + 1;
	opens_begin(table, generation ? generation : 1, key, clock_ns());
	begin_told();
	return 0;
}

void opentable_start(int dir_fd)
{
	int ret;

	pthread_mutex_lock(&looking);
	pthread_mutex_lock(&lock);
	folder_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	ret = folder_fd < 0 ? -errno : start(true);
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&looking);
	if (ret)
		log_warn("no shared table of files: %s", strerror(-ret));
}

static void what_put(struct what *w)
{
	if (!w || --w->refs)
		return;
	memory_add(MEMORY_FILES, -(int64_t)(sizeof(*w) + strlen(w->object) + 1));
	free(w);
}

/* Nobody goes on with what stands in the line, and no ticket for it is good. */
static void empty(uint32_t line)
{
	slot[line].serial++;
	what_put(slot[line].what);
	slot[line].what = NULL;
	if (table)
		opens_drop(table, line);
}

/* With both locks: no ticket is good any more. */
static void let_go(void)
{
	for (uint32_t i = OPENS_FIRST; i < OPENS_LINES; i++)
		if (slot[i].what)
			empty(i);
	cut_unwatch(table);
	munmap(table, OPENS_BYTES);
	table = NULL;
}

void opentable_stop(void)
{
	pthread_mutex_lock(&looking);
	pthread_mutex_lock(&lock);
	if (table) {
		opens_alive(table, 0);
		let_go();
	}
	if (folder_fd >= 0)
		close(folder_fd);
	folder_fd = -1;
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&looking);
}

/* With both locks. Programs that have the old one mapped ask from now on. */
static void replace(void)
{
	int ret;

	let_go();
	ret = start(false);
	log_warn("the shared table of files was cut by somebody: %s",
		 ret ? strerror(-ret) : "there is another");
}

void opentable_alive(void)
{
	pthread_mutex_lock(&looking);
	pthread_mutex_lock(&lock);
	if (table)
		opens_alive(table, clock_ns());
	if (table && __atomic_load_n(&is_cut, __ATOMIC_ACQUIRE))
		replace();
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&looking);
}

static struct what *what_new(const struct opentable_about *about)
{
	size_t len = strlen(about->object) + 1;
	struct what *w = len <= OPENTABLE_OBJECT_MAX ? malloc(sizeof(*w) + len) : NULL;

	if (!w)
		return NULL;
	w->refs = 1;
	memcpy(w->ctx, about->ctx, WIRE_CTX_BYTES);
	memcpy(w->object, about->object, len);
	memory_add(MEMORY_FILES, (int64_t)(sizeof(*w) + len));
	return w;
}

struct opens_ticket opentable_reserve(const struct opentable_about *about)
{
	const struct attrs_ask ask = {
		.ctx = about->ctx, .path = about->path, .len = strlen(about->path)};
	struct opens_ticket ticket = {0};
	struct what *w;

	pthread_mutex_lock(&lock);
	w = table ? what_new(about) : NULL;
	if (w) {
		w->entry = (struct opens_entry){.until_ns = about->until_ns};
		attrs_key(head()->hash_key, &ask, w->entry.key);
		ticket.line = opens_place(table, w->entry.key);
		empty(ticket.line);
		ticket.serial = slot[ticket.line].serial;
		slot[ticket.line].what = w;
	}
	pthread_mutex_unlock(&lock);
	return ticket;
}

/* With the lock. */
static bool is_good(struct opens_ticket ticket)
{
	return table && ticket.line != OPENS_NONE && slot[ticket.line].what &&
	       slot[ticket.line].serial == ticket.serial;
}

static void write_whole(uint32_t line)
{
	struct opens_told *told = opens_told(table);

	__atomic_store_n(&told->mark[line], 0, __ATOMIC_RELAXED);
	opens_put(table, line, &slot[line].what->entry);
}

void opentable_fill(struct opens_ticket ticket, const uint8_t id[OPENS_ID_BYTES], uint64_t hash,
		    uint64_t ino, bool is_whole)
{
	pthread_mutex_lock(&lock);
	if (is_good(ticket)) {
		struct opens_entry *entry = &slot[ticket.line].what->entry;

		memcpy(entry->id, id, OPENS_ID_BYTES);
		entry->hash = hash;
		entry->ino = ino;
		if (is_whole)
			write_whole(ticket.line);
	}
	pthread_mutex_unlock(&lock);
}

void opentable_whole(struct opens_ticket ticket)
{
	if (ticket.line == OPENS_NONE)
		return;
	pthread_mutex_lock(&lock);
	if (is_good(ticket) && slot[ticket.line].what->entry.ino)
		write_whole(ticket.line);
	pthread_mutex_unlock(&lock);
}

void opentable_withdraw(uint32_t line)
{
	pthread_mutex_lock(&lock);
	if (slot[line].what)
		empty(line);
	pthread_mutex_unlock(&lock);
}

void opentable_drop(struct opens_ticket *ticket)
{
	if (ticket->line == OPENS_NONE)
		return;
	pthread_mutex_lock(&lock);
	if (is_good(*ticket))
		empty(ticket->line);
	pthread_mutex_unlock(&lock);
	*ticket = (struct opens_ticket){0};
}

bool opentable_is_used(struct opens_ticket ticket)
{
	bool is = false;

	if (ticket.line == OPENS_NONE)
		return false;
	pthread_mutex_lock(&lock);
	if (is_good(ticket))
		is = __atomic_exchange_n(&opens_told(table)->mark[ticket.line], 0,
					 __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	return is;
}

bool opentable_has_news(void)
{
	bool has;

	pthread_mutex_lock(&lock);
	has = table && __atomic_load_n(&opens_told(table)->count, __ATOMIC_ACQUIRE) !=
			       __atomic_load_n(&head()->looked, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	return has;
}

struct batch {
	unsigned count;
	struct opentable_event event[BATCH];
	struct what *what[BATCH];
};

/* Some program has begun the record and not written it yet. False: it was killed, or the counter
 * was spoiled, so that nobody is waited for who has begun one after it. */
static bool wait_for_it(int64_t now_ns)
{
	if (stuck_ns && stuck_at == looked)
		return now_ns - stuck_ns < STUCK_NS;
	stuck_at = looked;
	stuck_ns = now_ns;
	return true;
}

static void add(struct batch *b, uint64_t who, uint64_t what, int64_t now_ns)
{
	uint32_t line = (uint32_t)(what >> 32), seq = (uint32_t)what;
	uint32_t age_us = (uint32_t)(now_ns / 1000) - (uint32_t)who;
	struct opentable_event *event = &b->event[b->count];
	struct what *w = line >= OPENS_FIRST && line < OPENS_LINES ? slot[line].what : NULL;

	if (w && table[line].entry.seq != seq)
		w = NULL; /* another's since */
	if (age_us > LATE_MAX_US)
		age_us = 0;
	*event = (struct opentable_event){
		.job = (uint32_t)(who >> 32),
		.at_ns = now_ns - (int64_t)age_us * 1000,
		.ctx = w ? w->ctx : NULL,
		.object = w ? w->object : NULL,
	};
	if (w)
		w->refs++;
	b->what[b->count++] = w;
}

/* With both locks. Returns how many are lost. */
static uint64_t gather(struct batch *b)
{
	struct opens_told *told = opens_told(table);
	uint64_t count = __atomic_load_n(&told->count, __ATOMIC_ACQUIRE), lost = 0;
	int64_t now_ns = clock_ns();
	bool waits = true;

	b->count = 0;
	if (count - looked > OPENS_RING) {
		lost = count - looked - OPENS_RING;
		looked = count - OPENS_RING;
	}
	while (looked != count && b->count < BATCH) {
		struct opens_record *r = &told->ring[looked % OPENS_RING];
		uint64_t who, what = __atomic_load_n(&r->what, __ATOMIC_ACQUIRE);

		if (!what && waits && wait_for_it(now_ns))
			break;
		waits &= what != 0;
		who = __atomic_load_n(&r->who, __ATOMIC_RELAXED);
		__atomic_store_n(&r->what, 0, __ATOMIC_RELEASE);
		looked++;
		if (what)
			add(b, who, what, now_ns);
		else
			lost++;
	}
	__atomic_store_n(&head()->looked, looked, __ATOMIC_RELEASE);
	return lost > UINT32_MAX ? 0 : lost; /* no program does that: the counter was spoiled */
}

uint64_t opentable_look(void (*told)(const struct opentable_event *event))
{
	uint64_t lost = 0;
	struct batch b;

	pthread_mutex_lock(&looking);
	do {
		pthread_mutex_lock(&lock);
		b.count = 0;
		if (table)
			lost += gather(&b);
		pthread_mutex_unlock(&lock);
		for (unsigned i = 0; i < b.count; i++)
			told(&b.event[i]);
		pthread_mutex_lock(&lock);
		for (unsigned i = 0; i < b.count; i++)
			what_put(b.what[i]);
		pthread_mutex_unlock(&lock);
	} while (b.count == BATCH);
	pthread_mutex_unlock(&looking);
	return lost;
}
