# SPDX-License-Identifier: Apache-2.0
"""Extended attributes of the user's: kept in the object's metadata, as s3fs has them (docs/writing.md)."""
import os

from trial import check


def told(trial, name="small.txt", what="attributes"):
    trial.do(what, lambda: sorted((key, os.getxattr(trial.path(name), key)) for key in os.listxattr(trial.path(name))))


@check("xattr/set")
def set_one(trial):
    trial.do("none", os.getxattr, trial.path("small.txt"), "user.none")
    trial.do("set", os.setxattr, trial.path("small.txt"), "user.one", b"value")
    trial.do("binary", os.setxattr, trial.path("small.txt"), "user.two", bytes(range(256)))
    trial.do("empty", os.setxattr, trial.path("small.txt"), "user.empty", b"")
    told(trial)
    trial.do("again", os.setxattr, trial.path("small.txt"), "user.one", b"another")
    trial.do("remove", os.removexattr, trial.path("small.txt"), "user.two")
    trial.do("remove again", os.removexattr, trial.path("small.txt"), "user.two")
    told(trial)
    trial.content("small.txt")


@check("xattr/flags")
def flags(trial):
    path = trial.path("small.txt")
    trial.do("replace what is not there", os.setxattr, path, "user.x", b"1", os.XATTR_REPLACE)
    trial.do("create", os.setxattr, path, "user.x", b"2", os.XATTR_CREATE)
    trial.do("create again", os.setxattr, path, "user.x", b"3", os.XATTR_CREATE)
    trial.do("replace", os.setxattr, path, "user.x", b"4", os.XATTR_REPLACE)
    trial.do("of nothing", os.setxattr, trial.path("none"), "user.x", b"5")
    trial.do("another kind", os.setxattr, path, "none.x", b"6")
    told(trial)


@check("xattr/by-descriptor")
def by_descriptor(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.write(fd, b"changed", 100000)
    trial.do("set", os.setxattr, fd, "user.one", b"while it is written")
    trial.do("get", os.getxattr, fd, "user.one")
    trial.close(fd)
    told(trial, "base.bin")


@check("xattr/kept")
def kept(trial):
    """By writing, by chmod, by rename."""
    os.setxattr(trial.path("small.txt"), "user.one", b"kept")
    fd = trial.open("small.txt", os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b"more")
    trial.close(fd)
    told(trial)
    os.chmod(trial.path("small.txt"), 0o600)
    os.rename(trial.path("small.txt"), trial.path("moved"))
    told(trial, "moved")
    trial.attributes("moved")


@check("xattr/of-what-is-new")
def of_what_is_new(trial):
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT)
    trial.do("set", os.setxattr, trial.path("new"), "user.one", b"new")
    trial.write(fd, b"content")
    trial.close(fd)
    told(trial, "new")


@check("xattr/of-a-directory")
def of_a_directory(trial):
    os.mkdir(trial.path("d"))
    trial.do("none", os.getxattr, trial.path("d"), "user.one")
    trial.do("none to list", os.listxattr, trial.path("d"))
    trial.do("set", os.setxattr, trial.path("d"), "user.one", b"a directory's")
    trial.do("create again", os.setxattr, trial.path("d"), "user.one", b"x", os.XATTR_CREATE)
    trial.do("set another", os.setxattr, trial.path("d"), "user.two", b"2")
    told(trial, "d")
    os.chmod(trial.path("d"), 0o750)
    trial.attributes("d")
    told(trial, "d", "after chmod")
    trial.make("d/file", b"in it")
    os.rename(trial.path("d"), trial.path("e"))
    told(trial, "e", "renamed")
    fd = trial.open("e", os.O_RDONLY | os.O_DIRECTORY)
    trial.do("by descriptor", os.getxattr, fd, "user.two")
    trial.do("remove by descriptor", os.removexattr, fd, "user.two")
    trial.do("set by descriptor", os.setxattr, fd, "user.three", b"3")
    trial.do("list by descriptor", lambda: sorted(os.listxattr(fd)))
    trial.close(fd)
    told(trial, "e", "at last")
    trial.attributes("e")


@check("xattr/of-a-directory-without-a-mark")
def of_an_implied_one(trial):
    """Natively an ordinary one; in the bucket the check's own folder exists by its files alone."""
    trial.do("none", os.listxattr, trial.path())
    trial.do("set", os.setxattr, trial.path(), "user.one", b"value")
    told(trial, ".")
    trial.do("remove", os.removexattr, trial.path(), "user.one")
    told(trial, ".", "without")
