# SPDX-License-Identifier: Apache-2.0
"""Twins as the daemon keeps them, asked for over its socket; and what the command line says of coverage."""
import concurrent.futures
import errno
import json
import os
import re
import random
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time

from case import Case, want
from cases.processes import ABSURD, ODD

REQUEST = struct.Struct("=IHH16sQQQQqIIIIII")  # core/base/wire.h
REPLY = struct.Struct("=Ii16sQQqIIII")
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


def read_header(name):
    """A header's text without its comments."""
    with open(os.path.join(TOP, "core", "base", name), encoding="ascii") as header:
        return re.sub(r"/\*.*?\*/", "", header.read(), flags=re.DOTALL)


def number(header, name):
    return int(re.search(rf"#define {name}\s+(\w+?)u?\s", header)[1], 0)


WIRE_H = read_header("wire.h")
OPERATIONS = re.findall(r"WIRE_\w+", re.search(r"enum wire_op \{(.*?)\}", WIRE_H, re.DOTALL)[1])
MAGIC, VERSION = number(WIRE_H, "WIRE_MAGIC"), number(WIRE_H, "WIRE_VERSION")
TWIN_VERSION = number(read_header("twin.h"), "TWIN_VERSION")
HEAD_BYTES, BUILD_ID_BYTES = 392, 32
STAT, TWIN, TRAPPED, STATUS = (OPERATIONS.index(f"WIRE_{name}") + 1 for name in ("STAT", "TWIN", "TRAPPED", "STATUS"))
MAY_SAY = {0, -errno.ENOEXEC, -errno.ESTALE, -errno.ENOSPC, -errno.E2BIG, -errno.ETIMEDOUT, -errno.EIO}


class Daemon:
    """A daemon of the case's own, and its wire."""

    def __init__(self, context):
        self.context = context
        result = context.run([context.skyshim, "daemon", "--cache-dir", os.path.join(context.folder, "cache")])
        want(result.status == 0, f"daemon: {result}")
        said = context.run([context.skyshim, "status"]).stdout.decode().split()
        self.socket = said[said.index("socket") + 1]
        self.twins = os.path.join(context.folder, "cache", "twins")

    def ask(self, operation, fds=(), text=b"", offset=0):
        """The reply's error, or None when the daemon closes without one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as wire:
            wire.settimeout(60)
            wire.connect(self.socket)
            head = REQUEST.pack(MAGIC, VERSION, operation, b"", 0, 0, offset, 0, 0, 0, 0, 0, 0, len(text), 0)
            if fds:
                socket.send_fds(wire, [head + text], fds)
            else:
                wire.send(head + text)
            reply = wire.recv(65536)
        return REPLY.unpack_from(reply)[1] if reply else None

    def twin(self, path, flags=os.O_RDONLY):
        fd = os.open(path, flags)
        try:
            return self.ask(TWIN, [fd])
        finally:
            os.close(fd)

    def name(self, path):
        s = os.stat(path)
        return "-".join(f"{part:x}" for part in (TWIN_VERSION, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns))

    def has(self, path, suffix=""):
        return os.path.exists(os.path.join(self.twins, self.name(path) + suffix))

    def stats(self):
        return json.loads(self.context.run([self.context.skyshim, "stats", "--json"]).stdout)["coverage"]

    def descriptors(self):
        """None where only root may look (the daemon shows nobody its memory)."""
        try:
            return len(os.listdir(f"/proc/{self.context.daemons()[0]}/fd"))
        except PermissionError:
            return None

    def workshops(self):
        """Process ids of this daemon's children."""
        parent = self.context.daemons()[0]
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as line:
                    if int(line.read().rpartition(")")[2].split()[1]) == parent:
                        found.append(int(name))
            except OSError:
                continue
        return found


def program(context, name="program", source="/bin/true"):
    """A copy that is nobody else's."""
    path = os.path.join(context.work, name)
    shutil.copy(source, path)
    return path


