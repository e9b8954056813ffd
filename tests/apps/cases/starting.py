# SPDX-License-Identifier: Apache-2.0
"""`skyshim run` before the program begins: what it is linked with, and what becomes of it when a part is missing."""
import os
import shutil
import signal
import subprocess
import time

from case import Case, want

CURL = b"libcurl.so.4\0"  # Debian's; as it stands in the daemon's dynamic section
NOWHERE = b"libnope.so.4\0"
OWN_CALLS = 60  # before the runtime, linked statically: 48, and some for each element of PATH


def installed(context, without=(), no_library=False):
    """A copy of the build without some of its programs, or whose daemon wants a library that is not there. Its folder."""
    folder = os.path.join(context.work, "installed")
    os.makedirs(folder)
    for name in {"skyshim", "skyshim-daemon", "skyshim-rt"}.difference(without):
        shutil.copy(os.path.join(context.world.build, name), folder)
    if no_library:
        with open(os.path.join(folder, "skyshim-daemon"), "r+b") as program:
            text = program.read()
            want(text.count(CURL) == 1, "the daemon is not linked with libcurl")
            program.seek(text.index(CURL))
            program.write(NOWHERE)
    return os.path.join(folder, "skyshim")


def said(result, status, *words):
    want(result.status == status and result.stderr.count(b"\n") == 1 and all(word in result.stderr for word in words), str(result))


