# SPDX-License-Identifier: Apache-2.0
"""Large files are sent while they are written: what is sent ahead, what is sent again since it changed, and that
neither a death nor another name leaves an upload behind."""
import errno
import hashlib
import os
import random
import signal
import time

from case import Case, want
from cases.budget import requests
from cases.faults import Faulty, second_machine
from cases.write import lines_from

MIB = 1 << 20
PART = 16 * MIB
WAIT_SECONDS = 30
WRITTEN = 70  # MiB: four parts, and a part of one
HEADER = b"what is known last"

# what each script begins with: a file, and content that nobody can mistake
BEGIN = f"""
import ctypes, hashlib, mmap, os, signal, sys
MIB, N = {MIB}, {WRITTEN}
path = os.environ['D'] + '/large'
def chunk(i): return hashlib.sha256(b'%d' % i).digest() * (MIB // 32)
def wait(): print(1); sys.stdin.readline()
def fresh(flags=0): return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | flags, 0o644)
def fill(fd, first=0, last=N):
    for i in range(first, last): assert os.write(fd, chunk(i)) == MIB
"""


def chunk(i):
    return hashlib.sha256(b"%d" % i).digest() * (MIB // 32)


def content(first=0, last=WRITTEN):
    return bytearray(b"".join(chunk(i) for i in range(first, last)))


def soon(condition, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        want(time.monotonic() < deadline, what)
        time.sleep(0.02)


def uploads(faulty):
    return faulty.store.expect("GET", "/faulty", query="uploads=").count(b"<Upload>")


def ahead(faulty, parts=2):
    """A reply to the program: it goes on when so many parts are in the bucket, and no object yet."""
    def reply(_):
        soon(lambda: faulty.store.stats()["verbs"]["UploadPart"] >= parts and faulty.store.stats()["parallel"] == 0,
             "nothing is sent while the program writes")
        want(faulty.store.request("GET", "/faulty/w/large")[0] == 404, "the object is there before the close")
    return reply


def check_large(faulty, expected, key="w/large"):
    found = faulty.store.get("faulty", key)
    if found != bytes(expected):
        at = next((i for i in range(min(len(found), len(expected))) if found[i] != expected[i]), min(len(found), len(expected)))
        want(False, f"{key}: {len(found)} bytes, wanted {len(expected)}; they differ at {at}")


def all_parts(faulty):
    return ahead(faulty, WRITTEN * MIB // PART)


def none_left(faulty):
    """What was written through a mapping is published once more when nobody can write to it any more."""
    soon(lambda: faulty.left() == [] and not uploads(faulty), "it is not published, or an upload is left")
    time.sleep(1.5)
    soon(lambda: faulty.left() == [] and not uploads(faulty), "it is not published, or an upload is left")


def writes(script, replies, expected, parts=None, status=0, **other):
    """What script writes into w/large is what is in the bucket after it, in so many sendings of parts; nothing is left."""
    def check(context):
        with Faulty(context) as faulty:
            result = lines_from(context, BEGIN + script, [reply(faulty) for reply in replies], context.cloud, **faulty.env)
            want(result.status == status and not result.stderr, str(result))
            if status:
                soon(lambda: faulty.store.request("HEAD", "/faulty/w/large")[0] == 200, "what a killed program wrote does not come")
            wanted = expected()
            check_large(faulty, wanted)
            cost = requests(faulty.store.stats())
            if parts is not None:
                want(cost.get("UploadPart", 0) == parts, f"wanted {parts} parts: {cost}")
            for verb, count in other.items():
                want(cost.get(verb, 0) == count, f"wanted {count} {verb}: {cost}")
            none_left(faulty)
            again = context.run([context.skyshim, "run", "sha256sum", "/cloud/s3/faulty/w/large"], env=faulty.env)
            want(again.stdout.split()[:1] == [hashlib.sha256(wanted).hexdigest().encode()], f"read here it is something else: {again}")
    return check


def changed(*pieces, written=WRITTEN, size=None):
    """The content with other bytes at these places."""
    size = written * MIB if size is None else size

    def expected():
        data = content(0, written)
        for at, piece in pieces:
            data[at:at + len(piece)] = piece
        return data[:size] + bytes(max(0, size - len(data)))
    return expected


ONCE = {"CreateMultipartUpload": 1, "CompleteMultipartUpload": 1, "PutObject": 2, "CopyObject": 0}  # two are the case's own
AGAIN = {"CompleteMultipartUpload": 1, "PutObject": 2}
SHARED = """
import threading
fd = fresh(); lock = threading.Lock(); todo = list(range(N))
def some():
    while True:
        with lock:
            if not todo: return
            os.write(fd, chunk(todo.pop(0)))
threads = [threading.Thread(target=some) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""
COPIED = """
with open('source', 'wb') as out:
    for i in range(N): out.write(chunk(i))
fd = fresh(); source = os.open('source', os.O_RDONLY)
"""
WRITING = {
    "ahead": ("fd = fresh(); fill(fd); wait(); os.close(fd)", changed(), 5, ONCE),
    "appending": ("fd = fresh(os.O_APPEND); fill(fd); wait(); os.close(fd)", changed(), 5, ONCE),
    "by-pwrite": ("fd = fresh()\nfor i in range(N): os.pwrite(fd, chunk(i), i * MIB)\nwait(); os.close(fd)", changed(), 5, ONCE),
    "by-writev": ("fd = fresh()\nfor i in range(N): os.writev(fd, [chunk(i)[:5], chunk(i)[5:]])\nwait(); os.close(fd)", changed(), 5, ONCE),
    "by-threads": (SHARED + "wait(); os.close(fd)", changed(), 5, ONCE),
    "by-sendfile": (COPIED + "for i in range(N): os.sendfile(fd, source, i * MIB, MIB)\nwait(); os.close(fd)", changed(), 5, ONCE),
    "by-copy-file-range": (COPIED + "while os.copy_file_range(source, fd, 1 << 30): pass\nwait(); os.close(fd)", changed(), 5, ONCE),
    "header-by-pwrite": (f"fd = fresh(); fill(fd); wait(); os.pwrite(fd, {HEADER}, 10); os.close(fd)", changed((10, HEADER)), 6, ONCE),
    "header-by-lseek": (f"fd = fresh(); fill(fd); wait(); os.lseek(fd, 2 * 16 * MIB - 3, 0); os.write(fd, {HEADER}); os.close(fd)",
                        changed((2 * PART - 3, HEADER)), 7, ONCE),
    "header-by-another": (f"fd = fresh(); fill(fd); wait()\nwith open(path, 'r+b') as f: f.write({HEADER})\nos.close(fd)", changed((0, HEADER)), None, AGAIN),
    "header-by-a-descriptors-name": (f"fd = fresh(); fill(fd); wait()\nwith open(f'/proc/self/fd/{{fd}}', 'r+b') as f: f.write({HEADER})\nos.close(fd)",
                                     changed((0, HEADER)), None, AGAIN),
    "header-then-on": (f"fd = fresh(); fill(fd, 0, 40); wait(); os.pwrite(fd, {HEADER}, 5); fill(fd, 40); os.close(fd)", changed((5, HEADER)), None, ONCE),
    "header-by-mapping": (f"fd = fresh(); fill(fd); wait()\nm = mmap.mmap(fd, 0)\nm[7:7 + {len(HEADER)}] = {HEADER}\nm.close(); os.close(fd)",
                          changed((7, HEADER)), None, {"PutObject": 2}),
    "hole-punched": ("fd = fresh(); fill(fd); wait(); assert ctypes.CDLL(None).fallocate(fd, 3, ctypes.c_long(MIB), ctypes.c_long(MIB)) == 0; os.close(fd)",
                     changed((MIB, bytes(MIB))), 6, ONCE),
    "cut-and-on": ("fd = fresh(); fill(fd); wait(); os.ftruncate(fd, 20 * MIB); os.ftruncate(fd, N * MIB); os.close(fd)",
                   changed((20 * MIB, bytes((WRITTEN - 20) * MIB))), None, AGAIN),
    "cut": ("fd = fresh(); fill(fd); wait(); os.ftruncate(fd, 17 * MIB); os.close(fd)", changed(size=17 * MIB), None, AGAIN),
    "made-longer": ("fd = fresh(); fill(fd); wait(); os.ftruncate(fd, 100 * MIB); os.close(fd)", changed(size=100 * MIB), 7, ONCE),
    "cut-short": ("fd = fresh(); fill(fd); wait(); os.ftruncate(fd, 5); os.close(fd)", changed(size=5), None,
                  {"CompleteMultipartUpload": 0, "PutObject": 3, "AbortMultipartUpload": 1}),
    "two-parts-exactly": ("fd = fresh(); fill(fd, 0, 32); wait(); os.close(fd)", lambda: content(0, 32), 2, ONCE),
    "fsync-and-on": ("fd = fresh(); fill(fd, 0, 50); os.fsync(fd); fill(fd, 50); os.close(fd)", changed(), None, {"PutObject": 2}),
    "killed": ("fd = fresh(); fill(fd); wait(); os.kill(os.getpid(), signal.SIGKILL)", changed(), 5, ONCE),
    "overwriting": ("for i in range(2):\n    fd = fresh(); fill(fd); os.close(fd)", changed(), 10, {"CompleteMultipartUpload": 2, "PutObject": 2}),
}
# What one publication has sent, the next one has copied: no byte goes twice that did not change.
TWICE = {"CreateMultipartUpload": 2, "CompleteMultipartUpload": 2, "PutObject": 2, "CopyObject": 0}
HALF = "fd = fresh(); fill(fd, 0, 32); os.fsync(fd); "
AFTER_FSYNC = {
    "on": (HALF + "fill(fd, 32, 64); os.close(fd)", (), 4, {**TWICE, "UploadPartCopy": 1}),
    "on-placed": ("fd = fresh()\nfor i in range(64):\n    os.pwrite(fd, chunk(i), i * MIB)\n    if i == 31: os.fsync(fd)\nos.close(fd)",
                  (), 4, {**TWICE, "UploadPartCopy": 1}),
    "on-mid-part": ("fd = fresh(); fill(fd, 0, 38); os.fsync(fd); fill(fd, 38); os.close(fd)", (), 6, {**TWICE, "UploadPartCopy": 1}),
    "on-by-another": (HALF + "os.close(fd); fd = os.open(path, os.O_WRONLY | os.O_APPEND); fill(fd, 32, 64); os.close(fd)",
                      (), 4, {**TWICE, "UploadPartCopy": 1}),
    "chmod-and-on": (HALF + "os.fchmod(fd, 0o640); os.fsync(fd); fill(fd, 32, 64); os.close(fd)", (), 4, {}),
    "changed-and-on": (HALF + f"os.pwrite(fd, {HEADER}, 20 * MIB); fill(fd, 32, 64); os.close(fd)", [(20 * MIB, HEADER)], 5,
                       {**TWICE, "UploadPartCopy": 1}),
    "changed-by-mapping": (HALF + f"m = mmap.mmap(fd, 0); m[20 * MIB:20 * MIB + {len(HEADER)}] = {HEADER}; m.close(); fill(fd, 32, 64); os.close(fd)",
                           [(20 * MIB, HEADER)], None, {}),
    "cut-and-on": (HALF + "os.ftruncate(fd, 20 * MIB); os.ftruncate(fd, 32 * MIB); os.lseek(fd, 0, 2); fill(fd, 32, 64); os.close(fd)",
                   [(20 * MIB, bytes(12 * MIB))], None, {"UploadPartCopy": 1}),
    "thrice": (HALF + f"fill(fd, 32, 48); os.fsync(fd); os.pwrite(fd, {HEADER}, 20 * MIB); fill(fd, 48, 64); os.close(fd)", [(20 * MIB, HEADER)], 5,
               {"CompleteMultipartUpload": 3, "UploadPartCopy": 3}),
}
AT_ONCE = {  # nothing to send ahead, and nothing is
    "sixteen": ("fd = fresh(); fill(fd, 0, 16); os.close(fd)", lambda: content(0, 16), 0, {"PutObject": 3, "CreateMultipartUpload": 0}),
    "backwards": ("fd = fresh()\nfor i in reversed(range(N)): os.pwrite(fd, chunk(i), i * MIB)\nos.close(fd)", changed(), 5, ONCE),
    "allocated-first": ("fd = fresh(); os.posix_fallocate(fd, 0, N * MIB); fill(fd); os.close(fd)", changed(), None, ONCE),
}


def attributes(context):
    """Mode and time that a program sets before it closes are in the bucket; without, the time stays what stat said."""
    with Faulty(context) as faulty:
        script = BEGIN + "fd = fresh(); fill(fd); wait(); os.fchmod(fd, 0o751); os.utime(fd, ns=(5, 1234567890123456789)); os.close(fd)"
        result = lines_from(context, script, [ahead(faulty)], context.cloud, **faulty.env)
        want(result.status == 0 and not result.stderr, str(result))
        other = second_machine(context)
        stat = "stat -c '%a %.9Y %s' $D/large"
        try:
            for machine in {}, other:
                seen = faulty.run(stat, **machine)
                want(seen.stdout == b"751 1234567890.123456789 %d\n" % (WRITTEN * MIB), f"{machine}: {seen}")
            check_large(faulty, content())
            cost = requests(faulty.store.stats())
            want(cost["CopyObject"] == 1 and cost["UploadPart"] == 5, f"{cost}")
            result = lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait(); os.close(fd); os.system('" + stat.replace("'", '"') + "')",
                                [lambda _: time.sleep(0.5)], context.cloud, **faulty.env)
            first = result.stdout
            time.sleep(1.1)  # beyond what is remembered
            for machine in {}, other:
                want(faulty.run(stat, **machine).stdout == first, f"{machine}: the time changes: {first!r}")
        finally:
            context.run([context.skyshim, "stop"], env={**faulty.env, **other}, timeout=20)
        faulty.none_left()


def kill_daemon(context):
    """Another may be there at once, when a program asks for it."""
    pids = context.daemons()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    soon(lambda: not set(pids) & set(context.daemons()), "it does not die")


def daemon_killed(context):
    """The program goes on with the next daemon; what the first had begun is aborted."""
    with Faulty(context) as faulty:
        def reply(_):
            ahead(faulty)(_)
            kill_daemon(context)
        result = lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait(); fill(fd, N, N + 30); os.close(fd)", [reply], context.cloud, **faulty.env)
        want(result.status == 0, str(result))
        check_large(faulty, content(0, WRITTEN + 30))
        faulty.none_left()


def asleep(context):
    """A writer that says nothing any more, and another daemon: its parts go ahead nevertheless."""
    with Faulty(context) as faulty:
        def reply(_):
            all_parts(faulty)(_)
            kill_daemon(context)
            faulty.store.reset()
            want(faulty.run("cat $D/keep").status == 0, "the next daemon")
            all_parts(faulty)(_)
            want(uploads(faulty) == 1, "that of the first daemon is left")
        result = lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait(); os.close(fd)", [reply], context.cloud, **faulty.env)
        want(result.status == 0 and not result.stderr, str(result))
        check_large(faulty, content())
        faulty.none_left()


def both_killed(context):
    """Program and daemon: the next daemon publishes what there was, and aborts what was begun."""
    with Faulty(context) as faulty:
        def reply(process):
            ahead(faulty)(process)
            kill_daemon(context)
            process.kill()
        try:
            lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait()", [reply], context.cloud, **faulty.env)
        except BrokenPipeError:
            pass
        want(faulty.run("cat $D/keep").status == 0, "the next daemon")
        soon(lambda: faulty.store.request("HEAD", "/faulty/w/large")[0] == 200, "it does not come")
        check_large(faulty, content())
        faulty.none_left()


def removed(context):
    """Unlinked while it is sent, with and without a daemon's death: nothing is left in the bucket."""
    with Faulty(context) as faulty:
        for dies in False, True:
            def reply(_, dies=dies):
                faulty.store.reset()
                want(uploads(faulty) == 1, "it is not being sent")
                if dies:
                    kill_daemon(context)
            result = lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait(); os.unlink(path); fill(fd); os.close(fd)",
                                [lambda _: ahead(faulty)(_) or reply(_)], context.cloud, **faulty.env)
            want(result.status == 0, str(result))
            want(faulty.run("cat $D/keep").status == 0, "the daemon")
            soon(lambda: uploads(faulty) == 0, "an upload is left")
            want(faulty.store.request("HEAD", "/faulty/w/large")[0] == 404, "it is in the bucket")


def renamed(context):
    """Renamed while it is sent: it is in the bucket under its new name only."""
    with Faulty(context) as faulty:
        result = lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait(); os.rename(path, path + '2'); fill(fd, N, N + 30); os.close(fd)",
                            [ahead(faulty)], context.cloud, **faulty.env)
        want(result.status == 0 and not result.stderr, str(result))
        check_large(faulty, content(0, WRITTEN + 30), "w/large2")
        want(faulty.store.request("HEAD", "/faulty/w/large")[0] == 404, "it has its old name, too")
        soon(lambda: uploads(faulty) == 0, "an upload is left")
        faulty.none_left()


def refused(verb):
    """A service that takes no parts: the close says so, and all is kept."""
    def check(context):
        with Faulty(context) as faulty:
            faulty.fault(f"denied,verb={verb}")
            result = lines_from(context, BEGIN + "fd = fresh(); fill(fd); wait()\ntry:\n    os.close(fd)\nexcept OSError as e:\n    print(e.errno)\n",
                                [lambda _: time.sleep(0.5)], context.cloud, **faulty.env)
            want(result.stdout == b"%d\n" % errno.EACCES, str(result))
            number = faulty.kept("w/large", "Permission denied")
            faulty.exported(number, bytes(content()))
            cost = requests(faulty.store.stats())
            want(cost["CreateMultipartUpload"] <= 3, f"it is tried with each part: {cost}")
            faulty.fault()
            want(faulty.recover("retry", number).status == 0, "retry")
            check_large(faulty, content())
            faulty.none_left()
    return check


def other_version(context):
    """Somebody else makes the name meanwhile: ESTALE at the close, theirs stays, ours is kept."""
    with Faulty(context) as faulty:
        def reply(_):
            ahead(faulty)(_)
            faulty.store.put("faulty", "w/large", b"theirs")
        script = BEGIN.replace("os.O_TRUNC", "os.O_EXCL")
        result = lines_from(context, script + "fd = fresh(); fill(fd); wait()\ntry:\n    os.close(fd)\nexcept OSError as e:\n    print(e.errno)\n",
                            [reply], context.cloud, **faulty.env)
        want(result.stdout == b"%d\n" % errno.ESTALE, str(result))
        want(faulty.store.get("faulty", "w/large") == b"theirs", "theirs is gone")
        faulty.exported(faulty.kept("w/large", "Stale file handle"), bytes(content()))
        want(uploads(faulty) == 0, "an upload is left")


MODEL = BEGIN + """
import random, time
rng = random.Random(int(sys.argv[1]))
fd = fresh(); model = bytearray(); at = 0; mapped = None
def put(offset, data):
    if offset > len(model): model.extend(bytes(offset - len(model)))
    model[offset:offset + len(data)] = data
for step in range(60):
    what = rng.random()
    data = chunk(rng.randrange(1 << 30))[:rng.choice((1, 4096, MIB - 1, MIB))]
    if what < 0.70:
        for _ in range(rng.randrange(1, 6)):
            os.write(fd, data); put(at, data); at += len(data)
    elif what < 0.78:
        offset = rng.randrange(len(model) + 1); os.pwrite(fd, data, offset); put(offset, data)
    elif what < 0.84:
        at = rng.choice((rng.randrange(len(model) + 1), len(model))); os.lseek(fd, at, 0)
    elif what < 0.86:
        size = rng.randrange(len(model) + 1); os.ftruncate(fd, size); del model[size:]
    elif what < 0.90:
        with open(path, 'r+b', buffering=0) as f:
            offset = rng.randrange(len(model) + 1); f.seek(offset); f.write(data); put(offset, data)
    elif what < 0.92 and len(model) > 4096:
        with mmap.mmap(fd, 0) as m:
            offset = rng.randrange(len(model) - 9); m[offset:offset + 9] = b'by memory'; put(offset, b'by memory')
    elif what < 0.94:
        os.fsync(fd)
    elif what < 0.96:
        libc = ctypes.CDLL(None); offset = rng.randrange(len(model) + 1)
        assert libc.fallocate(fd, 3, ctypes.c_long(offset), ctypes.c_long(MIB)) == 0
        put(offset, bytes(min(MIB, len(model) - offset)))
    else:
        at = len(model); os.lseek(fd, 0, 2)
    if rng.random() < 0.3: time.sleep(0.02)
os.close(fd)
print(hashlib.sha256(model).hexdigest(), len(model))
"""


def model(seed):
    """Anything at all, beside a model of it."""
    def check(context):
        with Faulty(context, "--latency-ms", "5") as faulty:
            for i in range(seed, seed + 3):
                result = context.run([context.skyshim, "run", "python3", "-c", MODEL, str(i)], env=faulty.env, timeout=110)
                want(result.status == 0 and not result.stderr, f"{i}: {result}")
                found = faulty.store.get("faulty", "w/large")
                digest, size = result.stdout.decode().split()
                want(hashlib.sha256(found).hexdigest() == digest, f"seed {i}: {len(found)} bytes, wanted {size}, and others")
            none_left(faulty)
    return check


def on_any_store(context):
    """Sent ahead, and parts again, where a store is not ours."""
    bucket = context.bucket + context.world.CHANGING
    script = BEGIN.replace("/large", "/stream/large")
    context.store.put(bucket, "stream/keep")
    for change, pieces in (("os.close(fd)", ()), (f"os.pwrite(fd, {HEADER}, 20 * MIB); os.close(fd)", [(20 * MIB, HEADER)]),
                           ("os.ftruncate(fd, 17 * MIB); os.close(fd)", None)):
        result = lines_from(context, script + "fd = fresh(); fill(fd); wait(); " + change, [lambda _: time.sleep(1)], f"/cloud/s3/{bucket}")
        want(result.status == 0 and not result.stderr, str(result))
        expected = content(0, 17) if pieces is None else changed(*pieces)()
        want(context.store.get(bucket, "stream/large") == bytes(expected), f"other bytes after {change}")
        want(b"<Upload>" not in context.store.expect("GET", f"/{bucket}", query="prefix=stream&uploads="), "an upload is left")


CASES = [Case(f"stream/{name}", check=writes(script, [ahead if name in ("header-then-on", "two-parts-exactly") else all_parts] if "wait()" in script else [], expected, parts, -signal.SIGKILL if name == "killed" else 0, **other),
              embedded_only=True, timeout=110)
         for name, (script, expected, parts, other) in {**WRITING, **AT_ONCE}.items()]
CASES += [Case(f"stream/fsync/{name}", check=writes(script, [], changed(*pieces, written=70 if name == "on-mid-part" else 64), parts, **other), embedded_only=True, timeout=110)
          for name, (script, pieces, parts, other) in AFTER_FSYNC.items()]
CASES += [Case(f"stream/{name}", check=check, embedded_only=True, timeout=110) for name, check in {
    "attributes": attributes, "daemon-killed": daemon_killed, "asleep": asleep, "both-killed": both_killed, "removed": removed, "renamed": renamed,
    "refused-begin": refused("CreateMultipartUpload"), "refused-part": refused("UploadPart"), "other-version": other_version}.items()]
CASES += [Case(f"stream/model-{seed}", check=model(seed * 100), embedded_only=True, timeout=340) for seed in range(1, 4)]
CASES += [Case("stream/any-store", check=on_any_store, timeout=110)]
