/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on one file, beside a model of it in memory. Every byte read has to be the
 * model's, and so has every byte of the object once the file is closed, which the runner asks of
 * the store itself.
 *
 * The runner and this program talk by lines: a line of ours on stdout ("check", "drop", "evict")
 * asks for something, and it has been done when a line arrives on stdin.
 */
#ifndef TESTS_APPS_FSX_H
#define TESTS_APPS_FSX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK 65536u

struct fsx {
	const char *path;
	const char *model_path; /* where the model goes for the runner */
	unsigned char *model;	/* most bytes; beyond size all zero */
	unsigned char *buffer;	/* most bytes */
	size_t most, size;
	int fd;
	bool appends;	    /* fd is O_APPEND */
	unsigned char *map; /* a shared mapping that stays, or NULL */
	size_t map_bytes;
	unsigned flush_odds; /* one in so many operations closes or flushes */
	uint64_t random;
	unsigned long op;
};

/* --- fsx_model.c --- */
uint64_t draw(struct fsx *x);		      /* the next of the sequence */
size_t draw_below(struct fsx *x, size_t end); /* end > 0 */

/* An offset below end, often beside a block's border, and a length that fits before limit. */
size_t draw_offset(struct fsx *x, size_t end);
size_t draw_length(struct fsx *x, size_t offset, size_t limit);

/* length fresh bytes, in x->buffer. */
void draw_bytes(struct fsx *x, size_t length);

/* What the file holds now. */
void model_write(struct fsx *x, size_t offset, const unsigned char *bytes, size_t length);
void model_zero(struct fsx *x, size_t offset, size_t length, bool grows);
void model_size(struct fsx *x, size_t size);

/* These bytes were read at offset. */
void model_compare(struct fsx *x, const unsigned char *bytes, size_t offset, size_t length,
		   const char *how);

/* Notes what is done, for the report of a failure. */
void note(struct fsx *x, const char *what, size_t offset, size_t length);

/* Ends the program, with the last operations. why: printf-like; errno is told. */
void fail(struct fsx *x, const char *why, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Asks the runner. */
void ask(struct fsx *x, const char *what);
void save_model(struct fsx *x);

/* --- fsx_ops.c --- */
void do_open(struct fsx *x, int flags);
void do_close(struct fsx *x);
void check_all(struct fsx *x);
void operate(struct fsx *x);

/* --- fsx_bytes.c: operations on bytes, one each --- */
void op_read(struct fsx *x);
void op_write(struct fsx *x);
void op_append(struct fsx *x);
void op_truncate(struct fsx *x);
void op_punch(struct fsx *x);
void op_zero(struct fsx *x);
void op_allocate(struct fsx *x);
void op_copy(struct fsx *x);

#endif
