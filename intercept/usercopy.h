/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between the runtime and the program's memory. A bad pointer is -EFAULT, never a crash: the
 * fault handler (signals.c) moves a faulting copy to its error exit.
 */
#ifndef INTERCEPT_USERCOPY_H
#define INTERCEPT_USERCOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attrs.h"

/* 0 or -EFAULT; either may have copied a part. */
int user_read(void *dst, const void *user_src, size_t bytes);
int user_write(void *user_dst, const void *src, size_t bytes);

/* The NUL-terminated string at user_src. Its length without NUL, -EFAULT, or -ENAMETOOLONG when
 * there is no NUL in the first max bytes. */
long user_string(char *dst, const char *user_src, size_t max);

/* A line of the shared table: attrs_read. */
attrs_read user_line;

/* A 64-bit number in memory that others write to as well, each as one operation: adds n to it, and
 * gives what was there before; or sets it. 0 or -EFAULT. */
int user_add64(uint64_t *user_at, uint64_t n, uint64_t *old_out);
int user_set64(uint64_t *user_at, uint64_t value);

/* Where a faulting copy continues, or 0 when ip is not in a copy. */
uintptr_t usercopy_fixup(uintptr_t ip);

#endif
