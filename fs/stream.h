/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large files that are sent while a program writes them: once more than PUBLISH_PUT_MAX was written
 * from the start on, an upload in parts is begun, and parts go as they are finished
 * (core/base/draft.h says how that is known). Publishing takes it over.
 */
#ifndef FS_STREAM_H
#define FS_STREAM_H

#include "fs/multipart.h"

/* A part of the draft is finished: sends what can be sent. Waits for the service when it is the
 * first. Not on the I/O thread. */
void stream_go_on(struct cache_file *file);

/* The one of this draft, which sends nothing more by itself; NULL: there is none. For
 * multipart_upload() or stream_drop(). The draft must be kept from streaming (draft_flush_begin()).
 */
struct multipart *stream_take(struct cache_file *file);

/* Ends it without an object. Waits for its parts. NULL is fine. */
void stream_drop(struct multipart *m, struct cache_file *file);

/* Removes what an upload of the draft that is not going on has left at the service, if one is
 * noted; an upload that is going on is ended soon, without being waited for. What the service
 * cannot do now stays noted. */
void stream_clean(struct cache_file *file, struct context *ctx);

/* Once a second: ends those whose files lost their names, and goes on where a part was finished
 * without anybody having said so (a confined program, another daemon before this one). */
void stream_sweep(void);

/* After store_stop(): forgets all; they stay noted. */
void stream_stop(void);

#endif
