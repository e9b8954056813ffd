# SPDX-License-Identifier: Apache-2.0
"""Symbolic links: objects whose metadata says so, with the target as content."""
import os
import stat

from calls import AT_FDCWD, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE, linkat, renameat2
from trial import check


def told(trial, name, what="link"):
    try:
        st = os.lstat(trial.path(name))
        trial.say(what, [oct(st.st_mode), st.st_size, os.readlink(trial.path(name)) if stat.S_ISLNK(st.st_mode) else ""])
    except OSError as error:
        trial.say(what, error.strerror)


@check("symlink/make")
def make(trial):
    trial.do("symlink", os.symlink, "small.txt", trial.path("l"))
    told(trial, "l")
    trial.content("l")
    trial.do("taken", os.symlink, "base.bin", trial.path("l"))
    trial.do("onto a file", os.symlink, "l", trial.path("small.txt"))
    trial.do("empty", os.symlink, "", trial.path("m"))
    trial.do("into nothing", os.symlink, "small.txt", trial.path("none/l"))
    trial.names()


@check("symlink/dangling")
def dangling(trial):
    os.symlink("not/there", trial.path("l"))
    told(trial, "l")
    trial.do("stat", os.stat, trial.path("l"))
    trial.open("l", os.O_WRONLY | os.O_CREAT, what="create")
    trial.do("exists", os.path.lexists, trial.path("l"))


@check("symlink/create-through")
def create_through(trial):
    os.symlink("made", trial.path("l"))
    trial.open("l", os.O_WRONLY | os.O_CREAT | os.O_EXCL, what="exclusively")
    fd = trial.open("l", os.O_WRONLY | os.O_CREAT)
    trial.write(fd, b"through the link")
    trial.close(fd)
    trial.content("made")
    told(trial, "l")


@check("symlink/write-through")
def write_through(trial):
    os.symlink("base.bin", trial.path("l"))
    fd = trial.open("l", os.O_RDWR)
    trial.write(fd, b"through", 100000)
    trial.close(fd)
    trial.do("truncate", os.truncate, trial.path("l"), 200000)
    trial.do("chmod", os.chmod, trial.path("l"), 0o600)
    trial.do("utime", os.utime, trial.path("l"), ns=(1, 1234567890_000000007))
    trial.attributes("base.bin")
    told(trial, "l")


@check("symlink/no-follow")
def no_follow(trial):
    os.symlink("small.txt", trial.path("l"))
    trial.open("l", os.O_RDONLY | os.O_NOFOLLOW, what="open")
    trial.open("l", os.O_WRONLY | os.O_NOFOLLOW, what="to write")
    fd = trial.open("l", os.O_PATH | os.O_NOFOLLOW)
    trial.do("itself", lambda: oct(os.fstat(fd).st_mode))
    trial.close(fd)
    trial.do("its time", os.utime, trial.path("l"), ns=(1, 1000000000_000000000), follow_symlinks=False)
    trial.do("its owner", os.chown, trial.path("l"), os.getuid(), os.getgid(), follow_symlinks=False)
    trial.do("told", lambda: os.lstat(trial.path("l")).st_mtime_ns)
    trial.content("small.txt")


@check("symlink/unlink")
def unlink(trial):
    os.symlink("small.txt", trial.path("l"))
    trial.do("unlink", os.unlink, trial.path("l"))
    told(trial, "l")
    trial.content("small.txt")
    trial.do("again", os.symlink, "base.bin", trial.path("l"))
    told(trial, "l")


@check("symlink/rename")
def rename(trial):
    os.symlink("small.txt", trial.path("l"))
    trial.do("rename", os.rename, trial.path("l"), trial.path("m"))
    told(trial, "m")
    trial.do("over a file", os.rename, trial.path("m"), trial.path("base.bin"))
    told(trial, "base.bin", "link in the file's place")
    trial.do("a file over it", os.rename, trial.path("small.txt"), trial.path("base.bin"))
    told(trial, "base.bin", "a file again")


@check("symlink/exchange")
def exchange(trial):
    os.symlink("small.txt", trial.path("l"))
    trial.do("exchange", renameat2, trial.path("l"), trial.path("base.bin"), RENAME_EXCHANGE)
    told(trial, "base.bin")
    told(trial, "l")


@check("symlink/to-a-folder")
def to_a_folder(trial):
    os.mkdir(trial.path("d"))
    trial.make("d/file", b"in the folder")
    os.symlink("d", trial.path("l"))
    trial.content("l/file")
    trial.names("l")
    trial.make("l/other", b"made through the link")
    trial.do("mkdir", os.mkdir, trial.path("l/sub"))
    trial.do("rename", os.rename, trial.path("l/file"), trial.path("l/sub/moved"))
    trial.do("rmdir of the link", os.rmdir, trial.path("l"))
    trial.do("unlink with a slash", os.unlink, trial.path("l/"))
    trial.names("d")


@check("symlink/chain-and-loop")
def chain(trial):
    os.symlink("small.txt", trial.path("a"))
    os.symlink("a", trial.path("b"))
    os.symlink("./b", trial.path("c"))
    trial.content("c")
    os.symlink("y", trial.path("x"))
    os.symlink("x", trial.path("y"))
    trial.do("loop", os.stat, trial.path("x"))
    trial.open("x", os.O_WRONLY | os.O_CREAT, what="create")
    trial.do("unlink", os.unlink, trial.path("x"))


@check("symlink/upwards")
def upwards(trial):
    os.mkdir(trial.path("d"))
    os.symlink("../small.txt", trial.path("d/up"))
    os.symlink("d/up", trial.path("down"))
    trial.content("down")
    trial.do("rename of the folder", os.rename, trial.path("d"), trial.path("e"))
    told(trial, "e/up")
    trial.content("e/up")
    trial.do("down", os.stat, trial.path("down"))


@check("symlink/out-of-the-clouds")
def out(trial):
    os.symlink("/etc/hostname", trial.path("l"))
    told(trial, "l")
    trial.do("leads out", lambda: os.path.samefile(trial.path("l"), "/etc/hostname"))
    os.symlink("/etc", trial.path("d"))
    trial.do("through", lambda: len(os.stat(trial.path("d/hostname"))) > 0)


@check("symlink/absolute", left=False)
def absolute(trial):
    os.symlink(trial.path("small.txt"), trial.path("l"))
    trial.content("l")
    fd = trial.open("l", os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b"appended")
    trial.close(fd)
    trial.content("small.txt")


@check("symlink/hard-link-of-it")
def hard_link(trial):
    """link(2) takes the link itself, unless it is told to follow."""
    os.symlink("small.txt", trial.path("l"))
    trial.do("link", os.link, trial.path("l"), trial.path("second"), follow_symlinks=False)
    told(trial, "second")
    trial.do("followed", linkat, AT_FDCWD, trial.path("l"), trial.path("third"), AT_SYMLINK_FOLLOW)
    told(trial, "third")


@check("symlink/readlink-refused")
def readlink_refused(trial):
    os.mkdir(trial.path("d"))
    for name in ("small.txt", "d", "none", "small.txt/x"):
        trial.do("readlink", os.readlink, trial.path(name))
    os.symlink("z" * 300, trial.path("long"))
    told(trial, "long")
    trial.do("too long a name", os.stat, trial.path("long"))
