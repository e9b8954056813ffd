# SPDX-License-Identifier: Apache-2.0
"""What a second program does with a file while a first one has it, or the directory above it, renamed.

A relay between the daemon and the store holds the answer to one request, so that the first is always in the middle of it
when the second comes. Either the second is done before the rename or after it: what it was told has been stored is then
under the new name.
"""
import os
import select
import subprocess
import threading
import urllib.parse

from case import Case, want
from relay import Relay

WAIT_SECONDS = 30
# For the second to be done, which it must not be as long as the first is not; where it can be, it is in a tenth of that.
LATE_SECONDS = 1.5


class Holder(Relay):
    """Holds the answer to the first request after hold() whose line, unquoted, has that in it."""

    def __init__(self, store):
        self.part = None
        self.held, self.released = threading.Event(), threading.Event()
        super().__init__(store)

    def hold(self, part):
        self.part = part.encode()

    def request(self, data, link):
        first = urllib.parse.unquote_to_bytes(data.split(b"\r\n", 1)[0])
        if self.part and self.part in first:
            self.part = None
            link.is_it = True

    def answer(self, data, link):
        if getattr(link, "is_it", False):
            link.is_it = False
            self.held.set()
            self.released.wait(WAIT_SECONDS)

    def wait(self):
        want(self.held.wait(WAIT_SECONDS), "the request that is to be held is never made")

    def close(self):
        self.released.set()
        super().close()


