/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache directory: where it is, that it is the user's alone, and who owns it.
 *
 *	DIR/lock	flock()ed by the one daemon of this directory as long as it lives
 *	DIR/boot	the kernel's boot id when the files were written
 *	DIR/attrs	attributes that programs read by themselves (core/base/attrs.h)
 *	DIR/daemon.log	what a daemon in the background says
 *	DIR/files/	pairs of data and vnode files, see cache/pair.h
 *	DIR/dirs/	the same of directories: listings, which no daemon takes over from another
 *	DIR/twins/	twins of program files, see core/base/twin.h and cache/twinfile.h
 */
#ifndef CACHE_PLACE_H
#define CACHE_PLACE_H

#include <stdbool.h>
#include <sys/stat.h>

/* The configured directory, absolute: $SKYSHIM_CACHE_DIR, else $XDG_CACHE_HOME/skyshim, else
 * ~/.cache/skyshim. *out is the caller's to free. Returns 0, -ENOMEM, -EINVAL (a newline in it, or
 * no home directory). */
int place_path(char **out);

/* Makes the directory and its parents (mode 0700) and checks that it is a directory of this user's
 * that nobody else can enter; mends the mode of one that is ours. *real_out: its canonical path, to
 * free, or NULL if not wanted. Returns a descriptor; -EPERM if it is somebody else's, or the error.
 */
int place_open(const char *dir, char **real_out);

/* Takes the lock of the directory. Returns the descriptor that holds it, -EAGAIN when another
 * daemon has it. */
int place_lock(int dir_fd);

/* Has the file system what the cache stands on? Without leases (fcntl(2), F_SETLEASE) nobody could
 * tell which files a program still has open, so that what a killed one wrote would not be stored;
 * without holes (fallocate(2), FALLOC_FL_PUNCH_HOLE) nothing would become free. NFS lacks them.
 * Returns 0, -EOPNOTSUPP, or the error of making a file there. */
int place_probe(int dir_fd);

/* The directory for pairs in dir_fd, made if need be. If the machine was started anew since the
 * files in it were written they are removed: what the page cache held then may be lost, bitmaps
 * included. Only what was written to stays (cache/notes.h). Only with the lock. Returns a
 * descriptor or an error. */
int place_files(int dir_fd);

/* Did place_files() find that files were copied over what was there, or that it is a copy itself?
 * Then they are removed as well. Not that a disk was set back to a snapshot, which changes all at
 * once; nor a copy that leaves out what has not changed, within the life of one daemon. */
bool place_is_restored(void);

#define PLACE_BOOT_BYTES 64

/* The kernel's boot id, "" if it cannot be had. */
void place_boot(char out[PLACE_BOOT_BYTES]);

/* Was the machine started anew since place_files() last ran on dir_fd? */
bool place_is_new_boot(int dir_fd);

/* Is name NAME.X, and are there notes, NAME.w, beside it? Then it is a draft's: what is in it may
 * be nowhere else. Yes where that cannot be seen. */
bool place_has_notes(int files_fd, const char *name);

/* After place_files(), which gave files_fd: was what st tells of made since the machine was
 * started? By its file system's clock: false if that was set back, or for what is unknown; nor was
 * what has been copied here with its time. */
bool place_is_of_boot(int files_fd, const struct stat *st);

/* The directory for twins in dir_fd, made if need be. Returns a descriptor or an error. */
int place_twins(int dir_fd);

/* The directory for listings in dir_fd, made if need be, emptied. Only with the lock. */
int place_dirs(int dir_fd);

#endif
