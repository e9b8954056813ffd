# SPDX-License-Identifier: Apache-2.0
"""Copies that the kernel or the service makes: copy_file_range, FICLONE, sendfile, splice."""
import os

from calls import clone, clone_range
from trial import BASE, check


def pair(trial, target="copy"):
    return trial.open("base.bin"), trial.open(target, os.O_RDWR | os.O_CREAT)


def whole(call, *args):
    total = 0
    while n := call(*args):
        total += n
    return total


@check("copy/range-whole")
def range_whole(trial):
    source, target = pair(trial)
    trial.do("copy", whole, os.copy_file_range, source, target, 1 << 30)
    trial.close(source)
    trial.close(target)
    trial.content("copy")


@check("copy/range-part")
def range_part(trial):
    source, target = pair(trial, "small.txt")
    trial.do("copy", os.copy_file_range, source, target, 70000, 60000, 5)
    trial.do("offset of the source", os.lseek, source, 0, os.SEEK_CUR)
    trial.do("beyond", os.copy_file_range, source, target, 100, len(BASE) + 10, 5)
    trial.close(source)
    trial.close(target)


@check("copy/range-within")
def range_within(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("copy", os.copy_file_range, fd, fd, 50000, 0, 200000)
    trial.do("overlapping", os.copy_file_range, fd, fd, 50000, 0, 100)
    trial.close(fd)


@check("copy/range-of-what-changed")
def range_of_changed(trial):
    source = trial.open("base.bin", os.O_RDWR)
    trial.write(source, b"changed before it was copied", 70000)
    target = trial.open("copy", os.O_WRONLY | os.O_CREAT)
    trial.do("copy", whole, lambda: os.copy_file_range(source, target, 1 << 20))
    trial.close(target)
    trial.write(source, b"and after", 0)
    trial.close(source)


@check("copy/range-from-local")
def range_from_local(trial):
    with open(__file__, "rb") as source:
        size = os.fstat(source.fileno()).st_size
        target = trial.open("copy", os.O_WRONLY | os.O_CREAT)
        try:
            copied = whole(os.copy_file_range, source.fileno(), target, 1 << 20)
        except OSError:  # another file system: what cp does then
            copied = whole(lambda: os.write(target, os.read(source.fileno(), 1 << 20)))
        trial.say("copied", copied == size)
    trial.close(target)


@check("copy/range-to-a-reader")
def range_to_a_reader(trial):
    source, target = trial.open("base.bin"), trial.open("small.txt")
    trial.do("copy", os.copy_file_range, source, target, 10)
    trial.close(target)
    target = trial.open("small.txt", os.O_WRONLY | os.O_APPEND)
    trial.do("to what appends", os.copy_file_range, source, target, 10)
    trial.close(target)
    trial.close(source)


@check("copy/clone", differs={"clone": 0}, left=False)
def cloned(trial):
    """ext4 has none: here it is a copy by the service."""
    source, target = pair(trial)
    trial.do("clone", clone, target, source)
    trial.close(source)
    trial.close(target)


@check("copy/clone-seen")
def clone_seen(trial):
    source, target = pair(trial)
    try:
        clone(target, source)
    except OSError:
        whole(lambda: os.copy_file_range(source, target, 1 << 20))
    trial.attributes(target)
    trial.write(target, b"and changed", 100)
    trial.close(source)
    trial.close(target)
    trial.content("copy")
    trial.content("base.bin")


@check("copy/clone-refused", left=False, differs={
    "part": "EOPNOTSUPP", "onto itself": "EOPNOTSUPP", "onto what is not empty": "EOPNOTSUPP"})
def clone_refused(trial):
    """What is no whole copy is left to the program, which has the bytes copied."""
    source, target = pair(trial)
    trial.do("part", clone_range, target, source, 0, 4096, 0)
    trial.do("onto itself", clone, target, target)
    full = trial.open("small.txt", os.O_RDWR)
    trial.do("onto what is not empty", clone, full, source)
    trial.close(full)
    trial.close(source)
    trial.close(target)


@check("copy/sendfile-into")
def sendfile_into(trial):
    source, target = pair(trial)
    trial.do("sendfile", whole, lambda: os.sendfile(target, source, None, 1 << 20))
    trial.close(source)
    trial.close(target)


@check("copy/sendfile-middle")
def sendfile_middle(trial):
    source, target = pair(trial, "small.txt")
    os.lseek(target, 5, os.SEEK_SET)
    trial.do("sendfile", os.sendfile, target, source, 65000, 3000)
    trial.do("offset", os.lseek, target, 0, os.SEEK_CUR)
    trial.write(target, b"then")
    trial.close(source)
    trial.close(target)


@check("copy/splice-into")
def splice_into(trial):
    ends = os.pipe()
    target = trial.open("base.bin", os.O_RDWR)
    os.write(ends[1], b"through a pipe")
    trial.do("splice", os.splice, ends[0], target, 100, None, 70000)
    os.write(ends[1], b" at the offset")
    trial.do("splice", os.splice, ends[0], target, 100)
    trial.do("offset", os.lseek, target, 0, os.SEEK_CUR)
    for fd in ends:
        os.close(fd)
    trial.close(target)


@check("copy/splice-from")
def splice_from(trial):
    ends = os.pipe()
    source = trial.open("base.bin")
    trial.do("splice", os.splice, source, ends[1], 5000, 64000)
    trial.do("read", os.read, ends[0], 5000)
    for fd in ends:
        os.close(fd)
    trial.close(source)
