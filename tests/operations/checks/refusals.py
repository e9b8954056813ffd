# SPDX-License-Identifier: Apache-2.0
"""What is wrong is told by the same errors."""
import os
import resource
import signal
import socket

from calls import raw
from trial import check

SYS_WRITE, SYS_PWRITE = 1, 18


@check("refused/paths")
def paths(trial):
    create = os.O_WRONLY | os.O_CREAT
    for name, flags in (("none", os.O_WRONLY), ("none/new", create), ("small.txt/new", create), ("small.txt/", os.O_WRONLY), ("new/", create),
                        ("x" * 256, create), ("/".join(["y" * 200] * 25), create), (".", os.O_WRONLY), (".", os.O_RDWR), ("..", os.O_RDWR)):
        trial.open(name, flags, what="open")
    trial.names()


@check("refused/descriptors")
def descriptors(trial):
    reader, writer = trial.open("base.bin"), trial.open("small.txt", os.O_WRONLY)
    trial.write(reader, b"x")
    trial.write(reader, b"x", 5)
    trial.do("writev", os.writev, reader, [b"x"])
    trial.do("read", os.read, writer, 1)
    trial.do("pread", os.pread, writer, 1, 0)
    trial.close(reader)
    trial.close(writer)
    trial.write(reader, b"x", what="closed")
    trial.do("close closed", os.close, reader)


@check("refused/addresses")
def addresses(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("write", raw, SYS_WRITE, fd, 16, 10)
    trial.do("pwrite", raw, SYS_PWRITE, fd, 16, 10, 100)
    trial.do("offset", os.lseek, fd, 0, os.SEEK_CUR)
    trial.do("negative", raw, SYS_PWRITE, fd, 16, 10, -5)
    trial.close(fd)


@check("refused/too-far")
def too_far(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("end of offsets", os.pwrite, fd, b"x", (1 << 63) - 1)
    trial.do("seek", os.lseek, fd, -1, os.SEEK_SET)
    trial.do("seek whence", os.lseek, fd, 0, 9)
    trial.close(fd)


@check("refused/over-the-limit")
def over_the_limit(trial):
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        fd = os.open(trial.path("small.txt"), os.O_RDWR)
        part = os.pwrite(fd, b"x" * 100, 950)
        try:
            os.pwrite(fd, b"x", 1000)
        except OSError as error:
            return 0 if part == 50 and error.errno == 27 else 2
        return 1
    trial.child(limited)


@check("refused/sockets", differs={"bind": "EPERM", "names": ["base.bin", "small.txt"], "connect": "ENOENT"}, left=False)
def sockets(trial):
    """By relative names, since bind limits the length; where the kernel thinks we are nothing comes to be either."""
    os.chdir(trial.path())
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        trial.do("taken", one.bind, "small.txt")
        trial.do("bind", one.bind, "s")
        trial.do("connect", two.connect, "s")
        trial.do("connect to a file", two.connect, "small.txt")
    trial.say("at the root", os.path.exists("/s"))
    trial.names()


@check("refused/sockets-elsewhere", left=False)
def sockets_elsewhere(trial):
    """From a working directory in the clouds a local socket is reached as ever, by both kinds of name."""
    name = f"/tmp/operations-{os.getpid()}.socket"
    os.chdir(trial.path())
    for path in (name, os.path.relpath(name, trial.folder)):
        with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
            trial.do("bind", one.bind, path)
            one.listen()
            trial.do("connect", two.connect, path)
        trial.do("unlink", os.unlink, name)


@check("refused/between-file-systems", differs={"rename": "EXDEV", "link": "EXDEV", "rename out": "EXDEV"}, left=False)
def between(trial):
    """Programs copy then, as they do between two disks."""
    local = f"/tmp/operations-{os.getpid()}-{len(trial.folder)}"
    with open(local, "wb") as out:
        out.write(b"local")
    trial.do("link", os.link, local, trial.path("linked"))
    trial.do("rename out", os.rename, trial.path("small.txt"), local + ".out")
    trial.do("rename", os.rename, local, trial.path("moved"))
    for name in (local, local + ".out"):
        if os.path.exists(name):
            os.unlink(name)


@check("refused/roots", left=False)
def roots(trial):
    """The folder above all buckets: as read-only as it is, natively a directory that is not there."""
    trial.do("chdir", os.chdir, trial.path())
    if trial.folder.startswith("/cloud"):
        for what, call in (("file", lambda: os.open("/cloud/new", os.O_WRONLY | os.O_CREAT)),
                           ("file of a scheme", lambda: os.open("/cloud/s3/new", os.O_WRONLY | os.O_CREAT)),
                           ("folder", lambda: os.mkdir("/cloud/new")),
                           ("removal", lambda: os.rmdir("/cloud/s3"))):
            try:
                call()
                trial.say("wrong", what)
            except OSError as error:
                if error.errno not in (13, 16, 21, 22, 30, 39):
                    trial.say("wrong", f"{what}: {error}")
