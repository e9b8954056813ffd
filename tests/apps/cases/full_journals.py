# SPDX-License-Identifier: Apache-2.0
"""Journals on a disk without a byte left, in memory and ext4: each change of names is carried out whole or refused whole,
and the daemon, killed and begun anew there, goes on once there is room."""
import os
import signal

from case import Case, want
from cases.faults import Faulty, our_lines

DISK_MB = 24
OLD = b"what was there before\n"
DIRECTORY = {f"w/d/{i}": b"%d" % i for i in range(120)}  # more than a page of journal
ATTEMPT = """
import ctypes, errno, os
D = os.environ['D']
libc = ctypes.CDLL(None, use_errno=True)
def attempt(f, *args):
    try:
        f(*args)
        print('done')
    except OSError as e:
        print(errno.errorcode[e.errno])
def exchange(a, b):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), 2):
        raise OSError(ctypes.get_errno(), '')
def put(name, flags, text):
    f = os.open(name, flags, 0o644)
    try:
        os.write(f, text)
    finally:
        os.close(f)
"""


def on_disk(kind, check):
    """check with a Faulty whose cache is on a small file system of that kind, and a function that fills what is left of it."""
    def run(context):
        disk = os.path.join(context.folder, "cache")
        image = os.path.join(context.folder, "image")
        if kind == "ext4":
            with open(image, "wb") as out:
                out.truncate(DISK_MB << 20)
            made = context.run(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", image])
            made = made.status and made or context.run(["mount", "-o", "loop", image, disk])
        else:
            made = context.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "none", disk])
        if made.status:
            print(f"full-journals: no {kind} can be mounted here: {made.stderr!r}")
            return
        os.chmod(disk, 0o700)
        try:
            with Faulty(context) as faulty:
                check(context, faulty, Disk(disk))
        finally:
            context.run([context.skyshim, "stop"], timeout=20)
            context.end_daemons()
            context.run(["umount", "-l", disk])
    return run


class Disk:
    def __init__(self, path):
        self.path = path
        self.ballast = os.path.join(path, "ballast")

    def fill(self, pages=0):
        """To the last byte of the last block, but for so many pages."""
        with open(self.ballast, "ab", buffering=0) as out:
            for step in (1 << 20, 4096, 1):
                try:
                    while True:
                        out.write(bytes(step))
                except OSError:
                    pass
            out.truncate(os.fstat(out.fileno()).st_size - 4096 * pages)

    def free(self):
        os.unlink(self.ballast)


def python(context, faulty, script, **env):
    return context.run([context.skyshim, "run", "python3", "-c", ATTEMPT + script], env={**faulty.env, **env}, timeout=100)


def killed(context):
    for pid in context.daemons():
        os.kill(pid, signal.SIGKILL)


def begin(faulty, objects):
    """These are in the bucket, and no daemon knows of others."""
    faulty.context.run([faulty.context.skyshim, "stop"], timeout=20)
    for key in stored(faulty):
        faulty.store.delete("faulty", key)
    for key, text in objects.items():
        faulty.store.put("faulty", key, text)


def stored(faulty):
    return {key: faulty.store.get("faulty", key) for key, _ in faulty.store.times("faulty", "w/")}


# what is attempted, and what has changed when that is done: what is gone, and what is there
STEPS = {
    "exchange": ("exchange, D + '/keep', D + '/old'", {"w/keep": b"", "w/old": OLD}, {"w/keep": OLD, "w/old": b""}),
    "exchange-dirs": ("exchange, D + '/x', D + '/y'", {"w/x/1": b"x", "w/y/1": b"y"}, {"w/x/1": b"y", "w/y/1": b"x"}),
    "rename": ("os.rename, D + '/keep', D + '/kept'", {"w/keep": b""}, {"w/kept": b""}),
    "mkdir": ("os.mkdir, D + '/new'", {}, {"w/new/": b""}),
    "unlink": ("os.unlink, D + '/x/1'", {"w/x/1": b"x"}, {}),
    "put": ("put, D + '/n', os.O_WRONLY | os.O_CREAT, b'n'", {}, {"w/n": b"n"}),
    "append": ("put, D + '/old', os.O_WRONLY | os.O_APPEND, b'n'", {"w/old": OLD}, {"w/old": OLD + b"n"}),
}


