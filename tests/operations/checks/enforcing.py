# SPDX-License-Identifier: Apache-2.0
"""Modes and owners that decide (enforce_mode in the configuration: run writes it for these folders). A child without
capabilities does what they refuse; as root, files are given to other owners and groups first, so that each class of
permission bits is met. Natively the kernel refuses, in the bucket the runtime."""
import ctypes
import errno
import json
import os
import struct

from calls import AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE, raw, renameat2
from trial import check

OTHER, GROUP, STRANGERS = 1234, 2222, 3333  # a user; a group of the child's; one that is not
SYS_CAPSET, SYS_FACCESSAT2, AT_EACCESS = 126, 439, 0x200
CAPABILITIES_3 = 0x20080522
MODES = (0o000, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o700, 0o070, 0o007, 0o755, 0o444)


def drop():
    """Of root, what lets it pass everywhere."""
    if os.getuid() == 0:
        os.setgroups([0, GROUP])
    head = ctypes.create_string_buffer(struct.pack("Ii", CAPABILITIES_3, 0))
    raw(SYS_CAPSET, head, ctypes.create_string_buffer(24))


def told(call, *args, **named):
    try:
        result = call(*args, **named)
        return "ok" if result is None else result
    except OSError as error:
        return errno.errorcode[error.errno]


def opened(name, flags, mode=0o644):
    fd = os.open(name, flags, mode)
    os.close(fd)


def as_child(trial, what, function):
    """Says what function, without capabilities, returns: [[what, answer], ...]."""
    read, write = os.pipe()

    def child():
        drop()
        os.chdir(trial.path())
        os.write(write, json.dumps(function()).encode())

    pid = trial.start(child)
    os.close(write)
    data = b""
    while True:
        part = os.read(read, 65536)
        if not part:
            break
        data += part
    os.close(read)
    trial.wait(pid, f"{what}: ends")
    for one, answer in json.loads(data or "[]"):
        trial.say(f"{what}: {one}", answer)


def owners():
    """(uid, gid) that files are given: as root one of each class."""
    own = (os.getuid(), os.getgid())
    return [own, (OTHER, os.getgid()), (OTHER, GROUP), (OTHER, STRANGERS)] if os.getuid() == 0 else [own]


def each(trial, folders):
    """A file or folder of each owner and mode: their names."""
    names = []
    for i, (uid, gid) in enumerate(owners()):
        for mode in MODES:
            name = f"{'d' if folders else 'f'}{i}-{mode:o}"
            if folders:
                os.mkdir(trial.path(name))
                trial.make(f"{name}/in", b"in it")
            else:
                trial.make(name, b"content")
            if os.getuid() == 0:
                os.chown(trial.path(name), uid, gid)
            os.chmod(trial.path(name), mode)
            names.append(name)
    return names


