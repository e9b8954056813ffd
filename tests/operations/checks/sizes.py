# SPDX-License-Identifier: Apache-2.0
"""Size and allocation."""
import os

from calls import COLLAPSE_RANGE, INSERT_RANGE, KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, fallocate
from trial import BASE, check


@check("size/truncate-both-ways")
def both_ways(trial):
    """What was cut off does not come back."""
    path = trial.path("base.bin")
    for size in (100000, 200000, 65536, 65537, len(BASE)):
        trial.do("truncate", os.truncate, path, size)
    trial.content("base.bin")


@check("size/ftruncate-both-ways")
def both_ways_fd(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    for size in (100000, 200000, 65536, 65537, len(BASE), 0, 70000):
        trial.do("ftruncate", os.ftruncate, fd, size)
        trial.do("around", os.pread, fd, 30, 65530)
    trial.close(fd)


@check("size/cut-and-append")
def cut_and_append(trial):
    fd = trial.open("base.bin", os.O_RDWR | os.O_APPEND)
    trial.do("ftruncate", os.ftruncate, fd, 1000)
    trial.write(fd, b"appended to what is left")
    trial.close(fd)


@check("size/cut-by-another")
def cut_by_another(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    os.lseek(fd, 200000, os.SEEK_SET)
    trial.child(lambda: os.truncate(trial.path("base.bin"), 10))
    trial.attributes(fd)
    trial.do("read", os.read, fd, 10)
    trial.write(fd, b"beyond")
    trial.close(fd)


@check("size/ftruncate-of-a-reader")
def of_a_reader(trial):
    fd = trial.open("base.bin")
    trial.do("ftruncate", os.ftruncate, fd, 10)
    trial.do("fallocate", fallocate, fd, 0, 0, 10)
    trial.close(fd)


@check("size/bad")
def bad(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("negative", os.ftruncate, fd, -1)
    trial.do("negative by name", os.truncate, trial.path("base.bin"), -1)
    trial.do("none", os.truncate, trial.path("none"), 1)
    trial.do("a directory", os.truncate, trial.path(), 1)
    trial.do("below a file", os.truncate, trial.path("base.bin/x"), 1)
    trial.do("allocate nothing", fallocate, fd, 0, 0, 0)
    trial.do("allocate before", fallocate, fd, 0, -1, 10)
    trial.do("allocate too much", fallocate, fd, 0, 1 << 62, 1 << 62)
    trial.do("punch without keeping the size", fallocate, fd, PUNCH_HOLE, 0, 10)
    trial.do("unknown", fallocate, fd, 0x800, 0, 10)
    trial.close(fd)
    trial.do("closed", os.ftruncate, fd, 1)


@check("size/collapse-and-insert", differs={"collapse": "EOPNOTSUPP", "insert": "EOPNOTSUPP"})
def collapse(trial):
    fd = trial.open("new", os.O_RDWR | os.O_CREAT)
    trial.write(fd, b"x" * 5000)
    trial.do("collapse", fallocate, fd, COLLAPSE_RANGE, 0, 4095)
    trial.do("insert", fallocate, fd, INSERT_RANGE, 0, 4095)
    trial.close(fd)


@check("size/punch-many")
def punch_many(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    for at in range(1000, len(BASE), 50000):
        trial.do("punch", fallocate, fd, PUNCH_HOLE | KEEP_SIZE, at, 12345)
    trial.do("beyond", fallocate, fd, PUNCH_HOLE | KEEP_SIZE, len(BASE) + 10, 100)
    trial.do("over the end", fallocate, fd, PUNCH_HOLE | KEEP_SIZE, len(BASE) - 10, 100)
    trial.attributes(fd)
    trial.close(fd)


@check("size/punch-all")
def punch_all(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("punch", fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 0, len(BASE))
    trial.close(fd)


@check("size/zero-beyond")
def zero_beyond(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("zero", fallocate, fd, ZERO_RANGE, len(BASE) + 100, 5000)
    trial.attributes(fd)
    trial.do("zero keeping", fallocate, fd, ZERO_RANGE | KEEP_SIZE, len(BASE) + 100, 500000)
    trial.attributes(fd)
    trial.close(fd)


@check("size/posix-fallocate")
def posix(trial):
    fd = trial.open("new", os.O_RDWR | os.O_CREAT)
    trial.do("allocate", os.posix_fallocate, fd, 100, 100000)
    trial.write(fd, b"in it", 50)
    trial.close(fd)


@check("size/of-what-is-not-fetched")
def not_fetched(trial):
    """Longer, then shorter, without any of the content being asked for by a program."""
    trial.do("longer", os.truncate, trial.path("base.bin"), len(BASE) + 1)
    trial.do("shorter", os.truncate, trial.path("base.bin"), len(BASE) - 1)
    trial.attributes("base.bin")