def needed(context):
    """The libraries that skyshim is linked with."""
    dynamic = subprocess.run(["readelf", "-dW", context.skyshim], check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
    return {line.split("[")[1].split(".so")[0] for line in dynamic.split("\n") if "(NEEDED)" in line}


def light(context):
    """Whoever starts a program loads nothing that only the daemon needs."""
    # compilers add some for sanitizers and coverage
    more = needed(context) - {"libasan", "libubsan", "libtsan", "libgcov", "libgcc_s", "libm", "ld-linux-x86-64"}
    want(more in (set(), {"libc", "libinih"}), f"skyshim is linked with {more}")


def calls(context):
    """Whoever finds a daemon asks it one thing, and does little else before it is the runtime."""
    context.run([context.skyshim, "run", "true"])  # starts the daemon, which strace would wait for
    log = os.path.join(context.work, "calls")
    want(context.run(["strace", "-f", "-o", log, context.skyshim, "run", "true"]).status == 0, "it does not run")
    with open(log, encoding="utf-8", errors="replace") as lines:
        names = [line.split()[1].split("(")[0] for line in lines]
    own = names[1:names.index("execve", 1)]
    want(own.count("connect") == own.count("sendmsg") == own.count("recvmsg") == 1, f"the daemon is asked more than once: {own}")
    if not needed(context):
        want(len(own) <= OWN_CALLS, f"{len(own)} system calls: {own}")


def no_daemon_program(context):
    skyshim = installed(context, without=["skyshim-daemon"])
    for argv, status in ((["run", "true"], 126), (["status"], 126), (["stop"], 126)):
        said(context.run([skyshim, *argv]), status, b"skyshim-daemon is missing")
    want(context.run([skyshim, "--version"]).stdout.startswith(b"skyshim "), "it does not know its version")
    want(b"skyshim run" in context.run([skyshim, "--help"]).stdout, "it does not know how it is used")


def no_runtime(context):
    skyshim = installed(context, without=["skyshim-rt"])
    said(context.run([skyshim, "run", "true"]), 126, b"skyshim-rt is missing")
    want(context.run([skyshim, "status"]).status == 3, "the daemon's commands want a runtime")


def no_library(context):
    """The linker's own line; and programs start as long as a daemon runs that had the library."""
    skyshim = installed(context, no_library=True)
    said(context.run([skyshim, "status"]), 127, b"libnope.so.4")
    said(context.run([skyshim, "run", "true"]), 126, b"libnope.so.4")
    want(context.run([context.skyshim, "run", "true"]).status == 0, "no daemon starts")
    result = context.run([skyshim, "run", "echo", "started"])
    want(result.status == 0 and result.stdout == b"started\n" and not result.stderr, str(result))


def damaged(context):
    """A daemon's program that the kernel does not execute."""
    skyshim = installed(context)
    with open(skyshim + "-daemon", "wb") as program:
        program.write(b"\x7fELF")
    for argv in (["run", "true"], ["status"]):
        said(context.run([skyshim, *argv]), 126, b"skyshim-daemon", b"Exec format error")


def killed(context):
    """A daemon's program that something ends before it can say anything."""
    skyshim = installed(context)
    with open(skyshim + "-daemon", "w", encoding="utf-8") as program:
        program.write("#!/bin/sh\nkill -KILL $$\n")
    said(context.run([skyshim, "run", "true"]), 126, b"skyshim-daemon", b"Killed")


def children_ignored(context):
    """Started by one that ignores the end of children, as what it starts does then (execve(2))."""
    result = context.run(["env", "--ignore-signal=CHLD", context.skyshim, "run", "grep", "SigIgn", "/proc/self/status"])
    want(result.status == 0 and not result.stderr and int(result.stdout.split()[1], 16) & 1 << 16, str(result))
    want(len(context.daemons()) == 1, "no daemon")


def alone_inside(context):
    """Inside another, when no daemon answers nor can be started."""
    skyshim = installed(context)
    inner = f"rm '{skyshim}-daemon'; '{context.skyshim}' stop && '{context.skyshim}' run echo began"
    result = context.run([skyshim, "run", "sh", "-c", inner])
    want(result.status == 0 and result.stdout.endswith(b"began\n"), str(result))


# Writes which of its standard descriptors are closed.
CLOSED = "import os, sys\nf = [n for n in range(3) if not os.path.lexists(f'/proc/self/fd/{n}')]\nopen(sys.argv[1], 'w').write(repr(f))"


def closed_descriptors(context):
    """Started without some of the standard descriptors: so is the program, and the daemon that is started is as good as any."""
    said_by = os.path.join(context.work, "closed")
    for number, closing in enumerate(("<&-", ">&-", "2>&-", "<&- >&- 2>&-")):
        told = []
        for ours in ("", f"'{context.skyshim}' run "):
            result = context.run(["sh", "-c", f'exec {ours}python3 -c "$0" "$1" {closing}', CLOSED, said_by])
            with open(said_by, encoding="ascii") as text:
                told.append(text.read())
            want(result.status == 0, f"{closing}: {result}")
        want(told[0] == told[1] == ("[0, 1, 2]" if number == 3 else f"[{number}]"), f"{closing}: {told}")
        want(len(context.daemons()) == 1 and context.run([context.skyshim, "stop"]).stdout == b"stopped\n", f"{closing}: no good daemon")


def stop_process(pid):
    """A thread that runs goes on for a moment."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 30
    for thread in os.listdir(f"/proc/{pid}/task"):
        state = None
        while state not in ("T", "gone"):
            want(time.monotonic() < deadline, "it does not stop")
            try:
                with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii", errors="replace") as text:
                    state = text.read().rsplit(")", 1)[1].split()[0]
            except OSError:
                state = "gone"


def stopped(context):
    """A daemon that somebody has stopped: who asks it is told, does not wait for ever, and all is well when it goes on."""
    want(context.run([context.skyshim, "run", "true"]).status == 0, "no daemon starts")
    daemon, = context.daemons()
    stop_process(daemon)
    for argv, status in ((["run", "true"], 126), (["status"], 1), (["stats"], 1), (["stop"], 1)):
        result = context.run([context.skyshim, *argv], env={"SKYSHIM_DAEMON_WAIT": "0.3"})
        said(result, status, b"process %d, does not answer: it is stopped" % daemon, b"kill -CONT %d" % daemon)
    os.kill(daemon, signal.SIGCONT)
    result = context.run([context.skyshim, "run", "true"])
    want(result.status == 0 and not result.stderr, str(result))


def hangs(context):
    """A daemon that does not come to listening, and a program in its place that never ends."""
    library = os.path.join(context.work, "hang.so")
    with open(library + ".c", "w", encoding="ascii") as out:
        out.write("#include <unistd.h>\nint prctl(int what, ...) { (void)what; for (;;) pause(); }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, library + ".c"], check=True)
    result = context.run([context.skyshim, "run", "true"], env={"SKYSHIM_DAEMON_WAIT": "0.3", "LD_PRELOAD": library})
    said(result, 126, b"takes more than 0 s to start", b"daemon.log")
    for pid in context.daemons():
        os.kill(pid, signal.SIGKILL)
    skyshim = installed(context)
    with open(skyshim + "-daemon", "w", encoding="utf-8") as program:
        program.write("#!/bin/sh\nexec sleep 1000\n")
    said(context.run([skyshim, "run", "true"], env={"SKYSHIM_DAEMON_WAIT": "0.3"}), 126, b"skyshim-daemon: it has not come to anything")


# Starts what is another version's, which answers as one of tests/apps/cases/other_version.py.
ANOTHER = """#!/usr/bin/env python3
import os, struct, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[sys.argv.index("--socket") + 1])
listener.listen(16)
if os.fork():
    os._exit(0)
