/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: ELF files of this process whose executable segments are mapped from their twins
 * (core/base/twin.h). Lookups take no lock and may happen in a signal handler; changes are made by
 * system calls of the program, on a private stack.
 */
#ifndef INTERCEPT_IMAGE_H
#define INTERCEPT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/twin.h"
#include "intercept/kernel.h"
#include "intercept/load.h"

struct image_twin {
	struct image_twin *next;
	uint64_t base;		 /* where head.low is, or would be */
	uint64_t from;		 /* [from, end) is mapped: all of the file, or a piece of it */
	uint64_t end;		 /* atomic; 0: this entry is free */
	uint64_t code, code_end; /* the trampolines */
	const struct twin_site *sites; /* behind them; NULL: there are none */
	uint64_t hidden_end;	       /* end, while the image is being unmapped; else 0 */
	bool dirty;		       /* the program may have changed its text since */
	struct twin_header head;
};

/* The twin of the file fd: an open descriptor of it, *head its checked header. The daemon makes it
 * if there is none. front: of the file, or NULL. -ENOEXEC and others: there is none to be had. */
int image_twin_open(int fd, const struct load_front *front, struct twin_header *head);

/* The same for a file that may be i's: an open descriptor of the very twin that i has its
 * trampolines from. -ENOENT and others: another file, or another twin by now. */
int image_twin_again(const struct image_twin *i, int fd);

/* Text of i, bytes at from, stands at to by now: gives it trampolines there if it has jumps. False:
 * no place. */
bool image_follow(const struct image_twin *i, uint64_t from, uint64_t to, uint64_t bytes);

/* Is what stat(2) tells here of the image's very file, unchanged? */
struct stat;
bool image_is_of(const struct image_twin *i, const struct stat *st);

/* All of the file twin_fd will be mapped with head.low at base, where the place is reserved, also
 * for its trampolines, which are mapped now. False: no memory. */
bool image_add(int twin_fd, const struct twin_header *head, uint64_t base);
/* A piece of the file is mapped at [from, from + bytes) as if head.low were at base. False: the
 * place of the trampolines is taken, no memory. */
bool image_add_piece(int twin_fd, const struct twin_header *head, uint64_t base, uint64_t from,
		     uint64_t bytes);

/* The n-th executable segment of an image, as far as it is mapped: [*from, *to). False: nowhere. */
bool image_text(const struct image_twin *i, uint32_t n, uint64_t *from, uint64_t *to);

/* The image at address, or NULL. */
struct image_twin *image_at(uint64_t address);

/* Is any text of the image in the range? */
bool image_has_text(const struct image_twin *i, uint64_t start, uint64_t bytes);
/* Is all of the range text of one image, as its twin has it? */
bool image_proves(uint64_t start, uint64_t bytes);
/* Maps the original's text in place of the twin's. Only bytes differ where no thread stands. */
void image_revert(struct image_twin *i);

/* The first trampolines, with their table, that [start, end) has a part of: of an image that is not
 * all in there (stays), or of one that is. False: none. */
bool image_tail(uint64_t start, uint64_t end, bool stays, uint64_t *from_out, uint64_t *to_out);

/* The program maps something over a range. */
void image_touched(uint64_t start, uint64_t bytes);
/* The program is about to write to a range: text in it becomes the original's again, which is what
 * the program means to change. Was there any? Then its system calls trap from now on. */
bool image_writable(uint64_t start, uint64_t bytes);
/* munmap(2), and if the kernel does it, whole images in the range are forgotten, their trampolines
 * unmapped as well. */
long image_unmap(uint64_t start, uint64_t bytes);

/* If uc stands in a trampoline: to where the program stands. */
void image_leave(struct kucontext *uc);
/* If uc stands right behind the syscall of a trampoline whose number is known: before it again. */
void image_repeat(struct kucontext *uc);
/* Is it in a trampoline? */
bool image_leads(uint64_t ip);
/* Where the program goes on that was interrupted at ip: in a trampoline, if ip is at or beside a
 * syscall that was replaced; ip itself otherwise. */
uint64_t image_enter(uint64_t ip);

/* For each image in use: the first with after NULL. */
struct image_twin *image_next(struct image_twin *after);

void image_fork_prepare(void);
void image_fork_done(void);

#endif
