# SPDX-License-Identifier: Apache-2.0
"""What all rows of one run share: the store, folders, sizes, programs that must not outlive it, and data that is the same in the
bucket and in a local folder beside it (`mirror`).
"""
import contextlib
import os
import shutil
import signal
import subprocess
import time

import interrupt
import ways

LATENCY_MS = 20
BANDWIDTH_KBS = 90000
MIB = 1 << 20
ASIDE_BYTES = 512 * MIB  # more is removed at once
TIDY_TURNS = 100
QUIET_SECONDS = 10  # for requests that nobody waits for any more


class TooSlow(Exception):
    """It was stopped after so many seconds."""


class Sizes:
    """How much of everything; scale 1 is the table's, and a larger one that many times smaller."""

    def __init__(self, scale):
        self.scale = scale
        self.big_bytes = max((1 << 30) // scale, 16 * MIB)
        self.quarter_bytes = self.big_bytes // 4
        self.files = max(1000 // scale, 10)
        self.entries = max(10000 // scale, 100)
        self.reads = max(2000 // scale, 20)
        self.tree_files = max(75000 // scale, 300)


def of_folder(folder):
    """Processes that were started with a path below it: the store, daemons, mounts, programs."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        for name in "cmdline", "environ":  # the second is the owner's alone, and of a daemon not even his
            with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
                if (folder + "/").encode() in file.read():
                    found.append(int(pid))
                    break
    return found


def removed(path):
    """rm is several times as fast as shutil with a hundred thousand files."""
    subprocess.run(["rm", "-rf", path], check=False, stderr=subprocess.DEVNULL)


def size_of(path):
    """What its files occupy, in bytes."""
    return 512 * sum(os.lstat(os.path.join(folder, file)).st_blocks for folder, _, files in os.walk(path) for file in files)


class Session:
    def __init__(self, build, folder, store, scale, runs):
        self.skyshim = os.path.join(build, "skyshim")
        self.folder, self.store, self.runs = folder, store, runs
        self.sizes = Sizes(scale)
        self.mirror = self.made("mirror")   # the bucket's content as local files
        self.source = self.made("source")   # what is written from
        self.scratch = os.path.join(folder, "scratch")  # of one run
        self.there = set()
        self.children = []
        self.caches = 0
        self.asides = 0
        self.env = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C", "XDG_RUNTIME_DIR": folder, "GIT_OPTIONAL_LOCKS": "0",
                    "SKYSHIM_CACHE_DIR": "", **store.environment()}

    def made(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def set_aside(self, path):
        """It is gone from there, as far as the next run can tell. Many small files are removed with the session: an ext4 without a
        journal makes a file several times as slowly for minutes after others were deleted, since it takes no inode again that was
        freed lately (recently_deleted() in fs/ext4/ialloc.c)."""
        if not os.path.isdir(path):
            return
        self.asides += 1
        aside = os.path.join(self.made("aside"), str(self.asides))
        os.rename(path, aside)
        if size_of(aside) > ASIDE_BYTES:
            removed(aside)

    # --- programs --------------------------------------------------------------------------------------

    def start(self, argv, **options):
        """A program in a session of its own, so that ^C reaches it only by end()."""
        with interrupt.hold():
            child = subprocess.Popen(argv, env=options.pop("env", self.env), cwd=self.folder, stdin=subprocess.DEVNULL,
                                     start_new_session=True, **options)
            self.children.append(child)
        return child

    def end(self, child):
        """It and what it has started are gone after this."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self.children.remove(child)

    def run(self, argv, limit_s=None, env=None):
        """Runs a program to its end, its output discarded. RuntimeError with what it said if it fails, TooSlow."""
        with open(os.path.join(self.folder, "said"), "w+b") as said:
            child = self.start(argv, env={**self.env, **(env or {})}, stdout=subprocess.DEVNULL, stderr=said)
            try:
                status = child.wait(limit_s)
            except subprocess.TimeoutExpired as error:
                raise TooSlow(limit_s) from error
            finally:
                self.end(child)
            if status:
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines()
                raise RuntimeError(f"{os.path.basename(argv[0])}: exit status {status}: {lines[-1] if lines else 'silent'}")

    def close(self):
        """Nothing of this run is left, wherever it was interrupted: in an unmounting, or while a daemon starts."""
        for child in list(self.children):
            self.end(child)
        point = os.path.join(self.folder, "mount")
        if ways.is_mounted(point):
            ways.unmount(point, "-z")
        store = self.store.process.pid if self.store.process else 0
        for _ in range(TIDY_TURNS):  # one that is just being killed may have started another
            left = [pid for pid in of_folder(self.folder) if pid != store]
            if not left:
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    # --- the daemon ------------------------------------------------------------------------------------

    def ours(self, *argv, **options):
        self.run([self.skyshim, "run", *argv], **options)

    def cold(self):
        """A daemon with an empty cache; the last one ends."""
        self.stop_daemon()
        self.caches += 1
        self.env["SKYSHIM_CACHE_DIR"] = os.path.join(self.folder, f"cache{self.caches}")
        self.ours("true")  # its start is another figure

    def daemon_pid(self):
        told = subprocess.run([self.skyshim, "status"], env=self.env, capture_output=True, check=False, text=True).stdout
        return int(dict(line.split(None, 1) for line in told.splitlines() if " " in line).get("pid", 0))

    def stop_daemon(self):
        if not self.env["SKYSHIM_CACHE_DIR"]:
            return
        pid = self.daemon_pid()
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([self.skyshim, "stop"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                           timeout=60)
        if pid and os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.set_aside(self.env["SKYSHIM_CACHE_DIR"])
        self.env["SKYSHIM_CACHE_DIR"] = ""

    # --- the store -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def paced(self, latency_ms, bandwidth_kbs):
        """The store at another pace for a while."""
        self.store.admin("POST", "config", f"latency_ms={latency_ms}&bandwidth_kbs={bandwidth_kbs}")
        try:
            yield
        finally:
            self.store.admin("POST", "config", f"latency_ms={LATENCY_MS}&bandwidth_kbs={BANDWIDTH_KBS}")

    def at_once(self):
        """For what is no part of any figure."""
        return self.paced(0, 0)

    def quiet(self):
        """Waits until no request is under way, so that all are counted, what was fetched in vain too. Returns the counters."""
        deadline = time.monotonic() + QUIET_SECONDS
        while True:
            stats = self.store.stats()
            if not stats["parallel"] or time.monotonic() > deadline:
                return stats
            time.sleep(0.01)

    def generated(self, name, query, mirror=True):
        """Data that the store makes up, once: bucket=bench&QUERY; and the same locally, below that name."""
        if name not in self.there:
            self.store.admin("POST", "generate", f"bucket=bench&{query}")
            if mirror:
                with self.at_once():
                    self.cold()
                    self.ours("cp", "-r", f"/cloud/s3/bench/{name}", self.mirror)
                    self.stop_daemon()
            self.there.add(name)

    def uploaded(self, name, path):
        """A local file or folder is in the bucket and the mirror below that name, without any metadata."""
        if name in self.there:
            return
        target = os.path.join(self.mirror, name)
        if os.path.isdir(path):
            shutil.copytree(path, target, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(path, target)
        files = [target] if os.path.isfile(target) else \
            [os.path.join(folder, file) for folder, _, found in os.walk(target) for file in found]
        with self.at_once():
            for file in files:
                with open(file, "rb") as data:
                    self.store.put("bench", os.path.relpath(file, self.mirror), data.read())
        self.there.add(name)

    def without(self, prefix):
        """Nothing is below that prefix, in the bucket and the mirror."""
        with self.at_once():
            for key, _ in list(self.store.times("bench", prefix)):
                self.store.delete("bench", key)
        path = os.path.join(self.mirror, prefix)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)

    def counted(self, prefix):
        """Files; a directory's mark is none."""
        return sum(1 for key, _ in self.store.times("bench", prefix) if not key.endswith("/"))