os.close(1)
os.close(2)
peer, _ = listener.accept()
while not peer.recv(70000):
    peer, _ = listener.accept()
peer.send(struct.pack("=Ii", 0x4d485353, -93) + bytes(64))
"""


def another_version(context):
    """The program beside it is of another version: to end the daemon that it starts helps nobody."""
    skyshim = installed(context)
    with open(skyshim + "-daemon", "w", encoding="utf-8") as program:
        program.write(ANOTHER)
    said(context.run([skyshim, "run", "true"]), 126, b"skyshim-daemon: it is of another version", b"install both anew")


def few_descriptors(context):
    """Whoever has too few for a daemon is told so; with some more all is well."""
    for limit in (4, 5, 6, 7, 8, 12, 64):
        result = context.run(["sh", "-c", f'ulimit -n {limit}; exec "$0" run true', context.skyshim])
        want(result.status in (0, 126) and bool(result.stderr) == bool(result.status), f"{limit}: {result}")
    want(result.status == 0, f"{result}")


def without_path(context):
    """All parts are found with nothing in the environment, by a process that may gain no rights."""
    home = f"HOME={context.folder}/home"
    for argv in (["run", "/bin/sh", "-c", "echo began"], ["status"], ["stop"]):
        result = context.run(["setpriv", "--no-new-privs", "env", "-i", "PATH=/none", home, context.skyshim, *argv])
        want(result.status == 0 and not result.stderr and (argv[0] != "run" or result.stdout == b"began\n"), f"{argv}: {result}")


def by_link(context):
    """As /usr/local/bin is often filled: the other programs are where the link leads."""
    skyshim = installed(context)
    os.symlink(skyshim, os.path.join(context.work, "link"))
    for argv in (["run", "true"], ["status"], ["stop"]):
        want(context.run([os.path.join(context.work, "link"), *argv]).status == 0, f"{argv} by a link")


def in_libexec(context):
    """As `make install` has it."""
    root = os.path.join(context.work, "usr")
    for folder, names in (("bin", ["skyshim"]), ("libexec/skyshim", ["skyshim-daemon", "skyshim-rt"])):
        os.makedirs(os.path.join(root, folder))
        for name in names:
            shutil.copy(os.path.join(context.world.build, name), os.path.join(root, folder))
    for argv in (["run", "sh", "-c", "true"], ["status"], ["stop"]):
        result = context.run([os.path.join(root, "bin", "skyshim"), *argv])
        want(result.status == 0 and not result.stderr, f"{argv}: {result}")


def at_once(context):
    """Many that find no daemon: one starts, and all have it."""
    together = [context.start([context.skyshim, "run", "echo", "began"]) for _ in range(24)]
    for process in together:
        out, err = process.communicate(timeout=60)
        want(process.returncode == 0 and out == b"began\n" and not err, f"{process.returncode}: {out}, {err}")
    want(len(context.daemons()) == 1, f"{len(context.daemons())} daemons")


CASES = [
    Case("start/light", check=light, needs_store=False),
    Case("start/calls", check=calls, needs_store=False),
    Case("start/no-daemon-program", check=no_daemon_program, needs_store=False),
    Case("start/no-runtime", check=no_runtime, needs_store=False),
    Case("start/no-library", check=no_library, needs_store=False),
    Case("start/damaged", check=damaged, needs_store=False),
    Case("start/killed", check=killed, needs_store=False),
    Case("start/children-ignored", check=children_ignored, needs_store=False),
    Case("start/alone-inside", check=alone_inside, needs_store=False),
    Case("start/closed-descriptors", check=closed_descriptors, needs_store=False),
    Case("start/stopped", check=stopped, needs_store=False),
    Case("start/hangs", check=hangs, needs_store=False),
    Case("start/another-version", check=another_version, needs_store=False),
    Case("start/few-descriptors", check=few_descriptors, needs_store=False),
    Case("start/without-path", check=without_path, needs_store=False),
    Case("start/by-link", check=by_link, needs_store=False),
    Case("start/in-libexec", check=in_libexec, needs_store=False),
    Case("start/at-once", check=at_once, needs_store=False),
]