def settled(daemon, path, answer):
    """An answer goes with what is in the folder: a whole twin, a mark that there is none, or neither."""
    if answer == 0:
        want(daemon.has(path) and not daemon.has(path, ".no"), f"{path}: 0, but there is no twin")
        mode = os.stat(os.path.join(daemon.twins, daemon.name(path)))
        want(stat.S_IMODE(mode.st_mode) == 0o400 and mode.st_size > os.stat(path).st_size, f"{path}: {mode}")
    else:
        want(not daemon.has(path), f"{path}: {answer}, but there is a twin")
        want(daemon.has(path, ".no") == (answer not in (-errno.ESTALE, -errno.ENOSPC)), f"{path}: {answer}: mark")
    deadline = time.monotonic() + 3  # the keeper may be writing a digest for a moment
    while any(name.startswith(".new") for name in os.listdir(daemon.twins)):
        want(time.monotonic() < deadline, "half-made files are left")
        time.sleep(0.02)


def asked_and_kept(context):
    daemon = Daemon(context)
    path = program(context)
    answer = daemon.twin(path)
    want(answer in MAY_SAY, f"answer {answer}")
    settled(daemon, path, answer)
    want(daemon.twin(path) == answer, "a second question has another answer")
    want(stat.S_IMODE(os.stat(daemon.twins).st_mode) == 0o700, "others may enter the folder of twins")
    stats = daemon.stats()
    want(stats["twins_made"] + stats["twins_refused"] == 1, f"one file, but {stats}")
    want(stats["twins"] == (answer == 0), f"{stats}")


def at_once(context):
    daemon = Daemon(context)
    path = program(context, source="/bin/bash")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: daemon.twin(path), range(8)))
    want(len(answers) == 1 and answers <= MAY_SAY, f"answers {answers}")
    stats = daemon.stats()
    want(stats["twins_made"] + stats["twins_refused"] == 1, f"asked eight times at once: {stats}")


def wrong_questions(context):
    daemon = Daemon(context)
    path = program(context)
    want(daemon.ask(TWIN) < 0, "a question without a descriptor")
    want(daemon.twin(path, os.O_PATH) == -errno.ENOEXEC, "a descriptor by O_PATH")
    want(daemon.twin(path, os.O_WRONLY) == -errno.ENOEXEC, "a descriptor for writing")
    want(daemon.twin("/dev/zero") == -errno.ENOEXEC, "a device")
    want(daemon.twin(context.work) == -errno.ENOEXEC, "a folder")
    read, write = os.pipe()
    want(daemon.ask(TWIN, [read]) == -errno.ENOEXEC, "a pipe")
    want(daemon.ask(TRAPPED, text=b"1-2-3-4-5", offset=0) is None, "a hint is answered")
    want(daemon.ask(TRAPPED, text=b"../../x" * 1000, offset=1 << 63) is None, "a hint is answered")
    before = daemon.descriptors()
    for _ in range(40):
        daemon.ask(STATUS, [read, write, read])
        daemon.ask(STAT, [read], b"s3")
        daemon.ask(TWIN, [read, write])
        daemon.ask(TRAPPED, [read], b"x")
    want(before is None or daemon.descriptors() <= before + 4, f"the daemon keeps what it is sent: {before} -> {daemon.descriptors()}")
    os.close(read)
    os.close(write)


def hostile(context):
    """Files that lie: an answer for each, in time, and the daemon lives."""
    daemon = Daemon(context)
    files = {name: content for name, (content, _) in ODD.items()}
    files.update(ABSURD)
    noise = random.Random(3)
    with open("/bin/true", "rb") as source:
        good = source.read()
    for number in range(20):
        broken = bytearray(good[:noise.randrange(64, len(good))] if number % 2 else good)
        for _ in range(60):
            broken[noise.randrange(16, min(len(broken), 4096))] = noise.randrange(256)
        broken[18:20] = b"\x3e\0"
        files[f"broken-{number}"] = bytes(broken)
    for name, content in files.items():
        path = os.path.join(context.work, name)
        with open(path, "wb") as out:
            out.write(content)
        answer = daemon.twin(path)
        want(answer in MAY_SAY, f"{name}: {answer}")
        settled(daemon, path, answer)
    want(len(context.daemons()) == 1, "the daemon is gone")
    result = context.run([context.skyshim, "run", "echo", "alive"])
    want(result.stdout == b"alive\n", f"{result}")


