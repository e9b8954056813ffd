# SPDX-License-Identifier: Apache-2.0
"""The names that /proc/self/fd shows."""
import os

from trial import check


@check("rename/shown-in-proc")
def shown(trial):
    fd = trial.open("small.txt", os.O_RDWR)

    def name():
        return os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), trial.folder)

    trial.do("name", name)
    os.rename(trial.path("small.txt"), trial.path("other"))
    trial.do("after rename", name)
    trial.write(fd, b"x")
    os.rename(trial.path("other"), trial.path("third"))
    trial.do("after another", name)
    trial.child(lambda: 0 if name() == "third" else 1, "in a child")
    trial.close(fd)


@check("rename/shown-in-proc-new")
def shown_new(trial):
    fd = trial.open("new", os.O_RDWR | os.O_CREAT)
    trial.write(fd, b"x")
    os.rename(trial.path("new"), trial.path("newer"))
    trial.do("after rename", lambda: os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), trial.folder))
    other = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_APPEND)
    trial.write(other, b"by its number")
    trial.close(other)
    trial.close(fd)


@check("rename/shown-in-proc-by-another")
def shown_by_another(trial):
    fd = trial.open("small.txt")
    trial.child(lambda: os.rename(trial.path("small.txt"), trial.path("other")))
    trial.do("after rename", lambda: os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), trial.folder))
    trial.close(fd)


@check("unlink/shown-in-proc")
def unlinked_shown(trial):
    fd = trial.open("small.txt")
    os.unlink(trial.path("small.txt"))
    trial.do("name", lambda: os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), trial.folder))
    trial.close(fd)
