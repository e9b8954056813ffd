# SPDX-License-Identifier: Apache-2.0
"""Files of the cache that somebody cuts (truncate -s0, a tool that clears caches) while daemon and programs have them mapped:
no program dies of it, and nothing that was written is dropped without a word."""
import errno
import glob
import hashlib
import json
import os
import time

from case import Case, want
from cases.faults import Faulty
from cases.write import lines_from

BYTES = 300000  # some blocks
SECONDS = 20


def cut(context, pattern, length=0):
    found = glob.glob(f"{context.folder}/cache/{pattern}")
    want(found, f"no {pattern} in the cache")
    for name in found:
        os.truncate(name, length)


def attributes(context):
    """The table of attributes: programs ask instead, the daemon lives and makes another."""
    with Faulty(context) as faulty:
        script = ("import os, sys\nD = os.environ['D']\nsizes = []\n"
                  "for i in range(3):\n    sizes.append(os.stat(D + '/w/old').st_size); print(1); sys.stdin.readline()\nprint(sizes)\n")
        daemons = []

        def begin(_):
            daemons.extend(context.daemons())
            cut(context, "attrs")

        def made_anew(_):
            deadline = time.monotonic() + SECONDS
            while not os.path.getsize(f"{context.folder}/cache/attrs"):
                want(time.monotonic() < deadline, "no other table is made")
                time.sleep(0.1)
        result = lines_from(context, script, [begin, made_anew, lambda _: None], faulty.context.cloud)
        want(result.status == 0 and result.stdout == b"[22, 22, 22]\n" and not result.stderr, f"{result}")
        want(context.daemons() == daemons, "the daemon died of it")
        want(faulty.run("stat -c %s $D/old; stat -c %s $D/old").stdout == b"22\n22\n", "afterwards")


def deeds(context):
    """What is kept for requests that come again."""
    with Faulty(context) as faulty:
        want(faulty.run("mkdir $D/one && mv $D/old $D/one/").status == 0, "before")
        daemons = context.daemons()
        cut(context, "deeds")
        result = faulty.run("mkdir $D/two && mv $D/one/old $D/two/ && ls $D/two")
        want(result.stdout == b"old\n" and result.status == 0 and not result.stderr, f"{result}")
        want(context.daemons() == daemons, "the daemon died of it")


def kept_bytes(context, faulty):
    """What recover hands out, of the two places that were written to; the daemon may have to find it first, and end of it."""
    deadline = time.monotonic() + SECONDS
    target = f"{context.work}/kept"
    while True:
        left = faulty.recover("--json")
        left = json.loads(left.stdout) if left.status == 0 else []
        if left and left[0]["kept"] and faulty.recover("export", left[0]["id"], target).status == 0:
            break
        want(time.monotonic() < deadline, f"it is not kept: {left}")
        time.sleep(0.2)
    with open(target, "rb") as source:
        content = source.read()
    return content[100000:100005], content[200000:200006]


def written(length):
    """The notes of a file that is written to: the program is told at its close, and what it wrote is kept."""
    def check(context):
        with Faulty(context) as faulty:
            faulty.store.put("faulty", "w/f", bytes(BYTES))
            script = ("import os, sys\nf = os.open(os.environ['D'] + '/w/f', os.O_RDWR)\nos.pwrite(f, b'FIRST', 100000); print(1); sys.stdin.readline()\n"
                      "try:\n    os.pwrite(f, b'SECOND', 200000)\nexcept OSError as e:\n    print(e.errno)\n"
                      "try:\n    os.close(f); print('closed')\nexcept OSError as e:\n    print('failed')\n")
            result = lines_from(context, script, [lambda _: cut(context, "files/*.w", length)], faulty.context.cloud)
            want(result.status in (0, 1) and result.stdout.endswith(b"failed\n"), f"{result}")
            want(faulty.store.get("faulty", "w/f") == bytes(BYTES), "some of it was stored")
            first, second = kept_bytes(context, faulty)
            want(first == b"FIRST" and second == (bytes(6) if result.stdout.startswith(b"5\n") else b"SECOND"), f"kept: {first} {second}, {result}")
    return check


def read(context):
    """The block map of a file that is read: an error at most, and right afterwards."""
    content = os.urandom(4 * BYTES)
    with Faulty(context) as faulty:
        faulty.store.put("faulty", "w/f", content)
        script = ("import hashlib, os, sys\nf = os.open(os.environ['D'] + '/w/f', os.O_RDONLY)\na = os.pread(f, 1000, 0); print(1); sys.stdin.readline()\n"
                  "try:\n    a = os.pread(f, 1000, 0); b = os.pread(f, 1 << 20, 500000)\n    print(hashlib.sha256(a + b).hexdigest())\nexcept OSError as e:\n    print(e.errno)\n")
        result = lines_from(context, script, [lambda _: cut(context, "files/*.v")], faulty.context.cloud)
        told = (hashlib.sha256(content[:1000] + content[500000:500000 + (1 << 20)]).hexdigest(), str(errno.ESTALE), str(errno.EIO))
        want(result.status == 0 and result.stdout.decode().rstrip() in told, f"{result}")
        with open(f"{context.work}/f", "wb") as out:
            out.write(content)
        want(faulty.run(f"cmp $D/f {context.work}/f").status == 0, "other bytes afterwards")


CASES = [Case(f"cut/{name}", check=check, embedded_only=True) for name, check in {
    "attributes": attributes, "deeds": deeds, "written": written(0), "written-marks": written(12288), "read": read}.items()]
