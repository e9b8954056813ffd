/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answers are put where runtimes find them by themselves (core/base/attrs.h): those that
 * fs/lookup.h would give again from memory. What somebody writes to, removes or links here is not
 * shown: it changes without the metadata cache's being told at that moment.
 *
 * The fact must be what the metadata cache gave, before anything else was looked at: what is hidden
 * after that (meta_hide()) is not shown.
 */
#ifndef FS_SHOW_H
#define FS_SHOW_H

#include "fs/lookup.h"

/* The answer to a question. by_dir: it is the directory's own fact. */
void show_answer(const struct lookup *q, const char *object, bool by_dir,
		 const struct meta_fact *fact, const struct wire_attr *attr);

/* What is known of a file or directory, under its virtual path, if somebody were to ask. For the
 * latter object has no slash at its end, and means no file. */
void show_known(const uint8_t *ctx, const char *object, const char *path);

#endif
