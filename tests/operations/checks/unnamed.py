# SPDX-License-Identifier: Apache-2.0
"""O_TMPFILE, and the name it gets by linkat."""
import os

from calls import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, linkat
from trial import BASE, check


def unnamed(trial, flags=os.O_RDWR, mode=0o640):
    return trial.open(".", os.O_TMPFILE | flags, mode, "unnamed")


@check("unnamed/linked")
def linked(trial):
    fd = unnamed(trial)
    trial.write(fd, BASE)
    trial.names()
    trial.do("link", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", trial.path("named"), AT_SYMLINK_FOLLOW)
    trial.content("named")
    trial.write(fd, b"after the link", 100)
    trial.close(fd)
    trial.attributes("named")


@check("unnamed/linked-by-descriptor")
def linked_by_descriptor(trial):
    """Only who may override permissions: others are told ENOENT by both."""
    fd = unnamed(trial)
    trial.write(fd, b"content")
    if os.getuid() == 0:
        trial.do("link", linkat, fd, "", trial.path("named"), AT_EMPTY_PATH)
    trial.close(fd)
    trial.names()


@check("unnamed/forgotten")
def forgotten(trial):
    fd = unnamed(trial)
    trial.write(fd, BASE)
    trial.do("read", os.pread, fd, 100, 60000)
    trial.do("fsync", os.fsync, fd)
    trial.close(fd)
    trial.names()


@check("unnamed/name-taken")
def name_taken(trial):
    fd = unnamed(trial)
    trial.do("taken", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", trial.path("small.txt"), AT_SYMLINK_FOLLOW)
    trial.do("in nothing", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", trial.path("none/x"), AT_SYMLINK_FOLLOW)
    trial.close(fd)


@check("unnamed/refused")
def refused(trial):
    trial.open(".", os.O_TMPFILE | os.O_RDONLY, what="to read")
    trial.open("small.txt", os.O_TMPFILE | os.O_RDWR, what="of a file")
    trial.open("none", os.O_TMPFILE | os.O_RDWR, what="of nothing")
    fd = trial.open(".", os.O_TMPFILE | os.O_RDWR | os.O_EXCL)
    trial.do("exclusive", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", trial.path("named"), AT_SYMLINK_FOLLOW)
    trial.close(fd)


@check("unnamed/attributes")
def attributes(trial):
    fd = unnamed(trial, os.O_WRONLY, 0o600)
    trial.do("fchmod", os.fchmod, fd, 0o644)
    trial.write(fd, b"x")
    trial.do("futimens", os.utime, fd, ns=(1, 1234567890_000000007))
    trial.do("link", linkat, AT_FDCWD, f"/proc/self/fd/{fd}", trial.path("named"), AT_SYMLINK_FOLLOW)
    trial.close(fd)
    trial.attributes("named")
