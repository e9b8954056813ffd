# SPDX-License-Identifier: Apache-2.0
"""Arguments that nobody gives on purpose, and what programs find out all the same: errno by errno as a local disk."""
import ctypes
import fcntl
import os
import resource
import signal
import socket
import stat
import struct

from calls import AT_EMPTY_PATH, AT_FDCWD, COLLAPSE_RANGE, KEEP_SIZE, PUNCH_HOLE, RENAME_EXCHANGE, RENAME_NOREPLACE, ZERO_RANGE
from calls import fallocate, linkat, raw, renameat2
from trial import check

O_TMPFILE = os.O_TMPFILE
SYS = dict(pwritev2=328, preadv2=327, copy_file_range=326, tee=276, vmsplice=278, splice=275, statx=332,
           fadvise=221, readahead=187, flock=73, ftruncate=77, truncate=76, lseek=8, faccessat2=439, unlinkat=263, mkdirat=258,
           fchmodat2=452, close_range=436, getdents64=217, fcntl=72, symlinkat=266, openat2=437, mknodat=259, utimensat=280)
RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND, RWF_NOAPPEND = 1, 2, 4, 8, 16, 32


def call(name, *args):
    return raw(SYS[name], *(os.fsencode(a) if isinstance(a, str) else a for a in args))


@check("odd/dots")
def dots(trial):
    os.makedirs(trial.path("d/e"))
    for name in ("d/.", "d/..", "d/e/..", "d/./", "d/e/../"):
        trial.do(f"rmdir {name}", os.rmdir, trial.path(name))
        trial.do(f"unlink {name}", os.unlink, trial.path(name))
        trial.do(f"mkdir {name}", os.mkdir, trial.path(name))
        trial.do(f"rename {name}", os.rename, trial.path(name), trial.path("other"))
        trial.do(f"rename to {name}", os.rename, trial.path("d"), trial.path(name))
        trial.do(f"exchange {name}", renameat2, trial.path("d"), trial.path(name), RENAME_EXCHANGE)
        trial.do(f"symlink {name}", os.symlink, "x", trial.path(name))
        trial.do(f"link {name}", os.link, trial.path("small.txt"), trial.path(name))
        trial.do(f"open {name}", lambda n=name: os.close(os.open(trial.path(n), os.O_CREAT | os.O_WRONLY)))
        trial.do(f"mknod {name}", os.mknod, trial.path(name))
    trial.names("d")
    trial.names()


@check("odd/here", differs={"list": "ENOENT", "where": True})
def here(trial):
    os.makedirs(trial.path("d/e"))
    os.chdir(trial.path("d/e"))
    for name in (".", "..", "./", "", "../../none/."):
        trial.do(f"rmdir {name}", os.rmdir, name)
        trial.do(f"unlink {name}", os.unlink, name)
        trial.do(f"mkdir {name}", os.mkdir, name)
        trial.do(f"rename {name}", os.rename, name, "x")
        trial.do(f"rename to {name}", os.rename, "../../small.txt", name)
    trial.do("rmdir of where it is", os.rmdir, trial.path("d/e"))
    trial.do("list", os.listdir, ".")
    trial.do("where", lambda: bool(os.getcwd()))
    trial.do("make", lambda: os.close(os.open("x", os.O_CREAT | os.O_WRONLY)))
    trial.do("mkdir", os.mkdir, "y")
    trial.do("up", lambda: sorted(os.listdir("..")))
    os.chdir("/")


@check("odd/rename-where-it-is")
def rename_here(trial):
    os.makedirs(trial.path("d/e"))
    os.chdir(trial.path("d"))
    trial.do("rename", os.rename, trial.path("d"), trial.path("f"))
    trial.do("make", lambda: os.close(os.open(trial.path("f/x"), os.O_CREAT | os.O_WRONLY)))
    trial.names("f")
    os.chdir("/")


