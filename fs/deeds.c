/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/deeds.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cut.h"
#include "core/log.h"
#include "core/scope.h"

#define MAGIC UINT64_C(0x3130736465656453) /* "Sdeeds01": a version with each other layout */

struct place {
	uint64_t number; /* 0: free; written last */
	uint64_t serial; /* of when it was taken */
	int64_t value;
	uint64_t state;
};

struct deeds_file {
	uint64_t magic;
	struct place place[DEEDS_MAX];
};

static struct {
	pthread_mutex_t lock;
	struct deeds_file *file; /* NULL: there is none */
	bool busy[DEEDS_MAX];	 /* is being served: with the lock, as the next */
	uint64_t serial;
	bool is_cut; /* what is missing is known to this daemon alone from then on */
} deeds = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* With its blocks: writing to a mapped hole that the disk has no room for kills. */
static struct deeds_file *map(int dir_fd)
{
	SCOPE_FD int fd = openat(dir_fd, "deeds", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	void *at;

	if (fd < 0 || posix_fallocate(fd, 0, sizeof(struct deeds_file)))
		return NULL;
	at = mmap(NULL, sizeof(struct deeds_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

void deeds_start(int dir_fd)
{
	deeds.file = map(dir_fd);
	deeds.serial = 0;
	memset(deeds.busy, 0, sizeof(deeds.busy));
	if (!deeds.file) {
		log_warn("cache: no file for requests that come again; who asks again after a "
			 "daemon has died may be told that a name exists, or does not");
		return;
	}
	cut_watch(deeds.file, sizeof(*deeds.file), &deeds.is_cut);
	if (deeds.file->magic != MAGIC) {
		memset(deeds.file, 0, sizeof(*deeds.file));
		deeds.file->magic = MAGIC;
	}
	for (unsigned i = 0; i < DEEDS_MAX; i++) {
		if (deeds.file->place[i].serial > deeds.serial)
			deeds.serial = deeds.file->place[i].serial;
	}
}

void deeds_stop(void)
{
	if (deeds.file) {
		cut_unwatch(deeds.file);
		munmap(deeds.file, sizeof(*deeds.file));
	}
	deeds.file = NULL;
}

/* Should two have had that number, the one that came last. */
static unsigned find(uint64_t number)
{
	const struct place *place = deeds.file->place;
	unsigned found = DEEDS_MAX;

	for (unsigned i = 0; i < DEEDS_MAX; i++) {
		if (place[i].number == number &&
		    (found == DEEDS_MAX || place[i].serial > place[found].serial))
			found = i;
	}
	return found;
}

/* The oldest that is over, mostly the next. With the lock. */
static unsigned take(uint64_t number)
{
	unsigned tries = 0, at;
	struct place *p;

	do
		at = (unsigned)(++deeds.serial % DEEDS_MAX);
	while (deeds.busy[at] && ++tries < DEEDS_MAX);
	if (deeds.busy[at])
		return DEEDS_MAX;
	p = &deeds.file->place[at];
	__atomic_store_n(&p->number, 0, __ATOMIC_SEQ_CST);
	p->serial = deeds.serial;
	p->value = 0;
	p->state = DEED_NONE;
	__atomic_store_n(&p->number, number, __ATOMIC_SEQ_CST);
	return at;
}

void deed_begin(struct deed *deed, uint64_t number, bool again)
{
	unsigned at = DEEDS_MAX;

	*deed = (struct deed){.at = DEEDS_MAX};
	if (!deeds.file || !number)
		return;
	pthread_mutex_lock(&deeds.lock);
	if (again)
		at = find(number);
	if (at == DEEDS_MAX) {
		at = take(number);
	} else if (deeds.busy[at]) { /* this daemon is at it: nobody asks so */
		at = DEEDS_MAX;
	} else {
		deed->was = (enum deed_state)deeds.file->place[at].state;
		deed->value = deeds.file->place[at].value;
	}
	if (at < DEEDS_MAX)
		deeds.busy[at] = true;
	deed->at = at;
	pthread_mutex_unlock(&deeds.lock);
}

/* The value first: a daemon that is killed in between leaves an earlier state with it. */
static void set(unsigned at, enum deed_state state, int64_t value)
{
	struct place *p = &deeds.file->place[at];

	__atomic_store_n(&p->value, value, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->state, (uint64_t)state, __ATOMIC_SEQ_CST);
}

void deed_note(const struct deed *deed, enum deed_state state, int64_t value)
{
	if (deed && deed->at < DEEDS_MAX && deeds.file->place[deed->at].state <= state)
		set(deed->at, state, value);
}

void deed_end(const struct deed *deed, int result, int64_t value)
{
	if (deed->at == DEEDS_MAX)
		return;
	set(deed->at, result ? DEED_NONE : DEED_DONE, value);
	pthread_mutex_lock(&deeds.lock);
	deeds.busy[deed->at] = false;
	pthread_mutex_unlock(&deeds.lock);
}
