# SPDX-License-Identifier: Apache-2.0
"""The ways by which a row's work is done: under skyshim, on local files, by curl alone, through s3fs and rclone (Debian packages,
mounted by FUSE). Each run has a daemon or a mount of its own, and so an empty cache.
"""
import contextlib
import os
import shutil
import subprocess
import time

NAMES = ["skyshim", "local", "curl", "s3fs", "rclone"]
PEERS = ["s3fs", "rclone"]
MOUNT_SECONDS = 20
UNMOUNT_SECONDS = 5


class Place:
    """Where a run works: {M} in its words is root; prefix goes before them; pid: whose memory is looked at, or 0."""

    def __init__(self, prefix, root, pid=0):
        self.prefix, self.root, self.pid = prefix, root, pid

    def peak_mib(self):
        if not self.pid:
            return 0
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status.read().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024

    def cpu_seconds(self):
        if not self.pid:
            return 0
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def missing(name):
    """Why nothing can be done that way here, or None."""
    if name in ("skyshim", "local"):
        return None
    if not shutil.which(name):
        return "not installed"
    if name not in PEERS:
        return None
    if not shutil.which("fusermount") and not shutil.which("fusermount3"):
        return "no fusermount"
    return None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "no /dev/fuse"


def mount_words(session, name, point):
    """The command that mounts the bucket, in the foreground."""
    if name == "rclone":
        return ["rclone", "mount", ":s3:bench", point, "--s3-provider", "Other", "--s3-endpoint", session.store.endpoint,
                "--s3-env-auth", "--vfs-cache-mode", "writes", "--cache-dir", os.path.join(session.folder, "rclone")]
    password = os.path.join(session.folder, "password")
    with open(password, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write(f"{session.store.access_key}:{session.store.secret_key}\n")
    return ["s3fs", "bench", point, "-f", "-o", f"url={session.store.endpoint},use_path_request_style,passwd_file={password},"
            "parallel_count=16"]


def is_mounted(point):
    """Also when nobody serves it any more, which os.path.ismount cannot tell."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return any(line.split()[1] == point for line in mounts)


def unmount(point, *options):
    tool = shutil.which("fusermount3") or shutil.which("fusermount")
    subprocess.run([tool, "-u", *options, point], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


@contextlib.contextmanager
def mounted(session, name):
    point = session.made("mount")
    child = session.start(mount_words(session, name, point), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + MOUNT_SECONDS
        while not is_mounted(point) or not os.path.exists(f"{point}/here"):
            if time.monotonic() > deadline or child.poll() is not None:
                raise RuntimeError(f"{name} does not mount")
            time.sleep(0.05)
        yield Place([], point, child.pid)
    finally:
        unmount(point)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(UNMOUNT_SECONDS)
        session.end(child)  # which ends what hangs in it, too
        if is_mounted(point):
            unmount(point, "-z")
        shutil.rmtree(os.path.join(session.folder, "rclone"), ignore_errors=True)
        if is_mounted(point):
            raise RuntimeError(f"{name} stays mounted")


@contextlib.contextmanager
def place(session, name):
    """A Place for one run."""
    if name == "skyshim":
        session.cold()
        try:
            yield Place([session.skyshim, "run"], "/cloud/s3/bench", session.daemon_pid())
        finally:
            session.stop_daemon()
    elif name in PEERS:
        with mounted(session, name) as found:
            yield found
    else:
        yield Place([], session.mirror)


# --- curl ------------------------------------------------------------------------------------------------

def transfer(session, key, **settings):
    """The lines of a curl configuration for one signed request; settings: curl's long options, with _ for -."""
    store = session.store
    lines = [f'url = "{store.endpoint}/bench/{key}"', 'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"',
             'aws-sigv4 = "aws:amz:us-east-1:s3"', f'user = "{store.access_key}:{store.secret_key}"', "silent", "fail",
             *(f'{name.replace("_", "-")} = "{value}"' for name, value in settings.items())]
    return "\n".join(lines)


def curl(session, transfers, parallel):
    """The words of a curl that makes them all."""
    path = os.path.join(session.folder, "transfers")
    with open(path, "w", encoding="utf-8") as out:
        out.write("\nnext\n".join(transfers))
    return ["curl", "--no-progress-meter", "--parallel", "--parallel-max", str(parallel), "-K", path]
