/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a data file, mapped, so that reading what is there needs no system call. Only an
 * alternative to pread(2): wherever it cannot do the same, it says so and the kernel is asked.
 *
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_WINDOW_H
#define INTERCEPT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes: a larger read() is the kernel's. A stream would pay page faults for pages it sees once. */
#define WINDOW_READ_MAX (16u << 10)

struct vfile;

struct window {
	const char *whole; /* atomic; the file from 0 on, once that is mapped: it stays */
	/* under the windows' lock: */
	const char *at;
	uint64_t offset, bytes;
	uint64_t wanted;  /* the window that was asked for last */
	uint32_t asked;	  /* how often in a row */
	uint32_t readers; /* atomic; who use at */
	bool off;	  /* atomic; not for this file */
};

/* Copies present bytes to the program. Returns how many (0: at the end), or -EAGAIN: the kernel
 * must read. fd: a descriptor of vf. That the bytes were still there, the caller checks. */
long window_read(struct vfile *vf, int fd, void *buf, uint64_t length, uint64_t offset);

/* From now on never: some descriptor of this file may not be read from (O_PATH). */
void window_off(struct vfile *vf);

/* The last user of vf is gone. */
void window_unmap(struct vfile *vf);

void window_fork_prepare(void);
void window_fork_done(void);

#endif
