# SPDX-License-Identifier: Apache-2.0
"""Locks between processes: flock, fcntl's, and those of an open file description."""
import errno
import fcntl
import os
import struct

from calls import F_OFD_GETLK, F_OFD_SETLK, ofd_lock
from trial import check

RAISES = 400


def refused(call, *args):
    """0: the lock was had; an errno otherwise."""
    try:
        call(*args)
        return 0
    except OSError as error:
        return error.errno


def in_another(trial, what, lock):
    """What another process is told that opens the file and asks for a lock."""
    def other():
        fd = os.open(trial.path("base.bin"), os.O_RDWR)
        return {0: 0, errno.EAGAIN: 1, errno.EACCES: 1}.get(refused(lock, fd), 50)
    trial.child(other, what)


@check("lock/flock")
def flock(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("shared", fcntl.flock, fd, fcntl.LOCK_SH)
    in_another(trial, "shared as well", lambda fd: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    in_another(trial, "exclusive is refused", lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    trial.do("exclusive", fcntl.flock, fd, fcntl.LOCK_EX)
    in_another(trial, "shared is refused", lambda fd: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    trial.do("unlock", fcntl.flock, fd, fcntl.LOCK_UN)
    in_another(trial, "now it is had", lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    trial.close(fd)


@check("lock/flock-inherited")
def flock_inherited(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    trial.child(lambda: refused(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "the child has it as well")
    in_another(trial, "another has not", lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    trial.close(fd)
    in_another(trial, "after the close", lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))


@check("lock/flock-of-what-is-new")
def flock_new(trial):
    fd = trial.open("lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)

    def other():
        return refused(fcntl.flock, os.open(trial.path("lock"), os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
    trial.child(other, "refused")
    trial.write(fd, b"1234\n")
    os.fsync(fd)
    trial.child(other, "after fsync as well")
    trial.close(fd)


@check("lock/fcntl-ranges")
def ranges(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("lock", lambda: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 100, 1000))
    in_another(trial, "the same range", lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 1050))
    in_another(trial, "beside it", lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 1100))
    trial.do("unlock a part", lambda: fcntl.lockf(fd, fcntl.LOCK_UN, 50, 1000))
    in_another(trial, "the unlocked part", lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 50, 1000))
    other = trial.open("base.bin", os.O_RDWR)
    os.close(other)  # a process's locks go with any of its descriptors
    in_another(trial, "after any close", lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 100, 1000))
    trial.close(fd)


@check("lock/fcntl-told")
def told(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX, 10, 5)
    parent = os.getpid()

    def other():
        mine = os.open(trial.path("base.bin"), os.O_RDWR)
        answer = fcntl.fcntl(mine, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        kind, _, start, length, pid = struct.unpack("hhqqi4x", answer)
        return 0 if (kind, start, length, pid) == (fcntl.F_WRLCK, 5, 10, parent) else 1
    trial.child(other, "who has it")
    trial.close(fd)


@check("lock/fcntl-needs-the-mode")
def needs_the_mode(trial):
    fd = trial.open("base.bin")
    trial.do("exclusive by a reader", lambda: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    trial.do("shared by a reader", lambda: fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    trial.close(fd)


@check("lock/open-file-descriptions")
def descriptions(trial):
    one, two = trial.open("base.bin", os.O_RDWR), trial.open("base.bin", os.O_RDWR)
    trial.say("lock", refused(ofd_lock, one, fcntl.F_WRLCK, 0, 10))
    trial.say("by another description", refused(ofd_lock, two, fcntl.F_WRLCK, 5, 10))
    trial.say("beside it", refused(ofd_lock, two, fcntl.F_WRLCK, 10, 10))
    answer = struct.unpack("hhqqi4x", ofd_lock(two, fcntl.F_WRLCK, 0, 5, F_OFD_GETLK))
    trial.say("told", answer)
    in_another(trial, "by another process", lambda fd: ofd_lock(fd, fcntl.F_WRLCK, 0, 1, F_OFD_SETLK))
    trial.close(one)
    trial.say("after the close", refused(ofd_lock, two, fcntl.F_WRLCK, 0, 10))
    trial.close(two)


@check("lock/counter")
def counter(trial):
    """Each raises a number under a lock; none is lost."""
    trial.make("counter", b"%08d" % 0)

    def raises():
        for _ in range(RAISES // 4):
            fd = os.open(trial.path("counter"), os.O_RDWR)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            os.pwrite(fd, b"%08d" % (int(os.pread(fd, 8, 0)) + 1), 0)
            os.close(fd)
    for pid in [trial.start(raises) for _ in range(4)]:
        trial.wait(pid)
    trial.content("counter")


@check("lock/leases", differs={"lease": "EAGAIN"}, left=False)
def leases(trial):
    fd = trial.open("base.bin")
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        trial.say("lease", "EAGAIN")
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        trial.say("lease", errno.errorcode[error.errno])
    trial.close(fd)