def names(durability):
    """What changes a name is carried out whole or refused whole. Afterwards, by a daemon that was killed there, all is well."""
    def check(context, faulty, disk):
        for step, (call, gone, made) in STEPS.items():
            begin(faulty, {"w/keep": b"", "w/old": OLD, "w/x/1": b"x", "w/y/1": b"y"})
            result = faulty.run("ls $D $D/x $D/y >/dev/null && stat $D/keep $D/old >/dev/null")
            want(result.status == 0, f"{step}, before: {result}")
            before = stored(faulty)
            disk.fill()
            result = python(context, faulty, f"attempt({call})", SKYSHIM_DURABILITY=durability)
            disk.free()
            want(result.stdout in (b"done\n", b"ENOSPC\n") and result.status == 0, f"{step}: {result}")
            want(len(our_lines(result)) <= 1, f"{step}: {result}")
            done = {**{key: text for key, text in before.items() if key not in gone}, **made}
            wanted = done if result.stdout == b"done\n" else before
            want(stored(faulty) == wanted, f"{step}: {result.stdout}, and the bucket has {stored(faulty)}")
            killed(context)
            result = python(context, faulty, f"attempt({call})", SKYSHIM_DURABILITY=durability)
            want(wanted is done or result.stdout == b"done\n" and stored(faulty) == done, f"{step}, with room: {result}, {stored(faulty)}")
            faulty.none_left()
    return check


def directories(context, faulty, disk):
    """A directory's rename whose journal finds room for a part of what it has to say: all is moved, or all is where it was."""
    told = set()
    for pages in range(6):
        begin(faulty, DIRECTORY)
        result = faulty.run("ls $D $D/d >/dev/null")
        want(result.status == 0, f"{pages} pages, before: {result}")
        disk.fill(pages)
        result = python(context, faulty, "attempt(os.rename, D + '/d', D + '/e')")
        if pages % 2:
            killed(context)
        disk.free()
        want(result.stdout in (b"done\n", b"ENOSPC\n") and result.status == 0, f"{pages} pages: {result}")
        moved = {key.replace("/d/", "/e/"): text for key, text in DIRECTORY.items()}
        wanted = moved if result.stdout == b"done\n" else DIRECTORY
        want(stored(faulty) == wanted, f"{pages} pages: {result.stdout}, and the bucket has {sorted(stored(faulty))}")
        told.add(result.stdout)
        want(wanted is moved or faulty.run("mv $D/d $D/e").status == 0 and stored(faulty) == moved, f"{pages} pages: again")
        faulty.none_left()
    want(b"ENOSPC\n" in told, "the disk was never full")


UNKNOWN = """
def stat(name, tell):
    print(name, tell(os.stat(D + '/' + name)))
attempt(stat, 'nothing', repr)
attempt(stat, 'x/nothing', repr)
attempt(stat, 'old', lambda s: s.st_size)
attempt(stat, 'x', lambda s: os.path.stat.S_ISDIR(s.st_mode))
attempt(os.mkdir, D + '/new')
attempt(os.rename, D + '/keep', D + '/kept')
attempt(os.listdir, D + '/y')
"""


def unknown(context, faulty, disk):
    """Names that nobody has asked for: what they are needs no room. Only who reads a directory does, and there is some later."""
    begin(faulty, {"w/keep": b"", "w/old": OLD, "w/x/1": b"x", "w/y/1": b"y"})
    faulty.store.put("faulty", "v/1", b"v")
    want(faulty.run("cat $D/../v/1").stdout == b"v", "before")
    disk.fill()
    result = python(context, faulty, UNKNOWN)
    want(result.stdout == b"ENOENT\nENOENT\nold %d\ndone\nx True\ndone\ndone\ndone\nENOSPC\n" % len(OLD), f"{result}")
    disk.free()
    result = faulty.run("ls $D $D/y")
    want(result.stdout.split() == [b"/cloud/s3/faulty/w:", b"kept", b"new", b"old", b"x", b"y", b"/cloud/s3/faulty/w/y:", b"1"], f"with room: {result}")


CASES = []
if os.geteuid() == 0:
    CASES += [Case(f"full-disk/journals/{kind}/{name}", check=on_disk(kind, check), embedded_only=True, timeout=120)
              for kind in ("tmpfs", "ext4") for name, check in {
                  "close": names("close"), "exit": names("exit"), "directories": directories, "unknown": unknown}.items()]