@check("odd/slashes")
def slashes(trial):
    os.mkdir(trial.path("d"))
    os.symlink("d", trial.path("l"))
    os.symlink("none", trial.path("dangling"))
    for name in ("d/", "l/", "small.txt/", "none/", "dangling/"):
        trial.do(f"unlink {name}", os.unlink, trial.path(name))
        trial.do(f"open {name}", lambda n=name: os.close(os.open(trial.path(n), os.O_RDONLY)))
        trial.do(f"create {name}", lambda n=name: os.close(os.open(trial.path(n), os.O_CREAT | os.O_WRONLY)))
        trial.do(f"exclusive {name}", lambda n=name: os.close(os.open(trial.path(n), os.O_CREAT | os.O_EXCL | os.O_WRONLY)))
        trial.do(f"lstat {name}", lambda n=name: stat.S_IFMT(os.lstat(trial.path(n)).st_mode))
        trial.do(f"readlink {name}", os.readlink, trial.path(name))
        trial.do(f"symlink {name}", os.symlink, "x", trial.path(name))
        trial.do(f"truncate {name}", os.truncate, trial.path(name), 1)
        trial.do(f"link from {name}", os.link, trial.path(name), trial.path("made"), follow_symlinks=False)
        trial.do(f"link to {name}", os.link, trial.path("base.bin"), trial.path(name))
        trial.do(f"mknod {name}", os.mknod, trial.path(name))
        trial.do(f"rename to {name}", os.rename, trial.path("base.bin"), trial.path(name))
    for name in ("l/", "dangling/"):
        trial.do(f"rmdir {name}", os.rmdir, trial.path(name))
        trial.do(f"mkdir {name}", os.mkdir, trial.path(name))
        trial.do(f"rename {name}", os.rename, trial.path(name), trial.path("other"))
    trial.names()


@check("odd/open-flags")
def open_flags(trial):
    os.mkdir(trial.path("d"))
    for what, name, flags in (
            ("make a directory", "made", os.O_CREAT | os.O_DIRECTORY), ("a directory made", "d", os.O_CREAT | os.O_DIRECTORY),
            ("a directory to create", "d", os.O_CREAT), ("exclusively", "d", os.O_CREAT | os.O_EXCL),
            ("a file as a directory, made", "small.txt", os.O_CREAT | os.O_DIRECTORY),
            ("a directory to write", "d", os.O_RDWR), ("a directory to empty", "d", os.O_TRUNC), ("a directory to append", "d", os.O_APPEND),
            ("neither", "small.txt", 3), ("exclusive without creating", "small.txt", os.O_EXCL),
            ("unnamed, to read", "d", O_TMPFILE | os.O_RDONLY), ("unnamed, exclusive", "d", O_TMPFILE | os.O_EXCL | os.O_RDWR),
            ("unnamed, made", "d", O_TMPFILE | os.O_CREAT | os.O_RDWR), ("unnamed in a file", "small.txt", O_TMPFILE | os.O_RDWR),
            ("unnamed in nothing", "none", O_TMPFILE | os.O_RDWR), ("unnamed, emptied", "d", O_TMPFILE | os.O_TRUNC | os.O_RDWR),
            ("path and create", "made2", os.O_PATH | os.O_CREAT), ("path and write", "small.txt", os.O_PATH | os.O_WRONLY),
            ("path and directory", "small.txt", os.O_PATH | os.O_DIRECTORY), ("no access time", "small.txt", os.O_NOATIME),
            ("no links", "small.txt", os.O_NOFOLLOW), ("no blocking", "small.txt", os.O_NONBLOCK), ("unknown bits", "small.txt", 1 << 30),
            ("signals", "small.txt", os.O_ASYNC)):
        trial.do(what, lambda n=name, f=flags: os.close(os.open(trial.path(n), f)))
    trial.names()


