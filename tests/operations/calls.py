# SPDX-License-Identifier: Apache-2.0
"""System calls that Python's os has no function for. Each raises OSError as those do."""
import ctypes
import fcntl
import mmap
import os
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_OPENAT2, SYS_RENAMEAT2, SYS_LINKAT, SYS_FALLOCATE = 437, 316, 265, 285
SYS_SYNC_FILE_RANGE, SYS_SYNCFS, SYS_FCHMODAT2, SYS_STATFS = 277, 306, 452, 137

AT_FDCWD, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x400, 0x1000
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE, INSERT_RANGE = 1, 2, 8, 16, 32
FICLONE, FICLONERANGE = 0x40049409, 0x4020940D
F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
SYNC_WAIT_BEFORE, SYNC_WRITE, SYNC_WAIT_AFTER = 1, 2, 4
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
PAGE = 4096


def raw(number, *args):
    result = LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in args))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def renameat2(old, new, flags, old_fd=AT_FDCWD, new_fd=AT_FDCWD):
    return raw(SYS_RENAMEAT2, old_fd, os.fsencode(old), new_fd, os.fsencode(new), flags)


def linkat(old_fd, old, new, flags):
    return raw(SYS_LINKAT, old_fd, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags)


def fallocate(fd, mode, offset, length):
    return raw(SYS_FALLOCATE, fd, mode, offset, length)


def sync_file_range(fd, offset, length, flags):
    return raw(SYS_SYNC_FILE_RANGE, fd, offset, length, flags)


def syncfs(fd):
    return raw(SYS_SYNCFS, fd)


def utimensat(path, atime, mtime):
    """Times as (seconds, nanoseconds); UTIME_OMIT and UTIME_NOW are nanoseconds."""
    times = struct.pack("4q", *atime, *mtime)
    return raw(280, AT_FDCWD, os.fsencode(path), times, 0)


def clone(into, source):
    return fcntl.ioctl(into, FICLONE, source)


def clone_range(into, source, offset, length, at):
    return fcntl.ioctl(into, FICLONERANGE, struct.pack("qQQQ", source, offset, length, at))


def ofd_lock(fd, kind, start=0, length=0, command=F_OFD_SETLK):
    return fcntl.fcntl(fd, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0))


def aligned(data):
    """data in memory that O_DIRECT takes."""
    memory = mmap.mmap(-1, (len(data) + PAGE - 1) // PAGE * PAGE)
    memory[:len(data)] = data
    return memory


def mapped(fd, length, prot=mmap.PROT_READ | mmap.PROT_WRITE, offset=0):
    return mmap.mmap(fd, length, mmap.MAP_SHARED, prot, offset=offset)
