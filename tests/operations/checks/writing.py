# SPDX-License-Identifier: Apache-2.0
"""Bytes: offsets, appending by many, vectors and their flags, O_DIRECT and O_SYNC, large files."""
import os
import random

from calls import PAGE, aligned
from trial import BASE, check

WRITERS, LINES = 6, 100


def appending(trial, one_for_all):
    name = "log"
    shared = os.open(trial.path(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if one_for_all else None

    def writer(number):
        fd = os.open(trial.path(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if shared is None else shared
        for line in range(LINES):
            os.write(fd, b"%02d %05d and a text that makes it longer\n" % (number, line))
        os.close(fd)

    pids = [trial.start(lambda number=number: writer(number)) for number in range(WRITERS)]
    for pid in pids:
        trial.wait(pid, "writer")
    if shared is not None:
        trial.close(shared)
    with open(trial.path(name), "rb") as source:
        lines = source.read().split(b"\n")
    trial.say("lines", len(lines))
    trial.say("sorted", b"\n".join(sorted(lines)))
    for number in range(WRITERS):
        own = [line for line in lines if line.startswith(b"%02d " % number)]
        trial.say("in order", own == sorted(own))
    # whose line is where is not the same twice: so they are put in order for the comparison
    fd = trial.open(name, os.O_WRONLY)
    trial.write(fd, b"\n".join(sorted(lines)[1:] + [b""]))
    trial.close(fd)


@check("write/append-by-processes")
def append_by_processes(trial):
    appending(trial, False)


@check("write/append-by-inheritors")
def append_by_inheritors(trial):
    appending(trial, True)


@check("write/random")
def at_random(trial):
    chance = random.Random(5)
    fd = trial.open("base.bin", os.O_RDWR)
    for _ in range(200):
        os.pwrite(fd, chance.randbytes(chance.randrange(1, 5000)), chance.randrange(len(BASE) + 50000))
    trial.do("read", os.pread, fd, len(BASE) + 60000, 0)
    trial.close(fd)


@check("write/random-with-closes")
def at_random_with_closes(trial):
    chance = random.Random(6)
    for _ in range(12):
        fd = trial.open("base.bin", os.O_RDWR)
        for _ in range(5):
            os.pwrite(fd, chance.randbytes(chance.randrange(1, 5000)), chance.randrange(len(BASE) + 50000))
        trial.close(fd)
    trial.content("base.bin")


@check("write/edges-of-blocks")
def edges(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    for at in (0, 65535, 131072, 196607, len(BASE) - 1, len(BASE)):
        trial.write(fd, b"ed", at)
    trial.do("read", os.pread, fd, 400000, 0)
    trial.close(fd)


@check("write/far-beyond-the-end")
def far(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    trial.write(fd, b"far", 5_000_000)
    trial.do("hole", os.pread, fd, 20, 4_999_990)
    trial.do("data", os.lseek, fd, 0, os.SEEK_DATA)
    trial.do("end", os.lseek, fd, 0, os.SEEK_END)
    trial.close(fd)
    trial.attributes("small.txt")


@check("write/nothing")
def nothing(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.write(fd, b"")
    trial.write(fd, b"", 1_000_000)
    trial.attributes(fd)
    trial.close(fd)


@check("write/vectors")
def vectors(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("writev", os.writev, fd, [b"one", b"", b"two" * 30000])
    trial.do("pwritev", os.pwritev, fd, [b"three", b"four"], 131070)
    trial.do("at the current offset", os.pwritev, fd, [b"five"], -1, os.RWF_DSYNC)
    trial.do("offset", os.lseek, fd, 0, os.SEEK_CUR)
    trial.close(fd)


@check("write/vector-flags")
def vector_flags(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("append", os.pwritev, fd, [b"app", b"end"], 5, os.RWF_APPEND)
    trial.do("dsync", os.pwritev, fd, [b"dsync"], 10, os.RWF_DSYNC)
    trial.do("sync", os.pwritev, fd, [b"sync"], 20, os.RWF_SYNC)
    trial.do("hipri", os.pwritev, fd, [b"hipri"], 30, os.RWF_HIPRI)
    trial.do("unknown", os.pwritev, fd, [b"unknown"], 40, 0x8000)
    trial.do("offset", os.lseek, fd, 0, os.SEEK_CUR)
    trial.close(fd)


@check("write/append-positioned")
def append_positioned(trial):
    """pwrite to a descriptor that appends, appends: a peculiarity of Linux."""
    fd = trial.open("base.bin", os.O_RDWR | os.O_APPEND)
    trial.write(fd, b"appended", 5)
    trial.do("vector", os.pwritev, fd, [b"as", b"well"], 9)
    trial.do("offset", os.lseek, fd, 0, os.SEEK_CUR)
    trial.close(fd)


@check("write/direct")
def direct(trial):
    fd = trial.open("base.bin", os.O_RDWR | os.O_DIRECT)
    trial.do("aligned", os.pwritev, fd, [aligned(b"D" * 2 * PAGE)], 16 * PAGE)
    memory = aligned(b"\0" * PAGE)
    trial.do("read", os.preadv, fd, [memory], 16 * PAGE)
    trial.say("is", memory[:20])
    trial.close(fd)


@check("write/direct-new")
def direct_new(trial):
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
    for _ in range(3):
        trial.do("write", os.writev, fd, [aligned(b"N" * PAGE)])
    trial.close(fd)


@check("write/synchronous")
def synchronous(trial):
    for name, flag in (("sync", os.O_SYNC), ("dsync", os.O_DSYNC)):
        fd = trial.open(name, os.O_RDWR | os.O_CREAT | flag)
        trial.write(fd, b"first")
        trial.write(fd, b"second")
        trial.close(fd)
    fd = trial.open("base.bin", os.O_RDWR | os.O_SYNC)
    trial.write(fd, b"synchronous", 100000)
    trial.close(fd)


@check("write/two-descriptors")
def two_descriptors(trial):
    one, two = trial.open("base.bin", os.O_RDWR), trial.open("base.bin", os.O_RDWR)
    trial.write(one, b"first", 10)
    trial.write(two, b"second", 100000)
    trial.do("seen", os.pread, two, 10, 8)
    trial.close(one)
    trial.write(two, b"third", 200000)
    trial.close(two)


@check("write/duplicates")
def duplicates(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    twin = os.dup(fd)
    trial.write(fd, b"one")
    trial.write(twin, b"two")
    trial.close(fd)
    trial.write(twin, b"three")
    trial.close(twin)


@check("write/inherited")
def inherited(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.write(fd, b"parent")
    trial.child(lambda: os.write(fd, b"child") - 5)
    trial.do("offset", os.lseek, fd, 0, os.SEEK_CUR)
    trial.write(fd, b"parent again")
    trial.close(fd)


@check("write/by-a-program")
def by_a_program(trial):
    """The descriptor is a program's standard output."""
    fd = trial.open("out", os.O_WRONLY | os.O_CREAT)
    pid = os.posix_spawn("/bin/echo", ["echo", "from another program"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, fd, 1)])
    trial.wait(pid)
    trial.write(fd, b"and from us\n")
    trial.close(fd)
    trial.content("out")


@check("write/large")
def large(trial):
    """Over 16 MiB: in parts."""
    chance = random.Random(8)
    fd = trial.open("large", os.O_RDWR | os.O_CREAT)
    for _ in range(18):
        os.write(fd, chance.randbytes(1 << 20))
    trial.attributes(fd)
    trial.close(fd)


@check("write/large-edited")
def large_edited(trial):
    """Parts without a change are copied."""
    large(trial)
    fd = trial.open("large", os.O_RDWR)
    trial.write(fd, b"an edit", 17_000_000)
    trial.close(fd)
    fd = trial.open("large", os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b"an end")
    trial.close(fd)
    trial.do("truncate", os.truncate, trial.path("large"), (17 << 20) + 5)
    trial.attributes("large")


@check("write/unclosed")
def unclosed(trial):
    """A process that ends without closing."""
    def ends():
        fd = os.open(trial.path("unclosed"), os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"not closed")
    trial.child(ends)


@check("write/by-name-while-open")
def by_name_while_open(trial):
    """Everybody here sees what was written, before it is in the bucket."""
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT)
    trial.write(fd, b"not closed yet")
    trial.content("new", "by another descriptor")
    trial.child(lambda: os.path.getsize(trial.path("new")), "size in another process")
    trial.names()
    trial.close(fd)
