/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's side of core/base/draft.h: which changes this process makes to a cloud file, and
 * when the daemon is told to publish them.
 *
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_NOTES_H
#define INTERCEPT_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "intercept/vfile.h"

struct thread;

/* Maps the notes file notes_fd (not closed here) of vf, unless vf has its notes already. 0, -EIO
 * (not its notes), -ENOMEM. */
int notes_attach(struct vfile *vf, int notes_fd);

/* Sees to it that vf, which this process has open for writing, has its notes: asks the daemon about
 * a descriptor that was inherited or received. 0 or -EIO. */
int notes_have(struct vfile *vf);

/* Around a change, by one who has notes. length 0: none of the bytes of the base, but for an
 * append. The blocks of the base that are touched must be present. */
void notes_begin(struct vfile *vf, uint64_t offset, uint64_t length);
void notes_end(struct vfile *vf);

/* Instead of notes_end(), after a call that changed bytes (draft_wrote(), draft_wrote_on()): ret is
 * its result, length is how much it might have changed. Tells the daemon, without waiting, of each
 * part of a large file that is finished. */
void notes_wrote(struct vfile *vf, uint64_t offset, uint64_t length, long ret);
void notes_wrote_on(struct vfile *vf, long ret);

/* Must a change say where it is? Not in a file that has no base. */
bool notes_have_base(const struct vfile *vf);

/* Is there, as far as this process knows, anything to publish? */
bool notes_dirty(const struct vfile *vf);

/* And does this process answer for it: has it changed it, or was it begun with it? */
bool notes_dirty_here(const struct vfile *vf);

/* Publishes what has changed of vf, if anything has. 0 or the daemon's negative errno; why was said
 * on stderr. */
int notes_flush(struct vfile *vf);

/* As notes_flush(), at a close: with durability `exit` and `fsync` it is only started. */
int notes_close(struct vfile *vf);

/* With durability `exit`: waits for what notes_close() has started, and for what is being removed.
 * What failed was said on stderr, and notes_failed() is true. Also called before standard error is
 * closed, as many programs do at their end. ends: nothing of the program comes after it. */
void notes_settle(bool ends);
#define NOTES_STDERR 2

/* May the daemon remove the file of that virtual path some time soon, for notes_settle() to wait
 * for? Then one was. */
bool notes_may_remove_later(const struct thread *t, const char *path);
void notes_removed_later(void);

/* As notes_close() where no call can return the error: then stderr tells, and notes_failed() is
 * true. */
int notes_close_untold(struct vfile *vf);

/* Has anything failed that the program was not told? Its exit status must be. */
bool notes_failed(void);

/* Publishes every file that this process knows to have changed, or, ending, those that it answers
 * for when it ends. The first error. */
int notes_flush_all(bool ending);

/* Of a fork's child: what failed before was not its own. */
void notes_fork_child(void);

#endif
