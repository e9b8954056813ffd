/* SPDX-License-Identifier: Apache-2.0 */
/* What programs do with io_uring, by liburing, on the files of one folder: see uring_main.c. */
#ifndef TESTS_APPS_URING_H
#define TESTS_APPS_URING_H

#include <liburing.h>
#include <stddef.h>

#define ENTRIES	   32
#define PART	   4096
#define NAMES	   8
#define BASE_BYTES (5 * 65536 + 1000) /* of base.bin */

extern struct io_uring ring;
extern const char *folder;
extern char data[ENTRIES][PART];
extern unsigned submitted; /* user_data of the next entry */

void die(const char *what, int error) __attribute__((noreturn));
void make_ring(unsigned flags);

/* FOLDER/file, in one of NAMES buffers. */
const char *path(int i, const char *file);

/* A free entry, and, once it is prepared, its flags and number. */
struct io_uring_sqe *entry(void);
void next(struct io_uring_sqe *e, unsigned flags);

/* Waits for what was submitted, and tells; submits it, too. */
void collect(const char *what);
void run(const char *what);

unsigned hash(const void *from, size_t n);
int open_base(int flags);
int open_by_ring(const char *file, int flags, int mode);
void tell_file(const char *file);

void reads(void), writes(void), names(void);
void links(void), broken(void), drained(void), fixed(void), direct(void), buffers(void);
void splices(void), numbers(void);
void kinds(void), raw(void), waits(void), again(void), threads(void), signals(void), forks(void);

#endif
