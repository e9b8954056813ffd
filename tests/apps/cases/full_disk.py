# SPDX-License-Identifier: Apache-2.0
"""Writing while the disk of the cache is full: what is clean goes first; without it the program is told."""
import os

from case import Case, want
from cases.faults import Faulty, our_lines

DISK_MB, OBJECT_MB, WRITTEN_MB = 67, 57, 40  # the shared tables and twins take some 9 MB
CLEAN_CLOSED = "open(D + '/big', 'rb').read()\n"
CLEAN_OPEN = "big = open(D + '/big', 'rb', buffering=0)\nwhile big.read(1 << 20):\n    pass\n"
CLEAN_WRITTEN = f"with open(D + '/mine', 'wb') as f:\n    f.write(bytes({OBJECT_MB} << 20))\n"
WRITE = f"n = 0\nf = open(D + '/new', 'wb', buffering=0)\nfor i in range({WRITTEN_MB}):\n    n += f.write(bytes([i]) * (1 << 20))\nf.close()\nprint(n)\n"
PWRITE = f"f = os.open(D + '/new', os.O_RDWR | os.O_CREAT)\nfor i in reversed(range({WRITTEN_MB})):\n    os.pwrite(f, bytes([i]) * (1 << 20), i << 20)\nos.close(f)\nprint({WRITTEN_MB} << 20)\n"
ALLOCATE = f"f = os.open(D + '/new', os.O_RDWR | os.O_CREAT)\nos.posix_fallocate(f, 0, {WRITTEN_MB} << 20)\n" + PWRITE.split("\n", 1)[1]
SENDFILE = (f"with open('source', 'wb') as s:\n    for i in range({WRITTEN_MB}):\n        s.write(bytes([i]) * (1 << 20))\n"
            "s = os.open('source', os.O_RDONLY)\nf = os.open(D + '/new', os.O_WRONLY | os.O_CREAT)\nn = 0\n"
            "while m := os.sendfile(f, s, None, 8 << 20):\n    n += m\nos.close(f)\nprint(n)\n")


def on_small_disk(check):
    """check with a Faulty whose cache has a small file system of its own. Only root can make one, and not everywhere."""
    def run(context):
        disk = os.path.join(context.folder, "cache")
        made = context.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "none", disk])
        if made.status:
            print(f"full-disk: no file system can be mounted here: {made.stderr!r}")
            return
        try:
            with Faulty(context) as faulty:
                faulty.env["SKYSHIM_CACHE_SIZE"] = "1G"
                check(context, faulty, disk)
        finally:
            context.run([context.skyshim, "stop"], timeout=20)
            context.end_daemons()
            context.run(["umount", "-l", disk])
    return run


def python(context, faulty, script):
    return context.run([context.skyshim, "run", "python3", "-c", "import errno, os, sys\nD = os.environ['D']\n" + script], env=faulty.env, timeout=100)


def evicted(before, write):
    """Clean blocks fill the disk; who writes gets their place, and every byte is stored."""
    def check(context, faulty, _):
        faulty.store.put("faulty", "w/big", bytes(OBJECT_MB << 20))
        result = python(context, faulty, before + write)
        want(result.status == 0 and result.stdout == b"%d\n" % (WRITTEN_MB << 20) and not result.stderr, str(result))
        want(faulty.store.get("faulty", "w/new") == b"".join(bytes([i]) * (1 << 20) for i in range(WRITTEN_MB)), "other bytes were stored")
        faulty.none_left()
    return on_small_disk(check)


def nothing_to_evict(context, faulty, disk):
    """ENOSPC at the write and one line; what was written before is stored, and other files can be read and listed afterwards."""
    want(faulty.run("cat $D/old").stdout == b"what was there before\n", "before")
    free = os.statvfs(disk)
    with open(os.path.join(disk, "ballast"), "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize - (8 << 20))
    script = ("n = 0\nf = open(D + '/new', 'wb', buffering=0)\ntry:\n    while True:\n        n += f.write(b'x' * (1 << 20))\n"
              "except OSError as e:\n    print(e.errno == errno.ENOSPC)\n"
              "try:\n    f.write(b'x' * (1 << 20))\nexcept OSError as e:\n    print(e.errno == errno.ENOSPC)\n"
              "f.close()\nprint(n)\nprint(sorted(os.listdir(D)), open(D + '/old').read(), end='')\n")
    result = python(context, faulty, script)
    lines = result.stdout.decode().split("\n")
    want(result.status == 0 and lines[:2] == ["True", "True"] and lines[3:] == ["['keep', 'new', 'old'] what was there before", ""], str(result))
    want(len(our_lines(result)) == 1 and "full" in our_lines(result)[0], f"our lines: {our_lines(result)}")
    want(4 << 20 < int(lines[2]) <= 9 << 20 and faulty.store.get("faulty", "w/new") == b"x" * int(lines[2]), "what was written is not what is stored")
    faulty.none_left()


CASES = []
if os.geteuid() == 0:
    CASES += [Case(f"full-disk/{name}", check=check, embedded_only=True, timeout=120) for name, check in {
        "closed": evicted(CLEAN_CLOSED, WRITE), "open": evicted(CLEAN_OPEN, WRITE), "written": evicted(CLEAN_WRITTEN, WRITE),
        "placed": evicted(CLEAN_CLOSED, PWRITE), "allocated": evicted(CLEAN_CLOSED, ALLOCATE), "copied": evicted(CLEAN_CLOSED, SENDFILE),
        "nothing-to-evict": on_small_disk(nothing_to_evict)}.items()]