def being_written(context):
    daemon = Daemon(context)
    path = program(context)
    with open(path, "r+b"):
        want(daemon.twin(path) == -errno.ESTALE, "a file that is open for writing")
    want(not daemon.has(path) and not daemon.has(path, ".no"), "it is remembered")
    settled(daemon, path, daemon.twin(path))


def workshop_killed(context):
    """Whoever kills the rewriting process, programs run and the next file is looked at."""
    daemon = Daemon(context)
    settled(daemon, program(context), daemon.twin(program(context)))
    want(daemon.workshops(), "no process for rewriting")
    for pid in daemon.workshops():
        os.kill(pid, signal.SIGKILL)
    result = context.run([context.skyshim, "run", "sh", "-c", "/bin/echo runs"])
    want(result.stdout == b"runs\n" and not result.stderr, f"{result}")
    path = program(context, "other", "/bin/cat")
    settled(daemon, path, daemon.twin(path))
    with open(f"/proc/{daemon.workshops()[0]}/environ", "rb") as env:
        want(b"AWS_" not in env.read(), "the process for rewriting has credentials")
    want(context.run([context.skyshim, "stop"]).status == 0, "stop")
    deadline = time.monotonic() + 3  # its lock is free a moment before it is gone
    while context.daemons():
        want(time.monotonic() < deadline, "the daemon is still there")
        time.sleep(0.02)


def across_daemons(context):
    daemon = Daemon(context)
    path = program(context)
    answer = daemon.twin(path)
    context.run([context.skyshim, "stop"])
    for name in (".new-77", "rubbish", "1-2-3-4-5", "1-2-3-4-5.sum", "1-2-3-4-5.no"):
        with open(os.path.join(daemon.twins, name), "w", encoding="ascii") as out:
            out.write("SKYTWIN1")
    daemon = Daemon(context)
    left = {name for name in os.listdir(daemon.twins) if not name.startswith(daemon.name(path))}
    want(not left, f"a daemon keeps what is no twin: {left}")
    want(daemon.has(path) == (answer == 0), "a twin is not kept from daemon to daemon")
    want(not daemon.has(path, ".no"), "a refusal outlives its daemon")


def said(argv, status, text, env=None):
    def check(context):
        result = context.run([context.skyshim, "run", *argv], env=env)
        want(result.status == status, f"exit status {result.status}, expected {status}: {result}")
        want(text in result.stderr, f"stderr lacks {text!r}: {result.stderr!r}")
    return check


TRACED = """
import ctypes, os
libc = ctypes.CDLL(None)
child = os.fork()
if not child:
    libc.ptrace(0, 0, 0, 0)
    os.execv("/bin/echo", ["echo", "traced"])
os.waitpid(child, 0)
libc.ptrace(7, child, 0, 0)
os.waitpid(child, 0)
"""


def native_reported(context):
    """What runs natively, as a debugger's program does, is in the report of whoever started it."""
    result = context.run([context.skyshim, "run", "--report-coverage=report", "python3", "-c", TRACED])
    want(result.stdout == b"traced\n" and result.status == 0, f"{result}")
    with open(os.path.join(context.work, "report"), encoding="utf-8") as report:
        want("NOT COVERED: a program that was started and runs natively" in report.read(), "not in the report")


def report_file(context):
    result = context.run([context.skyshim, "run", "--report-coverage=report", "true"])
    want(result.status == 0, f"{result}")
    want(os.path.exists(os.path.join(context.work, "report")), "no file for the report")
    path = os.path.join(context.work, "none", "report")
    result = context.run([context.skyshim, "run", f"--report-coverage={path}", "touch", "ran"])
    want(result.status == 2 and path.encode() in result.stderr, f"{result}")
    want(not os.path.exists(os.path.join(context.work, "ran")), "the program ran all the same")