@check("enforce/files")
def files(trial):
    names = each(trial, False)

    def uses():
        for name in names:
            yield f"read {name}", told(opened, name, os.O_RDONLY)
            yield f"write {name}", told(opened, name, os.O_WRONLY)
            yield f"both {name}", told(opened, name, os.O_RDWR | os.O_CREAT)
            yield f"cut {name}", told(opened, name, os.O_RDONLY | os.O_TRUNC) if name.startswith("f3") else "-"
            yield f"path {name}", told(opened, name, os.O_PATH)
            yield f"new {name}", told(opened, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            yield f"access {name}", [told(raw, SYS_FACCESSAT2, AT_FDCWD, name.encode(), mode, flags)
                                     for mode in range(8) for flags in (0, AT_EACCESS)]
            yield f"truncate {name}", told(os.truncate, name, 7)
            yield f"execute {name}", told(execute, name)
            yield f"stat {name}", told(lambda name=name: os.stat(name).st_size)
    as_child(trial, "files", lambda: list(uses()))


def execute(name):
    """What execve answers; a file of text that may be executed is ENOEXEC."""
    os.execv(name, [name])


@check("enforce/folders")
def folders(trial):
    names = each(trial, True)

    def uses():
        for name in names:
            yield f"list {name}", told(os.listdir, name)
            yield f"search {name}", told(opened, f"{name}/in", os.O_RDONLY)
            yield f"stat {name}/in", told(lambda name=name: os.stat(f"{name}/in").st_size)
            yield f"missing {name}", told(os.stat, f"{name}/none")
            yield f"make {name}", told(opened, f"{name}/new", os.O_WRONLY | os.O_CREAT)
            yield f"mkdir {name}", told(os.mkdir, f"{name}/sub")
            yield f"mkdir again {name}", told(os.mkdir, f"{name}/in")
            yield f"symlink {name}", told(os.symlink, "in", f"{name}/link")
            yield f"link {name}", told(os.link, f"{name}/in", f"{name}/hard")
            yield f"mknod {name}", told(os.mknod, f"{name}/node")
            yield f"readlink {name}", told(os.readlink, f"{name}/link")
            yield f"through {name}", told(opened, f"{name}/link", os.O_RDONLY)
            yield f"access {name}", [told(raw, SYS_FACCESSAT2, AT_FDCWD, name.encode(), mode, 0) for mode in range(8)]
            yield f"rename {name}", told(os.rename, f"{name}/new", f"{name}/renamed")
            yield f"remove {name}", told(os.unlink, f"{name}/renamed")
            yield f"remove none {name}", told(os.unlink, f"{name}/none")
            yield f"rmdir {name}", told(os.rmdir, f"{name}/sub")
            yield f"enter {name}", told(enter, name)
    as_child(trial, "folders", lambda: list(uses()))


def enter(name):
    os.chdir(name)
    answers = [told(opened, "in", os.O_RDONLY), told(os.stat, "../none"), told(opened, "../small.txt", os.O_RDONLY)]
    os.chdir("..")
    return answers


@check("enforce/sticky")
def sticky(trial):
    for i, (uid, gid) in enumerate(owners()):
        for mode in (0o1777, 0o777):
            for mine in (True, False):
                name = f"s{i}-{mode:o}-{mine}"
                os.mkdir(trial.path(name))
                for inner in ("file", "moved", "taken", "other"):
                    trial.make(f"{name}/{inner}", inner.encode())
                    if not mine and os.getuid() == 0:
                        os.chown(trial.path(f"{name}/{inner}"), OTHER, STRANGERS)
                os.mkdir(trial.path(f"{name}/empty"))
                if os.getuid() == 0:
                    os.chown(trial.path(name), uid, gid)
                os.chmod(trial.path(name), mode)

    def uses():
        for name in sorted(n for n in os.listdir(".") if n.startswith("s") and "-" in n):
            yield f"unlink {name}", told(os.unlink, f"{name}/file")
            yield f"rename {name}", told(os.rename, f"{name}/moved", f"{name}/elsewhere")
            yield f"over {name}", told(os.rename, f"{name}/other", f"{name}/taken")
            yield f"rmdir {name}", told(os.rmdir, f"{name}/empty")
            yield f"make {name}", told(opened, f"{name}/new", os.O_WRONLY | os.O_CREAT)
    as_child(trial, "sticky", lambda: list(uses()))


@check("enforce/rename")
def rename(trial):
    for name, mode in (("open", 0o777), ("shut", 0o555), ("hidden", 0o600)):
        os.mkdir(trial.path(name))
        for inner in ("a", "b"):
            trial.make(f"{name}/{inner}", inner.encode())
        os.mkdir(trial.path(f"{name}/sub"))
        os.chmod(trial.path(f"{name}/sub"), 0o555 if name == "open" else 0o755)
    for name, mode in (("open", 0o777), ("shut", 0o555), ("hidden", 0o600)):
        os.chmod(trial.path(name), mode)

    def uses():
        yield "out of a shut one", told(os.rename, "shut/a", "open/x")
        yield "into a shut one", told(os.rename, "open/a", "shut/x")
        yield "what is not there", told(os.rename, "shut/none", "open/x")
        yield "from hidden", told(os.rename, "hidden/a", "open/x")
        yield "over in a shut one", told(os.rename, "open/a", "shut/a")
        yield "noreplace", told(renameat2, "open/a", "shut/a", RENAME_NOREPLACE)
        yield "exchange", told(renameat2, "open/a", "shut/a", RENAME_EXCHANGE)
        yield "a folder that is shut", told(os.rename, "open/sub", "sub")
        yield "the same in place", told(os.rename, "open/sub", "open/sub2")
        yield "onto itself", told(os.rename, "shut/a", "shut/a")
        yield "below itself", told(os.rename, "open/sub2", "open/sub2/x")
        yield "well", told(os.rename, "open/a", "open/b")
    as_child(trial, "rename", lambda: list(uses()))


@check("enforce/attributes")
def attributes(trial):
    for i, (uid, gid) in enumerate(owners()):
        for mode in (0o666, 0o644, 0o600):
            trial.make(f"a{i}-{mode:o}", b"content")
            os.setxattr(trial.path(f"a{i}-{mode:o}"), "user.x", b"1")
            if os.getuid() == 0:
                os.chown(trial.path(f"a{i}-{mode:o}"), uid, gid)
            os.chmod(trial.path(f"a{i}-{mode:o}"), mode)

    def uses():
        for name in sorted(n for n in os.listdir(".") if n.startswith("a")):
            yield f"getxattr {name}", told(lambda name=name: os.getxattr(name, "user.x").decode())
            yield f"listxattr {name}", told(os.listxattr, name)
            yield f"setxattr {name}", told(os.setxattr, name, "user.x", b"2")
            yield f"utimes {name}", told(os.utime, name, (5, 5))
            yield f"touch {name}", told(os.utime, name)
            yield f"noatime {name}", told(opened, name, os.O_RDONLY | os.O_NOATIME)
            fd = told(os.open, name, os.O_RDONLY)
            if isinstance(fd, int):
                yield f"fchmod {name}", told(os.fchmod, fd, 0o640)
                yield f"fsetxattr {name}", told(os.setxattr, fd, "user.y", b"3")
                os.close(fd)
            yield f"chgrp {name}", told(os.chown, name, -1, GROUP if os.getuid() == 0 else os.getgid())
            yield f"chgrp away {name}", told(os.chown, name, -1, STRANGERS)
            yield f"chown {name}", told(os.chown, name, OTHER, -1)
            yield f"chmod {name}", told(os.chmod, name, 0o604)
    as_child(trial, "attributes", lambda: list(uses()))


@check("enforce/a-way-through")
def a_way_through(trial):
    """Directories on the way, from where a relative name starts; links."""
    os.makedirs(trial.path("a/b/c"))
    trial.make("a/b/c/file", b"deep")
    os.symlink("a/b/c/file", trial.path("link"))
    inner = os.open(trial.path("a/b/c"), os.O_RDONLY | os.O_DIRECTORY)
    os.chmod(trial.path("a/b"), 0o600)

    def uses():
        yield "by its path", told(opened, "a/b/c/file", os.O_RDONLY)
        yield "by a link", told(opened, "link", os.O_RDONLY)
        yield "the link itself", told(os.readlink, "link")
        yield "the folder", told(os.stat, "a/b/c")
        yield "its names", told(os.listdir, "a/b")
        yield "from inside", told(os.open, "file", os.O_RDONLY, dir_fd=inner) not in ("EACCES", "ENOENT")
        yield "up again", told(os.stat, "../c/file", dir_fd=inner)
        yield "into it", told(os.fchdir, inner)
        yield "there", told(opened, "file", os.O_RDONLY)
    as_child(trial, "way", lambda: list(uses()))
    os.close(inner)
    os.chmod(trial.path("a/b"), 0o755)


@check("enforce/root-passes")
def root_passes(trial):
    """Whoever runs this: root goes everywhere, others only where they may. Nothing may be executed that nobody may execute."""
    os.mkdir(trial.path("d"))
    trial.make("d/file", b"content", 0o000)
    os.chmod(trial.path("d"), 0o000)
    trial.do("open", opened, trial.path("d/file"), os.O_RDWR)
    trial.do("access", os.access, trial.path("d/file"), os.R_OK | os.W_OK)
    trial.do("access to execute", os.access, trial.path("d/file"), os.X_OK)
    trial.do("make", opened, trial.path("d/new"), os.O_WRONLY | os.O_CREAT)
    trial.do("list", lambda: sorted(os.listdir(trial.path("d"))))
    os.chmod(trial.path("d"), 0o755)
