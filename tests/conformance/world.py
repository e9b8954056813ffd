# SPDX-License-Identifier: Apache-2.0
"""Runs one command, natively or under `skyshim run`, in a folder of its own, with a time limit.

All intercepted runs of one harness share a cache and a daemon, as a user's programs do. Whatever a run leaves
behind is killed by a mark in its environment, so that no run meets another's remains.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass

MARK = "TRANSPARENCY_RUN"
USER = "nobody"
GROUP = "nogroup"
OUTPUT_BYTES_MAX = 4 << 20  # of one run's output that is kept
SIDES = ("native", "intercepted")


@dataclass
class Result:
    status: int       # an exit status, or minus the signal; TIMED_OUT
    output: str       # stdout and stderr together
    folder: str


TIMED_OUT = 1000


class World:
    def __init__(self, build, keep=False):
        self.skyshim = os.path.join(os.path.abspath(build), "skyshim")
        self.folder = tempfile.mkdtemp(prefix="tp.", dir="/tmp")  # short: sockets have to fit below it
        self.keep = keep
        self.number = 0
        self.lock = threading.Lock()
        os.chmod(self.folder, 0o755)
        self.homes = {}
        for as_root in {False, os.geteuid() == 0}:
            home = os.path.join(self.folder, "root" if as_root else "user")
            for name in ("", "home", "run", "cache"):
                os.makedirs(os.path.join(home, name), mode=0o700, exist_ok=True)
                self.give(os.path.join(home, name), as_root)
            os.chmod(home, 0o755)
            self.homes[as_root] = home
            # the daemon that all share is started without a mark
            self.run(["true"], "intercepted", as_root=as_root, mark=False)

    def give(self, path, as_root):
        if os.geteuid() == 0 and not as_root:
            shutil.chown(path, USER, GROUP)

    def environment(self, as_root, extra):
        home = self.homes[as_root]
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
                "HOME": os.path.join(home, "home"), "USER": "root" if as_root else USER,
                "XDG_RUNTIME_DIR": os.path.join(home, "run"), "SKYSHIM_CACHE_DIR": os.path.join(home, "cache"),
                **extra}

    def new_folder(self, as_root):
        with self.lock:
            self.number += 1
            number = self.number
        folder = os.path.join(self.folder, str(number))
        os.makedirs(os.path.join(folder, "tmp"))
        for path in (folder, os.path.join(folder, "tmp")):
            self.give(path, as_root)
        return folder

    def as_user(self, as_root):
        if os.geteuid() != 0 or as_root:
            return []
        return ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups"]

    def run(self, argv, side, timeout=60, as_root=False, env=None, mark=True, fill=None):
        """fill: a function that puts files into the run's folder before it."""
        folder = self.new_folder(as_root)
        if fill:
            fill(folder)
        environment = self.environment(as_root, env or {})
        environment["TMPDIR"] = os.path.join(folder, "tmp")
        if mark:
            environment[MARK] = folder
        ours = [self.skyshim, "run"] if side == "intercepted" else []
        output = os.path.join(self.folder, os.path.basename(folder) + ".log")
        with open(output, "wb") as log:
            process = subprocess.Popen([*self.as_user(as_root), *ours, *argv], env=environment, cwd=folder,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = TIMED_OUT
            if mark:
                end_marked(folder)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        with open(output, "rb") as log:
            text = log.read(OUTPUT_BYTES_MAX).decode("utf-8", "backslashreplace")
        return Result(status, text, folder)

    def done_with(self, result):
        if not self.keep:
            shutil.rmtree(result.folder, ignore_errors=True)

    def close(self):
        for as_root, home in self.homes.items():
            subprocess.run([*self.as_user(as_root), self.skyshim, "stop"], env=self.environment(as_root, {}),
                           cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False)
        if self.keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def end_marked(folder):
    """Kills what a run has left: whatever has its mark in the environment. Again, until none is found."""
    wanted = f"{MARK}={folder}\0".encode()
    for _ in range(50):
        found = False
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as environ:
                    if wanted not in environ.read() + b"\0":
                        continue
                os.kill(int(name), signal.SIGKILL)
                found = True
            except OSError:
                continue
        if not found:
            return
