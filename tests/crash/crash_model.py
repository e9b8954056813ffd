# SPDX-License-Identifier: Apache-2.0
"""What the bucket may hold after a kill: what was acknowledged, and of what was under way any beginning."""
CHUNK_TABLE = 1 << 20


class Table:
    """The bytes that crasher.c writes."""

    def __init__(self, data):
        self.data = data

    def bytes(self, shift, length):
        whole = self.data[shift:] + self.data * (length // CHUNK_TABLE + 1)
        return whole[:length]


def common(one, other):
    """How many bytes both begin with."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    low, high = 0, length
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


class Files:
    """What was acknowledged: {name: content}, where several names may be one file until the workers have ended."""

    def __init__(self, contents=()):
        self.of = {name: [content] for name, content in dict(contents).items()}

    def contents(self):
        return {name: cell[0] for name, cell in self.of.items()}

    def get(self, name):
        cell = self.of.get(name)
        return cell and cell[0]

    def same(self, name):
        """All names of that file."""
        cell = self.of.get(name)
        return {name} | {other for other, its in self.of.items() if its is cell and cell is not None}

    def write(self, name, content):
        if name in self.of:
            self.of[name][0] = content
        else:
            self.of[name] = [content]

    def below(self, folder):
        return {name[len(folder) + 1:] for name in self.of if name.startswith(folder + "/")}


WRITES = "put", "edit", "append", "movedir", "swapdir"


class Operation:
    """One line "begin" of the log."""

    def __init__(self, fields, table):
        self.what, self.name, self.other = fields[:3]
        self.offset, shift, length = map(int, fields[3:])
        self.new = table.bytes(shift, length) if self.what in WRITES else b""
        self.folder = self.name.rpartition("/")[0]

    def apply(self, files):
        """Acknowledged."""
        old = files.get(self.name)
        if self.what == "put":
            files.write(self.name, self.new)
        elif self.what in ("edit", "append"):
            files.write(self.name, self.edited(old))
        elif self.what == "rename":
            if self.other not in files.same(self.name):  # rename(2): of one file's names it does nothing
                files.of[self.other] = files.of.pop(self.name)
        elif self.what == "link":
            files.of[self.other] = files.of[self.name]
        elif self.what == "exchange":
            files.of[self.name], files.of[self.other] = files.of[self.other], files.of[self.name]
        elif self.what in ("movedir", "swapdir"):
            files.write(self.name, self.edited(old))
            files.of = {self.moved(name): cell for name, cell in files.of.items()}
        else:
            files.of.pop(self.name)

    def edited(self, old):
        return old[:self.offset] + self.new + old[self.offset + len(self.new):]

    def moved(self, name):
        """What a name is called when the two directories have changed places."""
        for old, new in (self.folder, self.other), (self.other, self.folder):
            if name.startswith(old + "/"):
                return new + name[len(old):]
        return name

    def names(self, files):
        if self.what in ("movedir", "swapdir"):
            both = files.below(self.folder) | files.below(self.other)
            return {f"{folder}/{name}" for folder in (self.folder, self.other) for name in both}
        return (files.same(self.name) | files.same(self.other)) - {"-"}

    def wrong(self, files, found):
        """Why what was found of these names cannot be, begun and perhaps not ended; or ""."""
        old, now = files.get(self.name), found.get(self.name)
        others = {name: (files.get(name), found.get(name)) for name in self.names(files)}
        if self.what == "put":
            good = all(is_now == was or (is_now is not None and self.new.startswith(is_now)) for was, is_now in others.values())
        elif self.what in ("edit", "append"):
            good = all(is_now is not None and self.is_begun(was, is_now) for was, is_now in others.values())
        elif self.what == "rename":
            other = found.get(self.other)
            good = (now == old and other in (old, files.get(self.other))) or (now is None and other == old)
        elif self.what == "link":
            good = now == old and found.get(self.other) in (None, old)
        elif self.what == "exchange":
            good = (now, found.get(self.other)) in ((old, files.get(self.other)), (files.get(self.other), old))
        elif self.what in ("movedir", "swapdir"):
            good = any(self.is_moved(files, found, way) for way in (lambda name: name, self.moved))
        else:
            good = now in (old, None)
        return "" if good else (f"{self.what} of {self.name!r}, {self.other}, begun: {shown(old)} before, {shown(now)} found, "
                                f"new {shown(self.new)}; names: { {name: (shown(a), shown(b)) for name, (a, b) in others.items()} }")

    def is_moved(self, files, found, way):
        """Is each file where this way leads, and only there? The one that was written to is there as some beginning."""
        there = {way(name): name for name in self.names(files) if files.get(name) is not None}
        if {name for name in self.names(files) if name in found} != set(there):
            return False
        return all(self.is_begun(files.get(name), found[now]) if name == self.name else found[now] == files.get(name)
                   for now, name in there.items())

    def is_begun(self, old, now):
        """now is old with some first bytes of new in their place."""
        done = common(now[self.offset:], self.new)
        for k in {done, len(self.new)}:
            if now == old[:self.offset] + self.new[:k] + old[self.offset + k:]:
                return True
        # bytes that both have alike: the beginning may be shorter than it looks
        return now[:self.offset] == old[:self.offset] and now[self.offset + done:] == old[self.offset + done:] and len(now) >= len(old)


def shown(content):
    return "nothing" if content is None else f"{len(content)} bytes"


def read_log(path, table, files):
    """Applies what was acknowledged to files. Returns the operations that were not: {worker: Operation}, and
    the errors that programs were told."""
    begun, errors = {}, []
    with open(path, encoding="ascii") as log:
        for line in log:
            worker, what, *fields = line.split()
            if what == "begin":
                begun[worker] = Operation(fields, table)
            elif what == "done":
                begun.pop(worker).apply(files)
            else:
                errors.append((int(fields[0]), begun[worker].what))
    return begun, errors
