# SPDX-License-Identifier: Apache-2.0
"""What a test case is, and how one is run.

A comparison runs one command twice, on the local folder and, under `skyshim run`, on the bucket, and
wants the same stdout, stderr, exit status and files left in its working folder. A check is a function
that raises. Every case has its own working folder, cache and daemon, so cases may run side by side.
"""
import difflib
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Callable, Optional, Union

TIMEOUT_SECONDS = 60
OUTPUT_SHOWN = 3000  # characters of each side in a failure's report


@dataclass
class Case:
    name: str
    command: Union[str, list, None] = None  # for sh -c, or an argument list in which {D} is the folder
    check: Optional[Callable] = None        # a function of one Context
    stderr: bool = True                     # whether stderr has to be the same as well
    embedded_only: bool = False
    s3_only: bool = False
    needs_store: bool = True                # of a check: whether it looks at /cloud at all
    timeout: int = TIMEOUT_SECONDS
    env: dict = field(default_factory=dict)


@dataclass
class Result:
    status: int
    stdout: bytes
    stderr: bytes


class Failure(Exception):
    """What a case found wrong, in words."""


@dataclass
class World:
    """What all cases share."""
    CHANGING = "-changing"  # behind the bucket's name: another, in which cases change what they like
    build: str          # the build folder
    store: object       # store.Store
    bucket: str
    local: str          # the local copy of the bucket
    programs: str       # test programs built for this run
    folder: str         # for everything temporary; short, since sockets have to fit below it
    second: str = ""    # when set, a second local copy stands for the bucket
    intercepted: bool = True