def handed_over(context):
    """Options end where the program's name begins; those behind are its own."""
    result = context.run([context.skyshim, "run", "--strict", "--report-coverage=r", "--", "echo", "--strict", "--"])
    want(result.status == 126 or result.stdout == b"--strict --\n", f"{result}")
    result = context.run([context.skyshim, "run", "echo", "--report-coverage"])
    want(result.stdout == b"--report-coverage\n", f"{result}")
    result = context.run([context.skyshim, "run", "env"])
    want(b"SKYSHIM_RT" not in result.stdout, "the program sees what is handed over")


def strict_set_uid(context):
    path = os.path.join(context.work, "id")
    context.run(["sh", "-c", f"cp /usr/bin/id {path} && chown nobody {path} && chmod 4755 {path}"])
    result = context.run([context.skyshim, "run", "--strict", path])
    want(result.status == 126 and b"set-uid" in result.stderr and not result.stdout, f"{result}")


def doctor(context):
    result = context.run([context.skyshim, "doctor", "--json"])
    checks = {check["what"]: check for check in json.loads(result.stdout)["checks"]}
    for what in ("syscall dispatch", "seccomp trap", "gs register", "PR_SET_MM", "address space", "twins"):
        want(what in checks, f"doctor says nothing of {what}: {sorted(checks)}")
        want(checks[what]["verdict"] in ("ok", "note", "bad") and checks[what]["text"], f"{checks[what]}")
    text = context.run([context.skyshim, "doctor"])
    want(text.status == result.status and text.stdout.count(b"\n") >= len(checks), f"{text}")
    want(context.run([context.skyshim, "doctor", "--yaml"]).status == 2, "an unknown option")


def without_trap(strict):
    """A kernel that cannot trap, as strace plays it, and a program with code that no twin proves."""
    def check(context):
        inject = ["strace", "-f", "-o", "/dev/null", "-e", "trace=prctl", "-e", "inject=prctl:error=EINVAL"]
        run = [context.skyshim, "run", *(["--strict"] if strict else [])]
        context.run([context.skyshim, "run", "true"])  # starts the daemon, which strace would wait for
        result = context.run([*inject, *run, f"{context.world.programs}/hazard-glibc", f"{context.world.local}/probe", "jit"])
        want(result.status == (126 if strict else 0), f"exit status {result.status}: {result}")
        want(b"cannot trap system calls" in result.stderr, f"not told: {result.stderr!r}")
        want(bool(result.stdout) != strict, f"run or not run: {result.stdout!r}")
    return check


