# SPDX-License-Identifier: Apache-2.0
"""What a check is given: its folder, and a record of what the system calls answered.

A check is a function of one Trial. It is run twice by the same program, on a local folder and on one
in a bucket; what it says has to be the same, and so have the files that are left (run compares both).
The folder holds two files: base.bin, and small.txt.
"""
import errno
import hashlib
import os
import stat
import sys
import time

BASE = bytes((i * 7 + (i >> 8) * 13 + 1) & 255 for i in range(5 * 65536 + 1000))
SMALL = b"hello skyshim\n"
SHOWN_BYTES = 60
ERROR_NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}  # ENOTSUP is the same number
NOT_NOW_SECONDS = 3600  # a time that is so far away was set by somebody

CHECKS = {}


class Check:
    def __init__(self, name, function, differs, left, lacks):
        self.name, self.function, self.differs, self.left, self.lacks = name, function, differs, left, lacks


def check(name, differs=None, left=True, lacks=()):
    """differs: {what was said: what is right for a bucket}, where it is something else than locally. left:
    False, where what is left behind cannot be compared. lacks: the stores that cannot hold what is written."""
    def add(function):
        assert name not in CHECKS, name
        CHECKS[name] = Check(name, function, differs or {}, left, lacks)
        return function
    return add


def plain(value):
    """value as JSON has it, short."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        if len(data) <= SHOWN_BYTES:
            return data.decode("latin-1")
        return f"{len(data)} bytes, {hashlib.md5(data).hexdigest()}"
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


class Trial:
    def __init__(self, folder):
        self.folder = folder
        self.said = []

    def path(self, name="."):
        return self.folder if name == "." else os.path.join(self.folder, name)

    def say(self, what, value):
        self.said.append([what, plain(value)])

    def do(self, what, call, *args, **named):
        """Calls, and says what came of it: the result, or the error's name. Returns the result, or None."""
        try:
            value = call(*args, **named)
        except OSError as error:
            self.say(what, ERROR_NAMES.get(error.errno, str(error.errno)))
            return None
        self.say(what, value)
        return value

    def open(self, name, flags=os.O_RDONLY, mode=0o644, what="open"):
        """A descriptor, whose number nobody says; None with an error that is said."""
        try:
            return os.open(self.path(name), flags, mode)
        except OSError as error:
            self.say(f"{what} {name}", ERROR_NAMES[error.errno])
            return None

    def write(self, fd, data, at=None, what="write"):
        if at is None:
            return self.do(what, os.write, fd, data)
        return self.do(what, os.pwrite, fd, data, at)

    def close(self, fd, what="close"):
        return self.do(what, os.close, fd)

    def make(self, name, data, mode=0o644):
        """A file that is closed, so that it is in the bucket."""
        fd = self.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode, "make")
        while data:
            data = data[os.write(fd, data):]
        os.close(fd)

    def content(self, name, what="content"):
        """Says the content, by reading it as any program does."""
        fd = self.open(name, what=what)
        if fd is None:
            return
        data = b""
        while True:
            part = os.read(fd, 1 << 20)
            if not part:
                break
            data += part
        os.close(fd)
        self.say(f"{what} {name}", data)

    def attributes(self, subject, what="stat"):
        """subject: a name, or a descriptor. A time says only whether it is about now, unless it was set."""
        try:
            st = os.stat(self.path(subject)) if isinstance(subject, str) else os.fstat(subject)
        except OSError as error:
            self.say(what, ERROR_NAMES[error.errno])
            return
        recent = abs(time.time() - st.st_mtime) < NOT_NOW_SECONDS
        size = st.st_size if not stat.S_ISDIR(st.st_mode) else "directory"
        self.say(what, [oct(st.st_mode), size, st.st_uid, st.st_gid, "now" if recent else st.st_mtime_ns])

    def names(self, name=".", what="names"):
        self.do(what, lambda: sorted(os.listdir(self.path(name))))

    def child(self, function, what="child"):
        """Runs function in a process of its own and says its exit status (its result, 99 if it raised)."""
        self.wait(self.start(function), what)

    @staticmethod
    def start(function):
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        try:
            status = function() or 0
        except OSError as error:
            status = error.errno
        except BaseException:  # pylint: disable=broad-except
            status = 99
        os._exit(status)  # pylint: disable=protected-access

    def wait(self, pid, what="child"):
        self.say(what, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
