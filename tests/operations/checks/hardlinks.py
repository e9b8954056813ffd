# SPDX-License-Identifier: Apache-2.0
"""Several names of one file, while it is open and right after it was closed."""
import fcntl
import mmap
import os

from trial import BASE, check


def same(trial, *names):
    """Are they one file, and how many names has it?"""
    found = [os.stat(trial.path(name)) for name in names]
    trial.say("same", [len({(st.st_dev, st.st_ino) for st in found}), [st.st_nlink for st in found]])


def link(trial, old, new):
    return trial.do(f"link {new}", os.link, trial.path(old), trial.path(new))


@check("hardlink/open")
def opened(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    link(trial, "base.bin", "second")
    same(trial, "base.bin", "second")
    trial.say("count", os.fstat(fd).st_nlink)
    trial.write(fd, b"changed", 70000)
    trial.content("second")
    other = trial.open("second", os.O_RDWR)
    trial.write(other, b"by the other", 200000)
    trial.do("read", os.pread, fd, 20, 199996)
    trial.do("cut", os.ftruncate, other, 250000)
    trial.say("size", os.fstat(fd).st_size)
    trial.close(fd)
    trial.close(other)
    same(trial, "base.bin", "second")


@check("hardlink/made-and-linked")
def made(trial):
    fd = trial.open("new", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    trial.write(fd, BASE)
    link(trial, "new", "second")
    link(trial, "second", "third")
    link(trial, "third", "second")
    trial.write(fd, b"more")
    trial.do("unlink", os.unlink, trial.path("new"))
    trial.write(fd, b"and more")
    trial.say("count", os.fstat(fd).st_nlink)
    trial.close(fd)
    same(trial, "second", "third")
    trial.names()


@check("hardlink/closed")
def closed(trial):
    link(trial, "small.txt", "second")
    same(trial, "small.txt", "second")
    fd = trial.open("second", os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b"appended\n")
    trial.close(fd)
    trial.content("small.txt")
    fd = trial.open("small.txt", os.O_WRONLY | os.O_TRUNC)
    trial.write(fd, b"anew\n")
    trial.close(fd)
    trial.content("second")


@check("hardlink/attributes")
def attributes(trial):
    link(trial, "small.txt", "second")
    trial.do("chmod", os.chmod, trial.path("second"), 0o600)
    trial.do("utime", os.utime, trial.path("small.txt"), ns=(1, 1234567890_000000007))
    trial.attributes("small.txt")
    trial.attributes("second")
    fd = trial.open("small.txt")
    trial.do("fchmod", os.fchmod, fd, 0o640)
    trial.attributes("second")
    trial.close(fd)


@check("hardlink/names")
def names(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    for name in ("second", "third", "fourth"):
        link(trial, "small.txt", name)
    trial.do("rename", os.rename, trial.path("second"), trial.path("fifth"))
    trial.do("rename to itself", os.rename, trial.path("third"), trial.path("fourth"))
    trial.do("replace", os.rename, trial.path("base.bin"), trial.path("fourth"))
    trial.do("rename the first", os.rename, trial.path("small.txt"), trial.path("sixth"))
    trial.write(fd, b"HELLO")
    trial.say("count", os.fstat(fd).st_nlink)
    same(trial, "third", "fifth", "sixth")
    trial.close(fd)
    trial.names()


@check("hardlink/folder-moves")
def folder_moves(trial):
    os.mkdir(trial.path("folder"))
    link(trial, "small.txt", "folder/second")
    trial.do("rename", os.rename, trial.path("folder"), trial.path("moved"))
    fd = trial.open("moved/second", os.O_WRONLY)
    trial.write(fd, b"HELLO")
    trial.close(fd)
    trial.content("small.txt")


@check("hardlink/mapped-and-locked")
def mapped(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    link(trial, "small.txt", "second")
    with mmap.mmap(fd, 0) as memory:
        memory[:5] = b"HELLO"
        trial.content("second")
    trial.do("lock", fcntl.flock, fd, fcntl.LOCK_EX)

    def other():
        other_fd = os.open(trial.path("second"), os.O_RDWR)
        fcntl.flock(other_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    trial.child(other, "another process")
    trial.close(fd)


@check("hardlink/last-name-gone")
def gone(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    link(trial, "small.txt", "second")
    for name in ("small.txt", "second"):
        trial.do("unlink", os.unlink, trial.path(name))
        trial.say("count", os.fstat(fd).st_nlink)
    trial.write(fd, b"nowhere", 3)
    trial.do("read", os.pread, fd, 20, 0)
    trial.do("link", os.link, f"/proc/self/fd/{fd}", trial.path("again"), follow_symlinks=True)
    trial.close(fd)
    trial.names()
