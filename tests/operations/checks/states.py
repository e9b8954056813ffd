# SPDX-License-Identifier: Apache-2.0
"""Each operation by path, on a file in each state that a file may be in when a path is used on it."""
import os

from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2
from trial import BASE, check

NAME = "base.bin"
EDIT = b"<an edit in the middle>"
EDIT_AT = 65536 * 2 - 9  # over the edge of two blocks of the cache
LAST = b"<said last>"
LAST_AT = 100


class Held:
    """The file in its state: fd, when this program has it open; after() uses what is open, and closes it."""

    def __init__(self, trial, fd=None, writes=False, child=None):
        self.trial, self.fd, self.writes, self.child = trial, fd, writes, child

    def after(self):
        if self.fd is not None:
            self.trial.attributes(self.fd, "fstat of the open")
            self.trial.do("read by the open", os.pread, self.fd, 50, 60000)
            if self.writes:
                self.trial.write(self.fd, LAST, LAST_AT, "write by the open")
            self.trial.close(self.fd, "close the open")
        if self.child:
            pid, go = self.child
            os.close(go)
            self.trial.wait(pid, "who has it open elsewhere")


def closed(trial):
    """In the bucket, and never used here."""
    return Held(trial)


def known(trial):
    """In the bucket, and read here before."""
    trial.content(NAME, "read before")
    return Held(trial)


def own(trial):
    """Made here, and closed."""
    os.unlink(trial.path(NAME))
    trial.make(NAME, BASE)
    return Held(trial)


def reading(trial):
    fd = trial.open(NAME)
    trial.do("first read", os.read, fd, 20)
    return Held(trial, fd)


def writing(trial):
    return Held(trial, trial.open(NAME, os.O_RDWR), True)


def changed(trial):
    """Open, and written to: nothing of it is in the bucket."""
    fd = trial.open(NAME, os.O_RDWR)
    trial.write(fd, EDIT, EDIT_AT, "edit")
    return Held(trial, fd, True)


def new(trial):
    """Just made, and not closed: the bucket knows nothing of it."""
    os.unlink(trial.path(NAME))
    fd = trial.open(NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.write(fd, BASE)
    return Held(trial, fd, True)


def elsewhere(trial):
    """Open and written to by another process."""
    ready, tell = os.pipe()
    wait, go = os.pipe()

    def other():
        os.close(go)
        fd = os.open(trial.path(NAME), os.O_RDWR)
        os.pwrite(fd, EDIT, EDIT_AT)
        os.write(tell, b"x")
        os.read(wait, 1)
        os.pwrite(fd, LAST, LAST_AT)
        os.close(fd)

    pid = trial.start(other)
    os.close(wait)
    os.close(tell)
    os.read(ready, 1)
    os.close(ready)
    return Held(trial, child=(pid, go))


STATES = {"closed": closed, "known": known, "own": own, "open-to-read": reading, "open-to-write": writing,
          "changed": changed, "new": new, "open-elsewhere": elsewhere}


def shorter(trial):
    trial.do("truncate", os.truncate, trial.path(NAME), 70001)


def longer(trial):
    trial.do("truncate", os.truncate, trial.path(NAME), len(BASE) + 70000)


def empty(trial):
    trial.do("truncate", os.truncate, trial.path(NAME), 0)


def cut_and_written(trial):
    fd = trial.open(NAME, os.O_WRONLY | os.O_TRUNC)
    trial.write(fd, b"short")
    trial.close(fd)


def appended(trial):
    fd = trial.open(NAME, os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b"at the end")
    trial.close(fd)


def overwritten(trial):
    fd = trial.open(NAME, os.O_RDWR)
    trial.write(fd, b"in the middle", 200000)
    trial.close(fd)


def chmodded(trial):
    trial.do("chmod", os.chmod, trial.path(NAME), 0o640)


def timed(trial):
    trial.do("utimensat", os.utime, trial.path(NAME), ns=(5, 1234567890_987654321))
    trial.attributes(NAME, "timed")


def owned(trial):
    trial.do("chown", os.chown, trial.path(NAME), os.getuid(), os.getgid())


def renamed(trial):
    trial.do("rename", os.rename, trial.path(NAME), trial.path("other"))


def renamed_over(trial):
    trial.do("rename", os.rename, trial.path(NAME), trial.path("small.txt"))


def renamed_onto(trial):
    trial.do("rename", os.rename, trial.path("small.txt"), trial.path(NAME))


def not_replaced(trial):
    trial.do("renameat2", renameat2, trial.path("small.txt"), trial.path(NAME), RENAME_NOREPLACE)


def exchanged(trial):
    trial.do("renameat2", renameat2, trial.path(NAME), trial.path("small.txt"), RENAME_EXCHANGE)


def unlinked(trial):
    trial.do("unlink", os.unlink, trial.path(NAME))


def replaced(trial):
    """As editors and sed -i do."""
    trial.make("small.txt.new", b"another content")
    trial.do("rename", os.rename, trial.path("small.txt.new"), trial.path(NAME))


def made_again(trial):
    trial.do("unlink", os.unlink, trial.path(NAME))
    trial.make(NAME, b"made again")


def exclusive(trial):
    trial.open(NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL, what="exclusive")


def copied(trial):
    source, target = trial.open(NAME), trial.open("copy", os.O_WRONLY | os.O_CREAT)
    total = 0
    while n := os.copy_file_range(source, target, 1 << 20):
        total += n
    trial.say("copied", total)
    trial.close(source)
    trial.close(target)


def all_read(trial):
    trial.content(NAME)


OPERATIONS = {"truncate-shorter": shorter, "truncate-longer": longer, "truncate-to-nothing": empty,
              "open-truncating": cut_and_written, "append": appended, "overwrite": overwritten, "chmod": chmodded,
              "utimensat": timed, "chown": owned, "rename": renamed, "rename-over-another": renamed_over,
              "rename-onto-it": renamed_onto, "rename-noreplace": not_replaced, "rename-exchange": exchanged,
              "unlink": unlinked, "replace": replaced, "unlink-and-create": made_again, "create-exclusively": exclusive,
              "copy": copied, "read": all_read}


def by_path(operation, state):
    def run(trial):
        held = STATES[state](trial)
        OPERATIONS[operation](trial)
        for name in (NAME, "small.txt", "other"):
            trial.attributes(name, f"{name} then")
        held.after()
        trial.names()
        trial.attributes(NAME, "in the end")
        trial.content(NAME)
        trial.content("small.txt")
    return run


for _operation in OPERATIONS:
    for _state in STATES:
        check(f"{_operation}/{_state}")(by_path(_operation, _state))