@check("odd/unnamed-linked")
def unnamed_linked(trial):
    os.mkdir(trial.path("d"))
    for what, extra in (("may be linked", 0), ("may not", os.O_EXCL)):
        fd = os.open(trial.path("d"), O_TMPFILE | os.O_RDWR | extra, 0o640)
        os.write(fd, b"unnamed")
        trial.do(f"{what}, by descriptor", linkat, fd, "", trial.path(f"d/{extra}"), AT_EMPTY_PATH)
        trial.do(f"{what}, through proc", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", trial.path(f"d/{extra}p"), 0x400)
        trial.do(f"{what}, no flag", linkat, fd, "", trial.path("d/no"), 0)
        trial.do(f"{what}, links", lambda f=fd: os.fstat(f).st_nlink)
        os.close(fd)
    fd = os.open(trial.path("small.txt"), os.O_RDONLY)
    trial.do("a named one", linkat, fd, "", trial.path("d/named"), AT_EMPTY_PATH)
    trial.do("flags", linkat, fd, "", trial.path("d/flags"), 0x8000)
    os.close(fd)
    fd = os.open(trial.path("d"), os.O_RDONLY)
    trial.do("a directory", linkat, fd, "", trial.path("d2"), AT_EMPTY_PATH)
    os.close(fd)
    trial.names("d")


@check("odd/truncate")
def truncate(trial):
    for what, size in (("below zero", -1), ("too large", 1 << 62), ("largest", (1 << 63) - 1)):
        trial.do(what, call, "truncate", trial.path("small.txt"), size)
    fd = os.open(trial.path("small.txt"), os.O_RDONLY)
    for what, size in (("a reader's", 0), ("a reader's below zero", -1)):
        trial.do(what, call, "ftruncate", fd, size)
    os.close(fd)
    fd = os.open(trial.path("small.txt"), os.O_RDWR)
    for what, size in (("below zero", -1), ("huge", 1 << 62)):
        trial.do(f"by descriptor {what}", call, "ftruncate", fd, size)
    os.close(fd)
    fd = os.open(trial.path("small.txt"), os.O_PATH)
    trial.do("of a path", call, "ftruncate", fd, 1)
    os.close(fd)
    fd = os.open(trial.path("."), os.O_RDONLY)
    trial.do("of a directory", call, "ftruncate", fd, 1)
    trial.do("of a directory by name", call, "truncate", trial.path("."), 1)
    trial.do("of nothing", call, "truncate", trial.path("none"), 1)
    trial.do("of an empty name", call, "truncate", "", 1)
    os.close(fd)
    trial.content("small.txt")


@check("odd/limit")
def limit(trial):
    """RLIMIT_FSIZE: up to it, then EFBIG and a signal."""
    def child():
        seen = []
        signal.signal(signal.SIGXFSZ, lambda *_: seen.append(1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        fd = os.open(trial.path("limited"), os.O_RDWR | os.O_CREAT)
        results = []
        for what in (lambda: os.write(fd, b"x" * 1500), lambda: os.write(fd, b"y"), lambda: os.pwrite(fd, b"z", 5000),
                     lambda: os.ftruncate(fd, 2000), lambda: os.ftruncate(fd, 1000), lambda: os.truncate(trial.path("limited"), 1001),
                     lambda: fallocate(fd, 0, 0, 4000), lambda: os.posix_fallocate(fd, 0, 900), lambda: os.writev(fd, [b"a" * 10]),
                     lambda: fallocate(fd, KEEP_SIZE, 0, 4000), lambda: os.sendfile(fd, os.open(trial.path("base.bin"), os.O_RDONLY), 0, 10),
                     lambda: os.copy_file_range(os.open(trial.path("base.bin"), os.O_RDONLY), fd, 10)):
            try:
                results.append(what())
            except OSError as error:
                results.append(f"E{error.errno}")
            results.append(len(seen))
        os.close(fd)
        with open("/proc/self/fd/%d" % out, "w", encoding="ascii") as said:
            said.write(repr(results))
        return 0
    out = os.memfd_create("out")
    trial.child(child)
    trial.do("what came of it", os.pread, out, 500, 0)
    os.close(out)
    trial.do("size", lambda: os.stat(trial.path("limited")).st_size)


@check("odd/links-left")
def links_left(trial):
    fds = [os.open(trial.path(name), flags) for name, flags in (("small.txt", os.O_RDONLY), ("small.txt", os.O_RDWR), ("base.bin", os.O_RDWR))]
    trial.make("over", b"it")
    os.unlink(trial.path("small.txt"))
    os.rename(trial.path("over"), trial.path("base.bin"))
    for i, fd in enumerate(fds):
        trial.do(f"links of {i}", lambda f=fd: os.fstat(f).st_nlink)
        os.close(fd)
    trial.do("of the new one", lambda: os.stat(trial.path("base.bin")).st_nlink)


@check("odd/allocate")
def allocate(trial):
    fd = os.open(trial.path("base.bin"), os.O_RDWR)
    for what, mode, offset, length in (
            ("nothing", 0, 0, 0), ("before the start", 0, -1, 10), ("backwards", 0, 0, -1), ("over the end of all", 0, (1 << 63) - 1, 2),
            ("punch without keeping", PUNCH_HOLE, 0, 10), ("punch and zero", PUNCH_HOLE | ZERO_RANGE | KEEP_SIZE, 0, 10),
            ("punch and collapse", PUNCH_HOLE | COLLAPSE_RANGE | KEEP_SIZE, 0, 4096), ("unknown", 1 << 20, 0, 10),
            ("zero, growing", ZERO_RANGE, 1 << 20, 10), ("zero, keeping", ZERO_RANGE | KEEP_SIZE, 2 << 20, 10),
            ("keeping", KEEP_SIZE, 3 << 20, 10), ("punch beyond", PUNCH_HOLE | KEEP_SIZE, 4 << 20, 10)):
        trial.do(what, fallocate, fd, mode, offset, length)
        trial.do(f"size after {what}", lambda: os.fstat(fd).st_size)
    os.close(fd)
    fd = os.open(trial.path("base.bin"), os.O_RDONLY)
    trial.do("a reader", fallocate, fd, 0, 0, 10)
    os.close(fd)
    fd = os.open(trial.path("."), os.O_RDONLY)
    trial.do("a directory", fallocate, fd, 0, 0, 10)
    os.close(fd)
    fd = os.open(trial.path("base.bin"), os.O_PATH)
    trial.do("a path", fallocate, fd, 0, 0, 10)
    os.close(fd)


@check("odd/copy-range")
def copy_range(trial):
    fd, other = os.open(trial.path("base.bin"), os.O_RDWR), os.open(trial.path("new"), os.O_RDWR | os.O_CREAT)
    reader, append = os.open(trial.path("small.txt"), os.O_RDONLY), os.open(trial.path("small.txt"), os.O_WRONLY | os.O_APPEND)
    folder, path = os.open(trial.path("."), os.O_RDONLY), os.open(trial.path("small.txt"), os.O_PATH)
    read_end, write_end = os.pipe()
    for what, one, at, two, to, length, flags in (
            ("overlapping", fd, 0, fd, 10, 100, 0), ("itself, same place", fd, 0, fd, 0, 100, 0), ("apart", fd, 0, fd, 200, 100, 0),
            ("beyond the end", fd, 1 << 30, other, 0, 10, 0), ("nothing", fd, 0, other, 0, 0, 0), ("flags", fd, 0, other, 0, 10, 1),
            ("into a reader", fd, 0, reader, 0, 10, 0), ("from a writer", append, 0, other, 0, 10, 0), ("into an appender", fd, 0, append, 0, 10, 0),
            ("from a folder", folder, 0, other, 0, 10, 0), ("into a folder", fd, 0, folder, 0, 10, 0), ("from a path", path, 0, other, 0, 10, 0),
            ("from a pipe", read_end, None, other, 0, 10, 0), ("into a pipe", fd, 0, write_end, None, 10, 0),
            ("from before the start", fd, -1, other, 0, 10, 0), ("far", fd, 0, other, (1 << 63) - 5, 10, 0), ("bad", 999, 0, other, 0, 10, 0)):
        a = None if at is None else ctypes.byref(ctypes.c_int64(at))
        b = None if to is None else ctypes.byref(ctypes.c_int64(to))
        trial.do(what, call, "copy_file_range", one, a, two, b, length, flags)
    for one in (fd, other, reader, append, folder, path, read_end, write_end):
        os.close(one)
    trial.content("base.bin")
    trial.content("small.txt")


@check("odd/pipes")
def pipes(trial):
    read_end, write_end = os.pipe()
    fd, append = os.open(trial.path("new"), os.O_RDWR | os.O_CREAT), os.open(trial.path("small.txt"), os.O_WRONLY | os.O_APPEND)
    reader, folder = os.open(trial.path("small.txt"), os.O_RDONLY), os.open(trial.path("."), os.O_RDONLY)
    os.write(write_end, b"through a pipe")
    trial.do("splice to an appender", os.splice, read_end, append, 5)
    trial.do("splice to a reader", os.splice, read_end, reader, 5)
    trial.do("splice to a folder", os.splice, read_end, folder, 5)
    trial.do("splice", os.splice, read_end, fd, 7, None, 3)
    trial.do("splice both files", os.splice, fd, reader, 7)
    trial.do("splice with a place in the pipe", os.splice, read_end, fd, 7, 0, 3)
    trial.do("splice from a file", os.splice, reader, write_end, 4)
    trial.do("splice from a writer", os.splice, append, write_end, 4)
    trial.do("tee to a file", call, "tee", read_end, fd, 4, 0)
    trial.do("tee from a file", call, "tee", reader, write_end, 4, 0)
    vector = struct.pack("PN", ctypes.addressof(ctypes.create_string_buffer(b"four")), 4)
    trial.do("vmsplice to a file", call, "vmsplice", fd, vector, 1, 0)
    trial.do("sendfile to an appender", os.sendfile, append, reader, 0, 4)
    trial.do("sendfile to a reader", os.sendfile, reader, reader, 0, 4)
    trial.do("sendfile from a folder", os.sendfile, fd, folder, 0, 4)
    trial.do("sendfile to a folder", os.sendfile, folder, reader, 0, 4)
    trial.do("sendfile beyond", os.sendfile, fd, reader, 1 << 40, 4)
    trial.do("sendfile before", os.sendfile, fd, reader, -1, 4)
    trial.do("sendfile from a pipe", os.sendfile, fd, read_end, None, 4)
    for one in (fd, append, reader, folder, read_end, write_end):
        os.close(one)
    trial.content("new")
    trial.content("small.txt")


@check("odd/vector-flags")
def vector_flags(trial):
    fd = os.open(trial.path("new"), os.O_RDWR | os.O_CREAT)
    append = os.open(trial.path("new"), os.O_RDWR | os.O_APPEND)
    os.write(fd, b"0123456789")
    for what, where, flags, at in (("append", fd, RWF_APPEND, 2), ("append, no place", fd, RWF_APPEND, -1), ("sync", fd, RWF_SYNC, 0),
                                   ("data sync", fd, RWF_DSYNC, 1), ("unknown", fd, 1 << 20, 0), ("hipri", fd, RWF_HIPRI, 0),
                                   ("before the start", fd, 0, -2), ("positioned, appending", append, 0, 0),
                                   ("not appending", append, RWF_NOAPPEND, 3), ("both", append, RWF_APPEND | RWF_NOAPPEND, 3)):
        trial.do(f"write {what}", os.pwritev, where, [b"ab"], at, flags) if at != -1 else trial.do(
            f"write {what}", raw, SYS["pwritev2"], where, struct.pack("PN", ctypes.addressof(BUFFER), 2), 1, -1, 0, flags)
        trial.do(f"place after {what}", os.lseek, where, 0, os.SEEK_CUR)
        trial.do(f"size after {what}", lambda: os.fstat(fd).st_size)
    buffers = [bytearray(4)]
    for what, flags, at in (("plain", 0, 0), ("hipri", RWF_HIPRI, 0), ("unknown", 1 << 20, 0), ("append", RWF_APPEND, 0), ("before", 0, -2)):
        trial.do(f"read {what}", os.preadv, fd, buffers, at, flags)
    for count in (1024, 1025):
        trial.do(f"{count} buffers", raw, 20, fd, struct.pack("PN", ctypes.addressof(BUFFER), 1) * count, count)
    trial.do("less than none", raw, 20, fd, b"", -1)
    trial.do("no buffers", raw, 20, fd, b"", 0)
    os.close(fd)
    os.close(append)
    trial.content("new")


BUFFER = ctypes.create_string_buffer(b"cd" * 8)


@check("odd/descriptor-settings")
def settings(trial):
    fd = os.open(trial.path("new"), os.O_RDWR | os.O_CREAT)
    os.write(fd, b"0123456789")
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    trial.do("append from now on", fcntl.fcntl, fd, fcntl.F_SETFL, flags | os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_SET)
    trial.write(fd, b"appended")
    trial.do("and no more", fcntl.fcntl, fd, fcntl.F_SETFL, flags & ~os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_SET)
    trial.write(fd, b"AB")
    trial.do("direct", fcntl.fcntl, fd, fcntl.F_SETFL, flags | os.O_NOATIME)
    trial.do("flags", lambda: fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_ACCMODE | os.O_APPEND | os.O_NOATIME))
    trial.do("seals", fcntl.fcntl, fd, 1033, 1)
    trial.do("read seals", fcntl.fcntl, fd, 1034)
    trial.do("pipe size", fcntl.fcntl, fd, 1032)
    trial.do("unknown", call, "fcntl", fd, 4711, 0)
    trial.do("notify of a file", fcntl.fcntl, fd, fcntl.F_NOTIFY, 2)
    trial.do("duplicate too high", fcntl.fcntl, fd, fcntl.F_DUPFD, 1 << 30)
    trial.do("owner", fcntl.fcntl, fd, fcntl.F_GETOWN)
    trial.do("signal", fcntl.fcntl, fd, 11)
    trial.do("life time hint", lambda: fcntl.fcntl(fd, 1036, struct.pack("Q", 2))[0])
    trial.do("seek before", os.lseek, fd, -1, os.SEEK_SET)
    trial.do("seek nowhere", os.lseek, fd, 0, 77)
    trial.do("data beyond", os.lseek, fd, 1 << 30, os.SEEK_DATA)
    trial.do("hole beyond", os.lseek, fd, 1 << 30, os.SEEK_HOLE)
    trial.do("data before", os.lseek, fd, -5, os.SEEK_DATA)
    trial.do("hole", os.lseek, fd, 0, os.SEEK_HOLE)
    trial.do("advise", os.posix_fadvise, fd, 0, 0, 99)
    trial.do("read ahead", call, "readahead", fd, 0, 10)
    trial.do("terminal", os.isatty, fd)
    trial.do("bytes to read", lambda: struct.unpack("i", fcntl.ioctl(fd, 0x541B, b"\0\0\0\0"))[0])
    trial.do("unknown request", fcntl.ioctl, fd, 0x1234, b"\0\0\0\0")
    trial.do("list it", call, "getdents64", fd, ctypes.create_string_buffer(100), 100)
    trial.do("chdir there", os.fchdir, fd)
    trial.do("listen", call, "faccessat2", fd, "", os.R_OK, AT_EMPTY_PATH)
    os.close(fd)
    folder = os.open(trial.path("."), os.O_RDONLY)
    trial.do("read a folder", os.read, folder, 10)
    trial.do("write a folder", os.write, folder, b"x")
    trial.do("place in a folder", os.pread, folder, 10, 0)
    trial.do("sync a folder", os.fsync, folder)
    trial.do("too little room", call, "getdents64", folder, ctypes.create_string_buffer(8), 8)
    trial.do("lock a folder", fcntl.flock, folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    trial.do("map a folder", lambda: raw(9, 0, 4096, 1, 2, folder, 0) and 0)
    trial.do("advise a folder", os.posix_fadvise, folder, 0, 0, 0)
    os.close(folder)
    path = os.open(trial.path("new"), os.O_PATH)
    for what, function, *args in (("read", os.read, 1), ("write", os.write, b"x"), ("sync", os.fsync), ("lock", fcntl.flock, fcntl.LOCK_SH),
                                  ("seek", os.lseek, 0, 0), ("mode", os.fchmod, 0o600), ("owner", os.fchown, -1, -1)):
        trial.do(f"{what} by path only", function, path, *args)
    trial.do("size by path only", lambda: os.fstat(path).st_size)
    os.close(path)
    trial.content("new")


@check("odd/statx")
def statx(trial):
    buffer = ctypes.create_string_buffer(256)
    fd = os.open(trial.path("small.txt"), os.O_RDONLY)
    for what, where, name, flags, mask in (
            ("all", AT_FDCWD, trial.path("small.txt"), 0, 0xfff), ("basic", AT_FDCWD, trial.path("small.txt"), 0, 0x7ff),
            ("no mask", AT_FDCWD, trial.path("small.txt"), 0, 0), ("reserved", AT_FDCWD, trial.path("small.txt"), 0, 0x80000000),
            ("by descriptor", fd, "", AT_EMPTY_PATH, 0x7ff), ("no name", fd, "", 0, 0x7ff), ("below a file", fd, "x", 0, 0x7ff),
            ("both syncs", AT_FDCWD, trial.path("small.txt"), 0x6000, 0x7ff), ("unknown flag", AT_FDCWD, trial.path("small.txt"), 0x80000, 0x7ff),
            ("dont sync", AT_FDCWD, trial.path("small.txt"), 0x4000, 0x7ff), ("nothing there", AT_FDCWD, trial.path("none"), 0, 0x7ff),
            ("bad descriptor", 999, "x", 0, 0x7ff), ("empty name here", AT_FDCWD, "", 0, 0x7ff)):
        trial.do(what, call, "statx", where, name, flags, mask, buffer)
        trial.do(f"mask of {what}", lambda m=mask: struct.unpack_from("I", buffer)[0] & m & 0x7ff)
        trial.do(f"size of {what}", lambda: struct.unpack_from("Q", buffer, 40)[0])
    os.close(fd)


@check("odd/flags-refused")
def flags_refused(trial):
    os.mkdir(trial.path("d"))
    name = trial.path("small.txt")
    for what, function, *args in (
            ("unlink", "unlinkat", AT_FDCWD, name, 1), ("access", "faccessat2", AT_FDCWD, name, 0, 0x10000), ("access mode", "faccessat2", AT_FDCWD, name, 99, 0),
            ("times", "utimensat", AT_FDCWD, name, None, 0x10000), ("symlink to nothing", "symlinkat", "", AT_FDCWD, trial.path("l")),
            ("mknod of a folder", "mknodat", AT_FDCWD, trial.path("m"), stat.S_IFDIR | 0o755, 0), ("mknod of a link", "mknodat", AT_FDCWD, trial.path("m"), stat.S_IFLNK, 0),
            ("mknod of a what", "mknodat", AT_FDCWD, trial.path("m"), 0o030000, 0), ("lock", "flock", 999, 2)):
        trial.do(what, call, function, *args)
    for flags in (RENAME_NOREPLACE | RENAME_EXCHANGE, RENAME_EXCHANGE | 4, 8, 1 << 31):
        trial.do(f"rename {flags}", renameat2, name, trial.path("d"), flags)
    trial.do("noreplace onto itself", renameat2, name, name, RENAME_NOREPLACE)
    trial.do("noreplace onto a folder", renameat2, name, trial.path("d"), RENAME_NOREPLACE)
    trial.do("a folder onto its parent, noreplace", renameat2, trial.path("d"), trial.path("."), RENAME_NOREPLACE)
    fd = os.open(name, os.O_RDWR)
    trial.do("flock, none", fcntl.flock, fd, 0)
    trial.do("flock, unknown", fcntl.flock, fd, 99)
    trial.do("below a file", os.open, "x", os.O_RDONLY, dir_fd=fd)
    trial.do("mkdir below a file", os.mkdir, "x", dir_fd=fd)
    trial.do("chmod too much", os.fchmod, fd, 0o177777)
    trial.attributes("small.txt")
    trial.do("connect", lambda: socket.socket(socket.AF_UNIX).connect(name))
    os.close(fd)


@check("odd/times")
def times(trial):
    name = trial.path("small.txt")
    for what, value in (("too many ns", (1, 1_000_000_000, 1, 1_000_000_000)), ("below", (1, -1, 1, -1)),
                        ("omit both", (5, (1 << 30) - 2, 5, (1 << 30) - 2)), ("far", (1, 0, 1 << 40, 0))):
        trial.do(what, call, "utimensat", AT_FDCWD, name, struct.pack("4q", *value), 0)
    os.utime(name, ns=(1_000_000_005, 2_000_000_007))
    trial.attributes("small.txt")
    fd = os.open(name, os.O_RDONLY)
    trial.do("by a reader", os.utime, fd, (1, 99))
    os.close(fd)
    trial.attributes("small.txt")
    trial.do("by an empty name", call, "utimensat", AT_FDCWD, "", None, 0)


@check("odd/umask-and-folders")
def umask_and_folders(trial):
    os.mkdir(trial.path("g"))
    os.chmod(trial.path("g"), 0o2755)
    os.umask(0o077)
    os.mkdir(trial.path("g/sub"), 0o777)
    fd = os.open(trial.path("g/file"), os.O_CREAT | os.O_WRONLY, 0o6777)
    os.close(fd)
    os.mknod(trial.path("g/node"), 0o666 | stat.S_IFREG)
    os.umask(0)
    os.mkdir(trial.path("t"), 0o1777)
    os.mkdir(trial.path("s"), 0o7777)
    fd = os.open(trial.path("all"), os.O_CREAT | os.O_WRONLY, 0o7777)
    os.close(fd)
    os.umask(0o022)
    for name in ("g", "g/sub", "g/file", "g/node", "t", "s", "all"):
        trial.attributes(name)


@check("odd/long-names")
def long_names(trial):
    os.mkdir(trial.path("d"))
    for what, name in (("255", "n" * 255), ("256", "n" * 256), ("path", "/".join(["p" * 200] * 30)), ("below", "n" * 256 + "/x"),
                       ("in the middle", "d/" + "n" * 256 + "/x")):
        trial.do(f"mkdir {what}", os.mkdir, trial.path(name))
        trial.do(f"stat {what}", lambda n=name: stat.S_IFMT(os.stat(trial.path(n)).st_mode))
        trial.do(f"open {what}", lambda n=name: os.close(os.open(trial.path(n), os.O_RDONLY)))
        trial.do(f"rename {what}", os.rename, trial.path("small.txt"), trial.path(name))
        trial.do(f"unlink {what}", os.unlink, trial.path(name))
        trial.do(f"symlink to {what}", os.symlink, name, trial.path(f"l{what}"))
