# SPDX-License-Identifier: Apache-2.0
"""Long uploads: what the user sees of them on a terminal, and what a signal does to the wait."""
import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
import tty

from case import Case, TIMEOUT_SECONDS, want
from cases.budget import Counted

MIB = 1 << 20
LATENCY_MS = 2500  # of each request: an upload is waited for longer than the second after which it is shown
WRITE = ("import os, sys\nfor i in range(3):\n    with open(f\"{os.environ['D']}/w/f{i}\", 'wb', buffering=0) as out:\n"
         "        out.write(b'x' * (2 << 20))\n")
DEFAULT = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
EXIT = {"SKYSHIM_DURABILITY": "exit", "TERM": "xterm"}


class Slow(Counted):
    """A bucket that answers late, once a program has looked at it, and programs with a terminal as standard error."""

    def __enter__(self):
        self.store.put("budget", "w/keep")
        self.run("cat $D/w/keep; ls $D/w")
        self.store.admin("POST", "config", f"latency_ms={LATENCY_MS}")
        return self

    def start(self, script, env, mode=None):
        """The process and our end of its terminal."""
        ours, theirs = pty.openpty()
        if mode:
            mode(theirs)

        def take_terminal():
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
            for sig in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.signal(sig, signal.SIG_DFL)  # whoever runs the tests may ignore them
        env = self.context.environment({**self.store.environment(), "D": self.folder, **env})
        process = subprocess.Popen([self.context.skyshim, "run", "python3", "-c", script], env=env, cwd=self.context.work,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
                                   start_new_session=True, preexec_fn=take_terminal)
        os.close(theirs)
        return process, ours

    def see(self, script, env, mode=None):
        process, terminal = self.start(script, env, mode)
        shown = read_until(process, terminal, None)
        want(process.wait(TIMEOUT_SECONDS) == 0, f"its status is {process.returncode}, it said {shown!r}")
        return shown

    def arrives(self, files=3):
        deadline = time.monotonic() + 30
        for i in range(files):
            while self.store.get("budget", f"w/f{i}") != b"x" * (2 * MIB):
                want(time.monotonic() < deadline, f"f{i} does not arrive")
                time.sleep(0.1)


