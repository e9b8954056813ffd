# SPDX-License-Identifier: Apache-2.0
"""Each operation by descriptor, on a file that is open: untouched, changed, new, or without a name by now."""
import os

from calls import KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, fallocate, mapped
from checks.states import NAME, STATES, Held
from trial import BASE, check


def nameless(trial):
    fd = trial.open(NAME, os.O_RDWR)
    trial.do("unlink", os.unlink, trial.path(NAME))
    return Held(trial, fd, True)


def moved(trial):
    fd = trial.open(NAME, os.O_RDWR)
    trial.do("rename", os.rename, trial.path(NAME), trial.path("moved"))
    return Held(trial, fd, True)


STATES_FD = {**{name: STATES[name] for name in ("open-to-write", "changed", "new")}, "unlinked": nameless, "renamed": moved}


def write_all(fd):
    os.lseek(fd, 0, os.SEEK_SET)
    return os.write(fd, b"from the beginning")


def map_and_write(fd):
    memory = mapped(fd, 200000)
    memory[150000:150006] = b"mapped"
    memory.flush()
    memory.close()


def append_by_flag(fd):
    return os.pwritev(fd, [b"one", b"two"], 0, os.RWF_APPEND)


OPERATIONS = {
    "ftruncate-shorter": lambda fd: os.ftruncate(fd, 65537),
    "ftruncate-longer": lambda fd: os.ftruncate(fd, len(BASE) + 99999),
    "ftruncate-to-nothing": lambda fd: os.ftruncate(fd, 0),
    "fallocate": lambda fd: fallocate(fd, 0, 0, len(BASE) + 5000),
    "fallocate-keeping-size": lambda fd: fallocate(fd, KEEP_SIZE, 0, len(BASE) + 5000),
    "punch": lambda fd: fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 60001, 100000),
    "zero-range": lambda fd: fallocate(fd, ZERO_RANGE, len(BASE) - 100, 5000),
    "zero-range-keeping-size": lambda fd: fallocate(fd, ZERO_RANGE | KEEP_SIZE, len(BASE) - 100, 5000),
    "fchmod": lambda fd: os.fchmod(fd, 0o604),
    "futimens": lambda fd: os.utime(fd, ns=(7, 1000000001_123456789)),
    "fchown": lambda fd: os.fchown(fd, os.getuid(), os.getgid()),
    "write": write_all,
    "pwrite-beyond": lambda fd: os.pwrite(fd, b"far", len(BASE) + 200000),
    "writev": lambda fd: os.writev(fd, [b"a", b"", b"vector"]),
    "pwritev2-append": append_by_flag,
    "mmap": map_and_write,
    "fsync": os.fsync,
}


def by_descriptor(operation, state):
    def run(trial):
        held = STATES_FD[state](trial)
        trial.do(operation, OPERATIONS[operation], held.fd)
        trial.attributes(held.fd, "fstat then")
        if operation != "futimens":  # what is written afterwards makes another time of it
            held.after()
        else:
            trial.close(held.fd)
        trial.names()
        for name in (NAME, "moved"):
            trial.attributes(name, f"{name} in the end")
            trial.content(name)
    return run


for _operation in OPERATIONS:
    for _state in STATES_FD:
        check(f"{_operation}/{_state}")(by_descriptor(_operation, _state))
