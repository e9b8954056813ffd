#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""model.py SEED STEPS: random changes to the files of the working folder, each against a model in memory.

Prints what it has done in a line each, and what did not come out as the model has it. The folder holds base.bin.
"""
import mmap
import os
import random
import sys

SIZES = (0, 1, 10, 4096, 65535, 65536, 65537, 200000)


class Model:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        with open("base.bin", "rb") as base:
            self.files = {"base.bin": bytearray(base.read())}
        self.open = {}  # descriptor: [content, offset or None for append, flags]; the content is the file's own

    def pick(self):
        return self.rng.choice(list(self.open)) if self.open else None

    def data(self):
        return self.rng.randbytes(self.rng.choice(SIZES) or 3)

    def place(self, content):
        return self.rng.choice([0, self.rng.randrange(len(content) + 1), len(content), len(content) + self.rng.randrange(100000)])

    def put(self, content, at, data):
        if len(content) < at:
            content.extend(bytes(at - len(content)))
        content[at:at + len(data)] = data

    # --- steps ---------------------------------------------------------------------------------------

    def step_open(self):
        name = self.rng.choice([*self.files, f"f{self.rng.randrange(6)}"])
        flags = self.rng.choice([os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_TRUNC, os.O_RDWR | os.O_APPEND,
                                 os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_WRONLY | os.O_APPEND | os.O_CREAT])
        if len(self.open) > 8:
            return self.step_close()
        try:
            fd = os.open(name, flags, 0o644)
        except OSError as error:
            expected = "FileNotFoundError" if name not in self.files else "FileExistsError"
            return f"open {name}", type(error).__name__ == expected
        right = (name in self.files or flags & os.O_CREAT) and not (name in self.files and flags & os.O_EXCL)
        content = self.files.setdefault(name, bytearray())
        if flags & os.O_TRUNC:
            content.clear()
        self.open[fd] = [content, None if flags & os.O_APPEND else 0, flags]
        return f"open {name}", bool(right)

    def step_write(self):
        fd, data = self.pick(), self.data()
        if fd is None:
            return self.step_open()
        content, at, _ = self.open[fd]
        n = os.write(fd, data)
        self.put(content, len(content) if at is None else at, data)
        if at is not None:
            self.open[fd][1] = at + n
        return f"write {len(data)}", n == len(data)

    def step_pwrite(self):
        fd, data = self.pick(), self.data()
        if fd is None:
            return self.step_open()
        content, at, _ = self.open[fd]
        where = self.place(content)
        os.pwrite(fd, data, where)
        self.put(content, len(content) if at is None else where, data)
        return f"pwrite {len(data)} at {where}", True

    def step_seek(self):
        fd = self.pick()
        if fd is None or self.open[fd][1] is None:
            return self.step_open()
        where = self.place(self.open[fd][0])
        self.open[fd][1] = where
        return f"seek {where}", os.lseek(fd, where, os.SEEK_SET) == where

    def step_read(self):
        fd = self.pick()
        if fd is None or self.open[fd][1] is None:
            return self.step_pwrite()
        content, at, _ = self.open[fd]
        size = self.rng.choice(SIZES)
        data = os.read(fd, size)
        self.open[fd][1] = at + len(data)
        return f"read {size} at {at}", data == bytes(content[at:at + size])

    def step_pread(self):
        fd = self.pick()
        if fd is None or self.open[fd][2] & os.O_ACCMODE == os.O_WRONLY:
            return self.step_write()
        content = self.open[fd][0]
        where, size = self.place(content), self.rng.choice(SIZES)
        return f"pread {size} at {where}", os.pread(fd, size, where) == bytes(content[where:where + size])

    def step_truncate(self):
        fd = self.pick()
        if fd is None:
            return self.step_open()
        content = self.open[fd][0]
        size = self.place(content)
        os.ftruncate(fd, size)
        del content[size:]
        content.extend(bytes(size - len(content)))
        return f"truncate {size}", os.fstat(fd).st_size == size

    def step_map(self):
        fd = self.pick()
        if fd is None or self.open[fd][2] & os.O_ACCMODE == os.O_WRONLY or not self.open[fd][0]:
            return self.step_write()
        content = self.open[fd][0]
        at = self.rng.randrange(len(content))
        data = self.rng.randbytes(min(len(content) - at, 5000))
        with mmap.mmap(fd, 0) as area:
            right = area[:] == bytes(content)
            area[at:at + len(data)] = data
            if self.rng.randrange(2):
                area.flush()
        self.put(content, at, data)
        return f"map {len(data)} at {at}", right

    def step_fsync(self):
        fd = self.pick()
        if fd is None:
            return self.step_open()
        os.fsync(fd)
        return "fsync", True

    def step_close(self):
        fd = self.pick()
        if fd is None:
            return self.step_open()
        del self.open[fd]
        os.close(fd)
        return "close", True

    def step_rename(self):
        old, new = self.rng.choice(list(self.files)), f"f{self.rng.randrange(6)}"
        os.rename(old, new)
        if old != new:
            self.files[new] = self.files.pop(old)
        return f"rename {old} {new}", not os.path.exists(old) or old == new

    def step_unlink(self):
        name = self.rng.choice(list(self.files))
        if len(self.files) < 3:
            return self.step_open()
        os.unlink(name)
        del self.files[name]
        return f"unlink {name}", not os.path.exists(name)

    def step_list(self):
        sizes = {name: os.stat(name).st_size for name in os.listdir(".")}
        return "list", sizes == {name: len(content) for name, content in self.files.items()}

    def step_whole(self):
        name = self.rng.choice(list(self.files))
        with open(name, "rb") as source:
            return f"whole {name}", source.read() == bytes(self.files[name])


def main():
    model = Model(int(sys.argv[1]))
    steps = [getattr(model, name) for name in sorted(dir(Model)) if name.startswith("step_")]
    weights = [1 if s.__name__ in ("step_rename", "step_unlink", "step_list") else 3 for s in steps]
    wrong = 0
    for number in range(int(sys.argv[2])):
        said, right = model.rng.choices(steps, weights)[0]()
        print(number, said, "" if right else "WRONG", flush=True)
        wrong += not right
    for fd in list(model.open):
        os.close(fd)
    for name, content in sorted(model.files.items()):
        with open(name, "rb") as source:
            if source.read() != bytes(content):
                print("at the end", name, "WRONG")
                wrong += 1
    print("wrong", wrong)
    return wrong != 0


sys.exit(main())