def read_until(process, terminal, mark):
    """What comes out of the terminal until there is a mark in it, or, without one, until the program has ended."""
    shown = b""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while mark is None or mark not in shown:
        left = deadline - time.monotonic()
        want(left > 0, f"still waiting for {mark!r} in {shown!r}")
        if not select.select([terminal], [], [], min(left, 1))[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""  # nobody has it open any more
        if not piece:
            want(mark is None, f"no {mark!r} in {shown!r}, status {process.poll()}")
            os.close(terminal)
            break
        shown += piece
    return shown


def screen(shown):
    """What stands in the line when all was drawn."""
    line, at = {}, 0
    for char in shown.decode():
        if char == "\r":
            at = 0
        else:
            line[at] = char
            at += 1
    return "".join(line[i] for i in sorted(line)).strip()


def at_the_end(context):
    with Slow(context) as slow:
        shown = slow.see(WRITE, EXIT)
        want(b"\rskyshim: uploading, 3 files, 0 of 6 MiB" in shown, f"no progress: {shown!r}")
        want(screen(shown) == "", f"it is not cleared: {shown!r}")
        slow.arrives()


def at_a_close(context):
    with Slow(context) as slow:
        shown = slow.see(WRITE, {"TERM": "xterm"})
        want(shown.count(b"\rskyshim: uploading, 1 file, 0 of 2 MiB") >= 3, f"no progress: {shown!r}")
        want(screen(shown) == "", f"it is not cleared: {shown!r}")


def in_parts(context):
    """A large file's parts count one by one: here the first is there, and the other is held for longer than anybody looks."""
    with Slow(context) as slow:
        slow.store.admin("POST", "config", "latency_ms=0&fault=slow-headers,verb=UploadPart,skip=1,ms=500")
        process, terminal = slow.start("import os\nfd = os.open(os.environ['D'] + '/w/big', os.O_WRONLY | os.O_CREAT)\nos.ftruncate(fd, 32 << 20)\n"
                                       "for at in range(31, -1, -1):\n    os.pwrite(fd, b'x' * (1 << 20), at << 20)\nos.close(fd)\n", {"TERM": "xterm"})
        try:
            read_until(process, terminal, b"1 file, 16 of 32 MiB")
        finally:
            process.kill()
            process.wait()
            os.close(terminal)


def not_drawn(context):
    """Where a line could not be taken back, or the terminal is a program's own; nor for what is soon over."""
    with Slow(context) as slow:
        for env, mode in (({"TERM": "dumb"}, None), ({"TERM": None}, None), ({}, tty.setraw)):
            want(slow.see(WRITE, {**EXIT, **env}, mode) == b"", f"something is drawn with {env}, {mode}")
        result = context.run([context.skyshim, "run", "python3", "-c", WRITE], env={**slow.store.environment(), "D": slow.folder, **EXIT})
        want(result.status == 0 and result.stderr == b"", f"it is written into a pipe: {result}")
        slow.store.admin("POST", "config", "latency_ms=20")
        want(slow.see(WRITE, EXIT) == b"", "what takes no second is shown")


def ended_by(sig):
    """By default: the wait ends, a line tells, the signal's status; what was written arrives all the same."""
    def check(context):
        with Slow(context) as slow:
            process, terminal = slow.start(DEFAULT + WRITE, EXIT)
            read_until(process, terminal, b"uploading, 3 files")
            process.send_signal(sig)
            shown = read_until(process, terminal, None)
            want(process.wait(TIMEOUT_SECONDS) == -sig, f"its status is {process.returncode} after {sig}")
            want(b"skyshim: 3 files are still being uploaded by the daemon; `skyshim recover` tells" in shown, f"no line: {shown!r}")
            slow.arrives()
    return check


def ended_in_a_close(context):
    """As before, where the close waits."""
    with Slow(context) as slow:
        process, terminal = slow.start(WRITE, {"TERM": "xterm"})
        read_until(process, terminal, b"uploading, 1 file")
        process.send_signal(signal.SIGTERM)
        shown = read_until(process, terminal, None)
        want(process.wait(TIMEOUT_SECONDS) == -signal.SIGTERM, f"its status is {process.returncode}")
        want(b"skyshim: 1 file is still being uploaded by the daemon" in shown, f"no line: {shown!r}")
        slow.arrives(1)


def ended_though_handled(context):
    """A handler would never run any more: the wait ends, and the status says that not all is there."""
    with Slow(context) as slow:
        process, terminal = slow.start(WRITE + "import signal\nsignal.signal(signal.SIGINT, lambda *_: print(1))\n"
                                       "sys.stderr.flush()\nos._exit(0)\n", EXIT)
        read_until(process, terminal, b"uploading, 3 files")
        process.send_signal(signal.SIGINT)
        shown = read_until(process, terminal, None)
        want(process.wait(TIMEOUT_SECONDS) == 1, f"its status is {process.returncode}")
        want(b"3 files are still being uploaded" in shown, f"no line: {shown!r}")
        slow.arrives()


def unheard(how):
    """Ignored or blocked it does nothing, as natively."""
    def check(context):
        with Slow(context) as slow:
            process, terminal = slow.start(f"import signal\n{how}\n" + WRITE, EXIT)
            read_until(process, terminal, b"uploading, 3 files")
            process.send_signal(signal.SIGTERM)
            shown = read_until(process, terminal, None)
            want(process.wait(TIMEOUT_SECONDS) == 0 and b"still" not in shown, f"{how}: {process.returncode}, {shown!r}")
            slow.arrives()
    return check


CASES = [
    Case("waiting/at-the-end", check=at_the_end, embedded_only=True),
    Case("waiting/at-a-close", check=at_a_close, embedded_only=True),
    Case("waiting/in-parts", check=in_parts, embedded_only=True),
    Case("waiting/not-drawn", check=not_drawn, embedded_only=True),
    *(Case(f"waiting/ended-by-{sig.name}", check=ended_by(sig), embedded_only=True) for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
    Case("waiting/ended-in-a-close", check=ended_in_a_close, embedded_only=True),
    Case("waiting/ended-though-handled", check=ended_though_handled, embedded_only=True),
    Case("waiting/ignored", check=unheard("signal.signal(signal.SIGTERM, signal.SIG_IGN)"), embedded_only=True),
    Case("waiting/blocked", check=unheard("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"), embedded_only=True),
]
