# SPDX-License-Identifier: Apache-2.0
"""The same work by s3fs and rclone (Debian packages, mounted by FUSE) and by skyshim, in turn on one store: seconds, requests and
bytes. Each run has a mount of its own, and so an empty cache. A row is a line of ROWS.
"""
import os
import shutil
import statistics
import subprocess
import time

MOUNT_SECONDS = 20
MIB = 1 << 20

# name: (what is done with a folder {M} which holds the bucket, local files in {L}; how many bytes are to be in the bucket then)
ROWS = {
    "read 1 GiB": ("cat {M}/big >/dev/null", None),
    "cp -r 1,000 × 4 KiB": ("cp -r {M}/tiny {L}/copy", None),
    "grep -r 1,000 × 16 KiB": ("grep -rc zz {M}/small >/dev/null", None),
    "ls -l 10,000": ("ls -l {M}/many >/dev/null", None),
    "write 1,000 × 4 KiB": ("cp -r {L}/new {M}/new", 1000),
}


def ways(bench):
    """name: how it is mounted at {M}, in the foreground; None: nothing needs to be."""
    password = os.path.join(bench.folder, "password")
    with open(password, "w", encoding="ascii") as out:
        out.write(f"{bench.store.access_key}:{bench.store.secret_key}\n")
    os.chmod(password, 0o600)
    return {
        "skyshim": None,
        "s3fs": ["s3fs", "bench", "{M}", "-f", "-o", f"url={bench.store.endpoint},use_path_request_style,passwd_file={password},"
                 "parallel_count=16"],
        "rclone": ["rclone", "mount", ":s3:bench", "{M}", "--s3-provider", "Other", "--s3-endpoint", bench.store.endpoint,
                   "--s3-env-auth", "--vfs-cache-mode", "writes", "--cache-dir", os.path.join(bench.folder, "rclone")],
    }


def missing(name):
    """Why a peer cannot be measured here, or None."""
    if not shutil.which(name):
        return "not installed"
    if not shutil.which("fusermount") and not shutil.which("fusermount3"):
        return "no fusermount"
    return None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "no /dev/fuse"


class Mount:
    def __init__(self, bench, argv):
        self.point = os.path.join(bench.folder, "mount")
        os.makedirs(self.point, exist_ok=True)
        self.process = subprocess.Popen([word.replace("{M}", self.point) for word in argv], env=bench.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + MOUNT_SECONDS
        while not os.path.exists(f"{self.point}/big"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.__exit__()
                raise RuntimeError("it does not mount")
            time.sleep(0.05)
        return self.point

    def __exit__(self, *_):
        """Nothing may stay mounted: the folder is removed, with what is in it."""
        fusermount = shutil.which("fusermount") or shutil.which("fusermount3")
        subprocess.run([fusermount, "-u", self.point], stderr=subprocess.DEVNULL, check=False)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
        subprocess.run([fusermount, "-uz", self.point], stderr=subprocess.DEVNULL, check=False)
        if os.path.ismount(self.point):
            raise RuntimeError(f"{self.point} stays mounted")


def uploaded(bench, count):
    """Waits until so many are in the bucket: a close of rclone's does not."""
    deadline = time.monotonic() + 600
    while sum(1 for _ in bench.store.times("bench", "new/")) < count:
        if time.monotonic() > deadline:
            raise RuntimeError("not all was uploaded")
        time.sleep(0.1)


def once(bench, mount, script, count):
    """(seconds, requests, bytes from the store, bytes to it) of one run with nothing in any cache."""
    local = os.path.join(bench.folder, "local")
    shutil.rmtree(os.path.join(local, "copy"), ignore_errors=True)
    for key, _ in list(bench.store.times("bench", "new/")):
        bench.store.delete("bench", key)

    def work(prefix, folder):
        text = script.replace("{M}", folder).replace("{L}", local)
        bench.store.reset()
        began = time.monotonic()
        subprocess.run([*prefix, "sh", "-c", text], env=bench.env, cwd=bench.folder, check=True)
        if count:
            uploaded(bench, count)
        took = time.monotonic() - began
        stats = bench.store.stats()
        return took, stats["requests"], stats["bytes_out"], stats["bytes_in"]
    if mount:
        with Mount(bench, mount) as point:
            return work([], point)
    bench.cold()
    bench.ours("true")
    bench.env["SKYSHIM_DURABILITY"] = "exit"
    try:
        return work([bench.skyshim, "run"], "/cloud/s3/bench")
    finally:
        del bench.env["SKYSHIM_DURABILITY"]


def measure(bench, rows):
    local = os.path.join(bench.folder, "local", "new")
    os.makedirs(local)
    for number in range(1000):
        with open(os.path.join(local, f"f{number}"), "wb") as out:
            out.write(os.urandom(4096))
    bench.store.admin("POST", "generate", "bucket=bench&prefix=tiny/&count=1000&size=4096")
    there = {name: mount for name, mount in ways(bench).items() if not mount or not missing(name)}
    for name in ways(bench):
        if name not in there:
            bench.tell(f"by {name}", "not run", other_name=missing(name))
    for row in rows:
        runs = {name: [] for name in there}
        for _ in range(bench.pairs):
            for name, mount in there.items():
                try:
                    runs[name].append(once(bench, mount, *ROWS[row]))
                except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                    runs[name].append(None)
                    print(f"    {name}: {error}")
        for name, found in runs.items():
            tell(bench, f"{row} by {name}", [run for run in found if run])
    shutil.rmtree(os.path.join(bench.folder, "local"))


def tell(bench, name, runs):
    if not runs:
        bench.tell(name, "failed")
        return
    seconds, requests, received, sent = (statistics.median(column) for column in zip(*runs))
    bench.tell(name, f"{seconds:.2f} s", other_name=f"{requests:.0f} requests, {received / MIB:.1f} MiB received, "
               f"{sent / MIB:.1f} MiB sent", runs=runs)


def peers(bench):
    """What `make bench` has of them."""
    measure(bench, ["read 1 GiB"])


def beside_all(bench):
    """All rows: some ten minutes for each of the runs."""
    measure(bench, list(ROWS))