class Context:
    """One case's surroundings."""

    def __init__(self, world, number):
        self.world = world
        self.store = world.store
        self.bucket = world.bucket
        self.folder = os.path.join(world.folder, str(number))
        self.cloud = world.second or f"{world.store.root if world.store else ''}/{world.bucket}"
        self.work = os.path.join(self.folder, "w")
        self.skyshim = os.path.join(world.build, "skyshim")
        for name in ("w", "home", "run", "cache"):
            os.makedirs(os.path.join(self.folder, name))
        os.chmod(os.path.join(self.folder, "run"), 0o700)

    def environment(self, extra=None):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
               "HOME": os.path.join(self.folder, "home"), "L": self.world.local, "P": self.world.programs,
               "XDG_RUNTIME_DIR": os.path.join(self.folder, "run"),
               "SKYSHIM_CACHE_DIR": os.path.join(self.folder, "cache"), **(self.store.environment() if self.store else {})}
        if "TSAN_OPTIONS" in os.environ:  # of `make race`
            env["TSAN_OPTIONS"] = os.environ["TSAN_OPTIONS"]
        env.update(extra or {})
        return {name: value for name, value in env.items() if value is not None}

    def run(self, argv, env=None, timeout=TIMEOUT_SECONDS, stdin=b"", cwd=None):
        """Runs argv in its own session; whatever of it is left after the time-out is killed."""
        process = subprocess.Popen(argv, env=self.environment(env), cwd=cwd or self.work, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as late:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise Failure(f"still running after {timeout} s: {' '.join(map(str, argv))[:300]}\n"
                          f"stdout: {shown(out)}\nstderr: {shown(err)}") from late
        return Result(process.returncode, out, err)

    def start(self, argv, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        """argv, by default with pipes, not waited for."""
        return subprocess.Popen(argv, env=self.environment(env), cwd=self.work, stdin=subprocess.PIPE,
                                stdout=stdout, stderr=stderr, start_new_session=True)

    def run_cloud(self, argv, **options):
        """argv under `skyshim run`; a string is for sh -c, with $D the bucket's folder."""
        ours = [self.skyshim, "run"] if self.world.intercepted else []
        return self.run([*ours, *arguments(argv, self.cloud)], **self.with_root(options, self.cloud))

    def run_local(self, argv, **options):
        return self.run(arguments(argv, self.world.local), **self.with_root(options, self.world.local))

    @staticmethod
    def with_root(options, root):
        return {**options, "env": {"D": root, **(options.get("env") or {})}}

    def daemons(self):
        """Process ids of this case's daemon: the one that has our cache folder among its arguments. (Its
        environment is nobody's to read: it holds credentials.)"""
        mark = f"{self.folder}/cache".encode()
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as line:
                    argv = line.read().split(b"\0")
                    if mark in argv and argv[0].endswith(b"skyshim") and b"daemon" in argv[1:]:
                        found.append(int(name))
            except OSError:
                continue
        return found

    def close(self):
        try:
            if not self.world.intercepted:
                return
            self.run([self.skyshim, "stop"], timeout=10)
        except (Failure, OSError):
            pass
        finally:
            self.end_daemons()
            shutil.rmtree(self.folder, ignore_errors=True)

    def end_daemons(self):
        deadline = time.monotonic() + 3
        while self.daemons() and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in self.daemons():
            os.kill(pid, signal.SIGKILL)


def arguments(argv, root):
    if isinstance(argv, str):
        return ["sh", "-c", argv]
    return [part.replace("{D}", root) for part in argv]


def shown(data):
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)
    return text if len(text) <= OUTPUT_SHOWN else text[:OUTPUT_SHOWN] + f"... ({len(text)} characters)"


def want(condition, message):
    if not condition:
        raise Failure(message)


def neutral(data, root, work):
    """The output without what has to differ: where the data is, where the case works."""
    data = data.replace(root.encode(), b"<D>").replace(work.encode(), b"<W>")
    return re.sub(rb"probe-script\.\w{6}", b"probe-script", data)


def left_files(folder):
    """What a command left in its working folder: {path: (mode, content)}."""
    found = {}
    for top, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(top, name)
            status = os.lstat(path)
            if os.path.islink(path):
                content = os.readlink(path).encode()
            elif os.path.isfile(path):
                with open(path, "rb") as source:
                    content = source.read()
            else:
                content = b""
            found[os.path.relpath(path, folder)] = (status.st_mode, content)
    return found


def compare(context, case):
    folders = {}
    results = {}
    for side, root in (("local", context.world.local), ("cloud", context.cloud)):
        folders[side] = os.path.join(context.work, side)
        os.mkdir(folders[side])
        run = context.run_local if side == "local" else context.run_cloud
        result = run(case.command, env=case.env, timeout=case.timeout, cwd=folders[side])
        results[side] = Result(result.status, neutral(result.stdout, root, folders[side]),
                               neutral(result.stderr, root, folders[side]))
    differences = []
    local, cloud = results["local"], results["cloud"]
    if local.status != cloud.status:
        differences.append(f"exit status: native {local.status}, on the bucket {cloud.status}")
    if local.stdout != cloud.stdout:
        differences.append("stdout differs:\n" + difference(local.stdout, cloud.stdout))
    if local.stderr != cloud.stderr and (case.stderr or local.status != cloud.status):
        differences.append("stderr differs:\n" + difference(local.stderr, cloud.stderr))
    differences += compare_left(context, folders)
    if differences:
        raise Failure("\n".join(differences))


def compare_left(context, folders):
    left = {side: left_files(folder) for side, folder in folders.items()}
    differences = []
    for path in sorted(set(left["local"]) | set(left["cloud"])):
        one, other = left["local"].get(path), left["cloud"].get(path)
        if one is None or other is None:
            differences.append(f"left behind only {'on the bucket' if one is None else 'natively'}: {path!r}")
        elif one[0] != other[0]:
            differences.append(f"{path!r}: mode native {one[0]:o}, on the bucket {other[0]:o}")
        elif one[1] != other[1].replace(context.cloud.encode(), context.world.local.encode()):
            differences.append(f"{path!r}: bytes differ (native {len(one[1])}, on the bucket {len(other[1])})")
    return differences[:10]


def difference(native, cloud):
    """The first lines that differ, each with its side."""
    lines = difflib.unified_diff(native.decode("utf-8", "backslashreplace").splitlines(),
                                 cloud.decode("utf-8", "backslashreplace").splitlines(),
                                 "native", "on the bucket", lineterm="", n=1)
    return shown("\n".join(list(lines)[:60]))