def other_build(context):
    """A twin under the name of a file that looks the same but was built otherwise is not mapped, and goes."""
    daemon = Daemon(context)
    path = program(context)
    run = [context.skyshim, "run", "--report-coverage=report", path]
    want(daemon.twin(path) == 0 and context.run(run).status == 0, "no twin to begin with")
    name = os.path.join(daemon.twins, daemon.name(path))
    tail = -(-os.stat(path).st_size // 4096) * 4096
    os.chmod(name, 0o600)
    with open(name, "r+b") as twin:
        twin.seek(tail)
        head = bytearray(twin.read(HEAD_BYTES))
        head[-BUILD_ID_BYTES] ^= 255
        head[12:16] = bytes(4)
        total = 2166136261
        for byte in head:
            total = (total ^ byte) * 16777619 & 0xffffffff
        head[12:16] = struct.pack("=I", total)
        twin.seek(tail)
        twin.write(head)
    os.chmod(name, 0o400)
    before = daemon.stats()
    want(context.run(run).status == 0, "the program does not run")
    with open(os.path.join(context.work, "report"), encoding="utf-8") as report:
        want("trap because" not in report.read(), "it has no twin")
    after = daemon.stats()
    want(after["twins_made"] == before["twins_made"] + 1 and after["twins_discarded"] == before["twins_discarded"] + 1,
         f"not made anew: {before} {after}")


def signal_in_execve(context):
    """A signal that comes while the runtime is about an execve was for the program that handles it. strace sends it when
    the runtime looks whether it may execute the file."""
    context.run([context.skyshim, "run", "true"])  # starts the daemon, which strace would wait for
    inject = ["strace", "-f", "-o", "calls", "-e", "trace=faccessat2", "-e", "inject=faccessat2:signal=SIGUSR1:when=1"]
    result = context.run([*inject, context.skyshim, "run", f"{context.world.programs}/execs", "/bin/echo", "after"])
    with open(os.path.join(context.work, "calls"), encoding="utf-8") as calls:
        want("SIGUSR1" in calls.read(), "no signal was sent")
    want(result.status == 0 and result.stdout == b"handled\nafter\n", f"{result}")


def unheard(instead, seconds, programs=2):
    """Programs without twins start all the same, and soon, when the daemon cannot be had."""
    def check(context):
        ours = os.path.join(context.work, "skyshim")
        daemon = ours + "-daemon"
        for name in ("skyshim", "skyshim-daemon", "skyshim-rt"):
            shutil.copy(os.path.join(context.world.build, name), context.work)
        names = [f"program-{number}" for number in range(programs)]
        for name in names:
            program(context, name)
        run = ["sh", "-c", f"read ready; for p in {' '.join(names)}; do \"$W/$p\" || exit 9; done; echo began"]
        process = subprocess.Popen([ours, "run", *run], env=context.environment({"W": context.work}),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 10
            while not context.daemons() and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.5)
            if instead:
                os.rename(daemon, daemon + "-away")
                os.symlink(instead, daemon)
            for pid in context.daemons():
                os.kill(pid, signal.SIGKILL if instead else signal.SIGSTOP)
            began = time.monotonic()
            out = process.communicate(b"\n", 60)[0]
            took = time.monotonic() - began
        finally:
            process.kill()
            for pid in context.daemons():
                os.kill(pid, signal.SIGCONT)
        want(out == b"began\n" and process.returncode == 0, f"{process.returncode}: {out}")
        want(took < seconds, f"{programs} programs took {took:.1f} s to start")
    return check


CASES = [
    Case("twin/no-daemon-to-start", check=unheard("/none", 3), needs_store=False),
    Case("twin/daemon-that-fails", check=unheard("/bin/false", 4, 10), needs_store=False),
    Case("twin/daemon-hangs", check=unheard(None, 25), needs_store=False),
    Case("twin/other-build", check=other_build, needs_store=False),
    Case("coverage/signal-in-execve", check=signal_in_execve, needs_store=False),
    Case("coverage/no-trap", check=without_trap(False)),
    Case("coverage/no-trap-strict", check=without_trap(True)),
    Case("twin/asked-and-kept", check=asked_and_kept, needs_store=False),
    Case("twin/at-once", check=at_once, needs_store=False),
    Case("twin/wrong-questions", check=wrong_questions, needs_store=False),
    Case("twin/hostile", check=hostile, needs_store=False, timeout=120),
    Case("twin/being-written", check=being_written, needs_store=False),
    Case("twin/workshop-killed", check=workshop_killed, needs_store=False),
    Case("twin/across-daemons", check=across_daemons, needs_store=False),
    Case("coverage/native-reported", check=native_reported, needs_store=False),
    Case("coverage/report-file", check=report_file, needs_store=False),
    Case("coverage/handed-over", check=handed_over, needs_store=False),
    Case("coverage/unknown-option", check=said(["--fast", "true"], 2, b"--fast"), needs_store=False),
    Case("coverage/option-without-program", check=said(["--strict"], 2, b"usage"), needs_store=False),
    Case("coverage/empty-report", check=said(["--report-coverage=", "true"], 2, b"FILE"), needs_store=False),
    Case("coverage/strict-and-off", check=said(["--strict", "true"], 126, b"SKYSHIM_OFF", {"SKYSHIM_OFF": "1"}),
         needs_store=False),
    Case("coverage/doctor", check=doctor, needs_store=False),
]
if os.geteuid() == 0:  # only root can make a program another user's
    CASES.append(Case("coverage/strict-set-uid", check=strict_set_uid, needs_store=False))
