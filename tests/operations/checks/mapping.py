# SPDX-License-Identifier: Apache-2.0
"""Shared mappings: what is written to memory is in the bucket."""
import mmap
import os

from calls import mapped
from trial import BASE, check


@check("map/msync")
def msync(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))
    memory[100000:100006] = b"mapped"
    trial.do("read", os.pread, fd, 20, 99995)
    trial.do("msync", memory.flush)
    memory.close()
    trial.close(fd)


@check("map/without-msync")
def without_msync(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))
    memory[0:6] = b"mapped"
    memory.close()
    trial.close(fd)


@check("map/descriptor-closed-first")
def closed_first(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))
    trial.close(fd)
    memory[200000:200006] = b"mapped"
    memory.close()


@check("map/new-file")
def new_file(trial):
    fd = trial.open("new", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 100000)
    memory = mapped(fd, 100000)
    memory[:] = BASE[:100000]
    trial.do("msync", memory.flush)
    memory.close()
    trial.close(fd)


@check("map/of-a-reader")
def of_a_reader(trial):
    fd = trial.open("base.bin")
    trial.do("to write", lambda: mapped(fd, 4096))
    memory = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    memory[0:5] = b"stays"
    trial.say("own", memory[0:10])
    memory.close()
    trial.close(fd)


@check("map/between-processes")
def between_processes(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))

    def other():
        theirs = mapped(os.open(trial.path("base.bin"), os.O_RDWR), len(BASE))
        theirs[70000:70005] = b"child"
    trial.child(other)
    trial.say("seen", memory[69998:70008])
    memory[80000:80006] = b"parent"
    memory.close()
    trial.close(fd)


@check("map/inherited")
def inherited(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))

    def other():
        memory[5:10] = b"child"
    trial.child(other)
    trial.say("seen", memory[0:15])
    memory.close()
    trial.close(fd)


@check("map/and-write")
def and_write(trial):
    """Both ways to the same bytes."""
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))
    trial.write(fd, b"written", 65533)
    trial.say("seen in memory", memory[65530:65545])
    memory[65540:65543] = b"map"
    trial.do("seen by read", os.pread, fd, 15, 65530)
    trial.do("ftruncate", os.ftruncate, fd, 100000)
    memory.close()
    trial.close(fd)


@check("map/grown")
def grown(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    trial.do("ftruncate", os.ftruncate, fd, 10000)
    memory = mapped(fd, 10000)
    memory[9990:10000] = b"0123456789"
    memory.close()
    trial.close(fd)
    trial.content("small.txt")


@check("map/unlinked")
def unlinked(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))
    os.unlink(trial.path("base.bin"))
    memory[0:4] = b"gone"
    trial.say("still", memory[0:8])
    trial.say("the rest", memory[300000:300050])
    memory.close()
    trial.close(fd)


@check("map/renamed")
def renamed(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    memory = mapped(fd, len(BASE))
    memory[0:6] = b"before"
    trial.do("rename", os.rename, trial.path("base.bin"), trial.path("other"))
    memory[100:105] = b"after"
    memory.close()
    trial.close(fd)