class Race:
    """Programs of one daemon, in a folder of the bucket, beside a store that can be held."""

    def __init__(self, context, name):
        self.context = context
        self.name = name
        self.bucket = context.bucket + context.world.CHANGING
        self.holder = Holder(context.store)
        self.env = {**context.store.environment(self.holder.netloc),
                    "D": f"{context.cloud}{context.world.CHANGING}/{name}"}
        self.running = []
        self.put("keep", b"")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.close()
        for process in self.running:
            if process.poll() is None:
                process.kill()

    def put(self, key, data):
        self.context.store.put(self.bucket, f"{self.name}/{key}", data)

    def start(self, script):
        head = "import fcntl, os, sys, threading\nD = os.environ['D']\ndef told():\n    print('.', flush=True)\n    sys.stdin.readline()\n"
        process = self.context.start([self.context.skyshim, "run", "python3", "-c", head + script], env=self.env)
        self.running.append(process)
        return process

    @staticmethod
    def reached(process):
        """It has come to told()."""
        ready, _, _ = select.select([process.stdout], [], [], WAIT_SECONDS)
        want(ready, "it does not go on")
        line = process.stdout.readline()
        if line != b".\n":
            want(False, f"it fails: {line!r} {process.communicate(timeout=WAIT_SECONDS)[1]!r}")

    @staticmethod
    def go_on(process):
        process.stdin.write(b"\n")
        process.stdin.flush()

    @staticmethod
    def end(process, seconds=WAIT_SECONDS):
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            want(False, "it does not end")
        want(process.returncode == 0, f"status {process.returncode}: {err.decode('utf-8', 'replace')}")
        return out

    def in_the_middle(self, second):
        """The second is at it while the first is held, and is waited for as long as it could matter."""
        try:
            second.wait(LATE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self.holder.released.set()

    def hold(self, key):
        """The copy to that name."""
        self.holder.hold(self.context.store.request_line("PUT", self.bucket, f"{self.name}/{key}") + " ")

    def get(self, key):
        return self.context.store.get(self.bucket, f"{self.name}/{key}")

    def is_gone(self, key):
        result = self.context.run([self.context.skyshim, "run", "ls", f"{self.env['D']}/{key}"], env=self.env)
        want(b"No such file" in result.stderr, f"{key} is still there: {result}")
        want(self.context.store.request("HEAD", f"/{self.bucket}/{self.name}/{key}")[0] == 404, f"{key} is still in the bucket")


RENAME = "os.rename(D + '/a', D + '/b')\n"
# What opens a file that is there, as an editor or a database does: without O_CREAT.
WRITE = ("try:\n    f = os.open(D + '/a', os.O_RDWR)\nexcept FileNotFoundError:\n    print('late')\n    sys.exit()\n"
         "os.write(f, b'new')\nos.close(f)\nprint('written')\n")


def renamed_and_written(context):
    """What another program writes to a file that is being renamed, and that nobody had open."""
    with Race(context, "race-written") as race:
        race.put("a", b"old")
        race.hold("b")
        first = race.start(RENAME)
        race.holder.wait()
        second = race.start(WRITE)
        race.in_the_middle(second)
        said = race.end(second)
        race.end(first)
        want(race.get("b") == (b"new" if said == b"written\n" else b"old"), f"{said!r}, and b has {race.get('b')!r}")
        race.is_gone("a")


def renamed_and_changed(change, late):
    """The mode that another program gives it, by name or by a descriptor that only reads."""
    def check(context):
        with Race(context, f"race-changed-{'name' if late else 'descriptor'}") as race:
            race.put("a", b"old")
            second = race.start("f = os.open(D + '/a', os.O_RDONLY)\nos.read(f, 9)\ntold()\n" + change)
            race.reached(second)
            race.hold("b")
            first = race.start(RENAME)
            race.holder.wait()
            race.go_on(second)
            race.in_the_middle(second)
            said = race.end(second)
            race.end(first)
            result = context.run([context.skyshim, "run", "stat", "-c", "%a", f"{race.env['D']}/b"], env=race.env)
            want(said in ((b"changed\n", b"late\n") if late else (b"changed\n",)), f"it says {said!r}")
            want(result.stdout == (b"604\n" if said == b"changed\n" else b"644\n"), f"{said!r}, and then {result}")
            want(race.get("b") == b"old", "other bytes")
            race.is_gone("a")
    return check


CHMOD = "try:\n    os.chmod(D + '/a', 0o604)\nexcept FileNotFoundError:\n    print('late')\nelse:\n    print('changed')\n"
FCHMOD = "os.fchmod(f, 0o604)\nprint('changed')\n"


def replaced_and_written(context):
    """What is written to a file that is being replaced goes with it, without an error, whoever is first."""
    with Race(context, "race-replaced") as race:
        race.put("a", b"old")
        race.put("b", b"there")
        second = race.start("f = os.open(D + '/b', os.O_RDWR)\nos.read(f, 9)\ntold()\nos.pwrite(f, b'lost', 0)\nos.close(f)\n")
        race.reached(second)
        race.hold("b")
        first = race.start(RENAME)
        race.holder.wait()
        race.go_on(second)
        race.in_the_middle(second)
        race.end(second)
        race.end(first)
        want(race.get("b") == b"old", f"b has {race.get('b')!r}")
        race.is_gone("a")


def copied_into(context):
    """FICLONE onto an empty file whose directory is being renamed."""
    with Race(context, "race-cloned") as race:
        race.put("source", b"cloned" * 1000)
        race.put("dir/x", b"x")
        second = race.start("s = os.open(D + '/source', os.O_RDONLY)\nf = os.open(D + '/dir/f', os.O_WRONLY | os.O_CREAT)\ntold()\n"
                            "fcntl.ioctl(f, 0x40049409, s)\nos.close(f)\n")
        race.reached(second)
        race.hold("moved/f")
        first = race.start("os.rename(D + '/dir', D + '/moved')\n")
        race.holder.wait()
        race.go_on(second)
        race.in_the_middle(second)
        race.end(second)
        race.end(first)
        want(race.get("moved/f") == b"cloned" * 1000, f"it has {race.get('moved/f')[:20]!r}")
        race.is_gone("dir")
        race.is_gone("dir/f")


def two_directories(context):
    """A file with a name in each of two directories, both renamed, and written in between."""
    with Race(context, "race-two") as race:
        for name in ("one", "two"):
            race.put(f"{name}/x", b"x")
        race.put("one/a", b"old")
        writer = race.start("f = os.open(D + '/one/a', os.O_RDWR)\nos.link(D + '/one/a', D + '/two/b')\ntold()\n"
                            "os.write(f, b'new')\ntold()\nos.close(f)\n")
        race.reached(writer)
        race.hold("two2/b")
        first = race.start("os.rename(D + '/two', D + '/two2')\n")
        race.holder.wait()
        race.go_on(writer)
        race.reached(writer)
        second = race.start("os.rename(D + '/one', D + '/one2')\n")
        race.in_the_middle(second)
        race.end(first)
        race.end(second)
        race.go_on(writer)
        race.end(writer)
        want((race.get("one2/a"), race.get("two2/b")) == (b"new", b"new"), f"{race.get('one2/a')!r} {race.get('two2/b')!r}")
        for name in ("one", "two", "one/a", "two/b"):
            race.is_gone(name)


def one_at_a_time(context):
    """The rename of an open file that takes long keeps nobody from renaming another."""
    with Race(context, "race-stalled") as race:
        for name in ("a", "c"):
            race.put(name, b"old")
        script = "f = os.open(D + '/%s', os.O_RDWR)\nos.read(f, 9)\nos.rename(D + '/%s', D + '/%s')\nos.write(f, b'er')\nos.close(f)\n"
        race.hold("b")
        first = race.start(script % ("a", "a", "b"))
        race.holder.wait()
        race.end(race.start(script % ("c", "c", "d")), WAIT_SECONDS // 2)
        want(race.get("d") == b"older", f"d has {race.get('d')!r}")
        race.holder.released.set()
        race.end(first)
        want(race.get("b") == b"older", f"b has {race.get('b')!r}")


def named_twice(context):
    """A file without a name (O_TMPFILE) gets two at once."""
    with Race(context, "race-unnamed") as race:
        race.env["SKYSHIM_META_TTL_MS"] = "0"  # each name is asked about
        for name in ("one", "two"):
            race.put(f"{name}/x", b"x")
        script = ("f = os.open(D, os.O_RDWR | os.O_TMPFILE)\nos.write(f, b'both')\n"
                  "import ctypes\nlibc = ctypes.CDLL(None)\n"
                  "def name(what):\n    if libc.linkat(-100, b'/proc/self/fd/%d' % f, -100, (D + '/' + what).encode(), 0x400):\n        os._exit(1)\n"
                  "t = threading.Thread(target=name, args=('one/n1',))\ntold()\nt.start()\ntold()\nname('two/n2')\nt.join()\nos.close(f)\n")
        program = race.start(script)
        race.reached(program)
        race.holder.hold(f"{race.name}/one/")
        race.go_on(program)
        race.reached(program)
        race.holder.wait()
        race.go_on(program)
        race.in_the_middle(program)
        race.end(program)
        result = context.run([context.skyshim, "run", "sh", "-c", "cat $D/one/n1 $D/two/n2"], env=race.env)
        want(result.stdout == b"bothboth" and not result.status, f"what it has: {result}")


def stored_elsewhere(is_known):
    """What another machine stores under the old name while the file is copied is no part of what was renamed."""
    def check(context):
        with Race(context, f"race-elsewhere-{'known' if is_known else 'looked'}") as race:
            if is_known:
                folder = os.path.join(context.folder, "home", ".config", "skyshim")
                os.makedirs(folder)
                with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
                    out.write(f"[s3://{race.bucket}]\nconditional_delete = true\n")
            race.put("a", b"old")
            race.hold("b")
            first = race.start(RENAME)
            race.holder.wait()
            race.put("a", b"of another machine")
            race.holder.released.set()
            race.end(first)
            want(race.get("a") == b"of another machine", "the old name has not what was stored there")
            want(race.get("b") == b"old", "the new name has not what was renamed")
            shown = context.run([context.skyshim, "run", "cat", f"{race.env['D']}/a"], env=race.env)
            want(shown.stdout == b"of another machine", f"here the old name is {shown}")
    return check


class Late(Relay):
    """Before the request that deletes many is handed on, another machine stores something under one of the names."""

    def __init__(self, store, bucket, key):
        self.store, self.bucket, self.key = store, bucket, key
        self.is_done = False
        super().__init__(store)

    def request(self, data, link):
        if not self.is_done and data.startswith((b"POST /batch/", b"POST /")) and (b"/batch/" in data or b"comp=batch" in data or b"?delete" in data):
            self.is_done = True
            self.store.put(self.bucket, self.key, b"of another machine")


def stored_below(context):
    """What another machine stores below the old name of a directory, after it was looked at for the last time: the deletion of
    many at once is of the versions that were copied."""
    if context.cloud.startswith("/cloud/s3") and not context.store.embedded:
        return  # RADOS Gateway ignores it
    with Race(context, "race-below") as race:
        folder = os.path.join(context.folder, "home", ".config", "skyshim")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
            out.write(f"[s3://{race.bucket}]\nconditional_delete = true\n")
        for i in range(5):
            race.put(f"old/{i}", b"%d" % i)
        late = Late(context.store, race.bucket, f"{race.name}/old/3")
        try:
            env = {**race.env, **context.store.environment(late.netloc)}
            result = context.run([context.skyshim, "run", "mv", f"{race.env['D']}/old", f"{race.env['D']}/new"], env=env)
        finally:
            late.close()
        want(late.is_done, "nothing was deleted")
        want(not result.status, f"mv: {result}")
        want(race.get("old/3") == b"of another machine", "what was stored there is gone")
        want([race.get(f"new/{i}") for i in range(5)] == [b"%d" % i for i in range(5)], "what was renamed has other bytes")
        for i in (0, 1, 2, 4):
            race.is_gone(f"old/{i}")


CASES = [
    Case("move-race/below", check=stored_below, timeout=110),
    Case("move-race/stored-elsewhere", check=stored_elsewhere(False), s3_only=True, timeout=110),
    Case("move-race/stored-elsewhere-known", check=stored_elsewhere(True), embedded_only=True, s3_only=True, timeout=110),
    Case("move-race/written", check=renamed_and_written, s3_only=True, timeout=110),
    Case("move-race/chmod", check=renamed_and_changed(CHMOD, True), s3_only=True, timeout=110),
    Case("move-race/fchmod", check=renamed_and_changed(FCHMOD, False), s3_only=True, timeout=110),
    Case("move-race/replaced", check=replaced_and_written, s3_only=True, timeout=110),
    Case("move-race/cloned", check=copied_into, s3_only=True, timeout=110),
    Case("move-race/two-directories", check=two_directories, s3_only=True, timeout=110),
    Case("move-race/not-stalled", check=one_at_a_time, s3_only=True, timeout=110),
    Case("move-race/named-twice", check=named_twice, s3_only=True, timeout=110),
]
