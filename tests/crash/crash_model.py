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


class Operation:
    """One line "begin" of the log."""

    def __init__(self, fields, table):
        self.what, self.name, self.other = fields[:3]
        self.offset, shift, length = map(int, fields[3:])
        self.new = table.bytes(shift, length) if self.what in ("put", "edit", "append") else b""

    def apply(self, files):
        """Acknowledged."""
        old = files.get(self.name)
        if self.what == "put":
            files[self.name] = self.new
        elif self.what in ("edit", "append"):
            files[self.name] = old[:self.offset] + self.new + old[self.offset + len(self.new):]
        elif self.what == "rename":
            files[self.other] = files.pop(self.name)
        else:
            files.pop(self.name)

    def names(self):
        return {self.name, self.other} - {"-"}

    def wrong(self, files, found):
        """Why what was found of these names cannot be, begun and perhaps not ended; or ""."""
        old, now = files.get(self.name), found.get(self.name)
        if self.what == "put":
            good = now == old or (now is not None and self.new.startswith(now))
        elif self.what in ("edit", "append"):
            good = now is not None and self.is_begun(old, now)
        elif self.what == "rename":
            other = found.get(self.other)
            good = (now == old and other in (old, files.get(self.other))) or (now is None and other == old)
        else:
            good = now in (old, None)
        return "" if good else f"{self.what} of {self.name!r}, begun: {shown(old)} before, {shown(now)} found, new {shown(self.new)}"

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
