/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/self/maps as the program would see it natively: text is named by the original file, and
 * trampolines are not there. */
#ifndef INTERCEPT_PROCMAPS_H
#define INTERCEPT_PROCMAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "intercept/image.h"

/* Is this (what follows /proc/self/) a file that shows mappings? */
bool procmaps_shown_by(const char *self);

/* A descriptor of its corrected text, or a negative errno (-ENOSYS: there is nothing to correct).
 * flags: open(2)'s. */
long procmaps_open(const char *self, unsigned flags);

/* The original file's name of an image, without NUL, at out (WIRE_PATH_MAX bytes). Its length; 0
 * when it cannot be told. */
size_t procmaps_image_path(const struct image_twin *image, char *out);

/* What the link name ("/proc/PID/exe", PID another process) would say natively, at out
 * (WIRE_PATH_MAX bytes). Its length; 0 when the kernel's answer is right. */
size_t procmaps_exe(const char *name, char *out);

#endif
