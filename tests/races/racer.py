# SPDX-License-Identifier: Apache-2.0
"""One of the programs of tests/races/run: until the time is over, random changes of names in a tree that others change as
well, and a line in a log of its own for each that was carried out.

    racer.py TREE LOG SEED SECONDS

A file's first line is its number, for ever; each line behind it is a token that was appended. Names are never used twice,
but for those of TREE/fixed. What may fail since another was faster is ENOENT, EEXIST, ENOTDIR or ENOTEMPTY, and nothing else.
"""
import ctypes
import errno
import fcntl
import json
import os
import random
import sys
import time

FASTER = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY}
FICLONE = 0x40049409
FIXED = 3  # names that are replaced again and again
libc = ctypes.CDLL(None, use_errno=True)


class Racer:
    def __init__(self, tree, log, seed):
        self.tree, self.chance, self.me = tree, random.Random(seed), f"{seed}"
        self.log = open(log, "w", encoding="ascii")
        self.count = 0

    def fresh(self, kind):
        self.count += 1
        return f"{kind}{self.me}-{self.count}"

    def note(self, what, **more):
        print(json.dumps({"what": what, **more}), file=self.log, flush=True)

    def folder(self):
        """One that is there, or was just now."""
        names = [name for name in os.listdir(f"{self.tree}/moving") if name[0] == "d"]
        return f"{self.tree}/moving/{self.chance.choice(names)}"

    def file(self, kinds="fl"):
        folder = self.folder()
        names = [name for name in os.listdir(folder) if name[0] in kinds]
        if not names:
            raise FileNotFoundError(errno.ENOENT, "an empty folder", folder)
        return f"{folder}/{self.chance.choice(names)}"

    # --- what it does ---

    def rename_file(self):
        path = self.file()
        os.rename(path, f"{self.folder()}/{self.fresh(os.path.basename(path)[0])}")

    def rename_folder(self):
        os.rename(self.folder(), f"{self.tree}/moving/{self.fresh('d')}")

    def append(self):
        token = self.fresh("t")
        f = os.open(self.file(), os.O_RDWR | os.O_APPEND)
        try:
            number = int(os.pread(f, 100, 0).split(b"\n")[0])
            if self.chance.random() < 0.3:
                time.sleep(self.chance.random() / 20)
            os.write(f, f"{token}\n".encode())
            if self.chance.random() < 0.3:
                os.fsync(f)
        finally:
            os.close(f)
        self.note("token", number=number, token=token)

    def link(self):
        path, new = self.file(), f"{self.folder()}/{self.fresh('l')}"
        os.link(path, new)
        self.note("link", name=os.path.basename(new))

    def read(self):
        with open(self.file("flc"), "rb") as f:
            content = f.read()
        if not content and os.path.basename(f.name)[0] == "c":  # it is not copied yet
            return
        lines = content.split(b"\n")
        if not lines[0].isdigit() or lines.pop() != b"" or len(set(lines)) != len(lines):
            raise RuntimeError(f"{f.name}: it has {content!r}")

    def clone(self):
        """As cp does it: the copy is a file of its own, that nobody else writes to."""
        new = f"{self.folder()}/{self.fresh('c')}"
        source = os.open(self.file(), os.O_RDONLY)
        try:
            target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            if self.chance.random() < 0.5:
                time.sleep(self.chance.random() / 20)
            try:
                fcntl.ioctl(target, FICLONE, source)
            except OSError as e:
                if e.errno != errno.EOPNOTSUPP:
                    raise
                os.write(target, os.pread(source, 1 << 20, 0))
            finally:
                os.close(target)
        finally:
            os.close(source)
        self.note("clone", name=os.path.basename(new))

    def replace(self):
        """A new file takes the place of another, as editors have it."""
        which, token = self.chance.randrange(FIXED), self.fresh("t")
        path = f"{self.tree}/fixed/{self.fresh('n')}"
        with open(path, "w", encoding="ascii") as f:
            f.write(token)
        begun = time.monotonic_ns()
        os.rename(path, f"{self.tree}/fixed/{which}")
        self.note("replace", which=which, token=token, begun=begun, ended=time.monotonic_ns())

    def unnamed(self):
        """A file that gets its first name when it is written."""
        f, token = os.open(self.folder(), os.O_RDWR | os.O_TMPFILE), self.fresh("u")
        try:
            os.write(f, f"0\n{token}\n".encode())
            new = f"{self.folder()}/{token}"
            if libc.linkat(-100, b"/proc/self/fd/%d" % f, -100, new.encode(), 0x400):
                raise OSError(ctypes.get_errno(), "linkat", new)
        finally:
            os.close(f)
        self.note("unnamed", name=token)

    def step(self):
        what = self.chance.choices((self.rename_file, self.rename_folder, self.append, self.link, self.read, self.clone, self.replace,
                                    self.unnamed), (6, 3, 8, 1, 4, 2, 3, 1))[0]
        try:
            what()
        except OSError as e:
            if e.errno not in FASTER:
                raise
            return
        self.note("done", name=what.__name__)


def main():
    tree, log, seed, seconds = sys.argv[1:]
    racer = Racer(tree, log, int(seed))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        racer.step()


main()
