# SPDX-License-Identifier: Apache-2.0
"""One of the programs of tests/lockstep/run: what a line says is done with names below TREE, and a line says what came of it.

    stepper.py TREE < {"do": NAME, ...} lines > answers, each a list: the errno's name or "ok", and what was found
"""
import ctypes
import errno
import json
import os
import stat
import sys

NOREPLACE, EXCHANGE, AT_FDCWD = 1, 2, -100
KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}
libc = ctypes.CDLL(None, use_errno=True)


class Stepper:
    def __init__(self, tree):
        self.tree = tree.encode()
        self.open = {}  # slot: descriptor

    def path(self, name):
        return self.tree + (b"/" + name.encode() if name else b"")

    def do_mkdir(self, step):
        os.mkdir(self.path(step["a"]))

    def do_rmdir(self, step):
        os.rmdir(self.path(step["a"]))

    def do_unlink(self, step):
        os.unlink(self.path(step["a"]))

    def do_rename(self, step):
        if libc.renameat2(AT_FDCWD, self.path(step["a"]), AT_FDCWD, self.path(step["b"]), step["flags"]):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def do_link(self, step):
        os.link(self.path(step["a"]), self.path(step["b"]), follow_symlinks=False)

    def do_symlink(self, step):
        os.symlink(step["b"], self.path(step["a"]))

    def do_write(self, step):
        fd = os.open(self.path(step["a"]), step["flags"], 0o644)
        try:
            os.write(fd, step["text"].encode())
        finally:
            os.close(fd)

    def do_hold(self, step):
        """A descriptor that stays."""
        fd = os.open(self.path(step["a"]), step["flags"], 0o644)
        old = self.open.pop(step["slot"], None)
        self.open[step["slot"]] = fd
        if old is not None:
            os.close(old)

    def do_append(self, step):
        fd = self.open.get(step["slot"])
        if fd is not None:
            os.write(fd, step["text"].encode())

    def do_drop(self, step):
        fd = self.open.pop(step["slot"], None)
        if fd is not None:
            os.close(fd)

    def do_held(self, step):
        fd = self.open.get(step["slot"])
        if fd is None:
            return None
        return os.pread(fd, 1000, 0).decode()

    def do_read(self, step):
        fd = os.open(self.path(step["a"]), os.O_RDONLY)
        try:
            return os.read(fd, 1000).decode()
        finally:
            os.close(fd)

    def do_list(self, step):
        with os.scandir(self.path(step["a"])) as names:
            return sorted([e.name.decode(), self.kind(e.stat(follow_symlinks=False).st_mode)] for e in names)

    @staticmethod
    def kind(mode):
        return KINDS.get(stat.S_IFMT(mode), "?")

    def described(self, st):
        return [self.kind(st.st_mode), st.st_size if stat.S_ISREG(st.st_mode) else 0]

    def do_stat(self, step):
        return self.described(os.stat(self.path(step["a"])))

    def do_lstat(self, step):
        return self.described(os.lstat(self.path(step["a"])))

    def do_readlink(self, step):
        return os.readlink(self.path(step["a"])).decode()

    def do_access(self, step):
        return os.access(self.path(step["a"]), os.F_OK)

    def do_tree(self, _):
        """All of it, with contents."""
        found = []
        for at, folders, files in os.walk(self.tree):
            for name in folders + files:
                path = os.path.join(at, name)
                st = os.lstat(path)
                what = ""
                if stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as f:
                        what = f.read().decode()
                elif stat.S_ISLNK(st.st_mode):
                    what = os.readlink(path).decode()
                found.append([os.path.relpath(path, self.tree).decode(), self.kind(st.st_mode), what])
        return sorted(found)

    def step(self, step):
        try:
            return ["ok", getattr(self, "do_" + step["do"])(step)]
        except OSError as e:
            return [errno.errorcode.get(e.errno, e.errno), None]


def main():
    stepper = Stepper(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(stepper.step(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
