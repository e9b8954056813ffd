# SPDX-License-Identifier: Apache-2.0
"""Uploads that a store hangs, storms, belies or ends, and credentials that expire meanwhile: what the program is told and
where, that it ends, that nothing is lost, and that nothing begun stays in the bucket."""
import errno
import os
import re
import threading

from case import Case, want
from cases.budget import requests
from cases.creds import Cloud, container
from cases.faults import Faulty, our_lines
from cases.stream import BEGIN, MIB, ahead, changed, check_large, content, kill_daemon, soon, uploads
from cases.write import lines_from
from credserver import KEYS

FLOOD_MIB = (192, 768)
PEAK_MIB, GROWTH_MIB = 64, 8
BOUND_SECONDS = 150  # of a store that never answers: four times ten seconds and a little, on a busy machine

# each call that may say what was not stored, and what it said
TELL = """
def told(what, call):
    try:
        call(); print(what, 0, flush=True)
    except OSError as e:
        print(what, e.errno, flush=True)
"""


def tells(rules, script, said, kept, verbs=(), put=b"", lines=1):
    """The calls of a script say so, and lines of ours; then it is kept, can be exported, and is stored when all is well again."""
    def check(context):
        with Faulty(context) as faulty:
            faulty.fault(*rules)
            result = context.run([context.skyshim, "run", "python3", "-c", BEGIN + TELL + script], env=faulty.env, timeout=110)
            want(result.stdout.decode() == said, f"wanted {said!r}: {result}")
            want(len(our_lines(result)) == lines and all("large" in line for line in our_lines(result)), f"our lines: {our_lines(result)}")
            number = faulty.kept("w/large", kept)
            soon(lambda: not uploads(faulty), "an upload in parts is left")
            cost = requests(faulty.store.stats())
            want(all(cost.get(verb) for verb in verbs), f"it was not tried: {cost}")
            faulty.exported(number, put or bytes(content()))
            faulty.fault()
            again = faulty.recover("retry", number)
            want(again.status == 0 and not again.stderr, f"retry: {again}")
            check_large(faulty, put or content())
            faulty.none_left()
    return check


WHOLE = "fd = fresh(); fill(fd); told('close', lambda: os.close(fd))\n"
SMALL = "fd = fresh(); os.write(fd, b'small'); told('close', lambda: os.close(fd))\n"
SYNCED = "fd = fresh(); os.write(fd, b'small'); told('fsync', lambda: os.fsync(fd)); os._exit(0)\n"
EIO, EACCES = f"close {errno.EIO}\n", f"close {errno.EACCES}\n"
TOLD = {
    "storm-part": (["internal,verb=UploadPart"], WHOLE, EIO, "Input/output error", ["UploadPart"]),
    "ok-error-complete-for-ever": (["ok-error,verb=CompleteMultipartUpload"], WHOLE, EIO, "Input/output error", ["CompleteMultipartUpload"]),
    "denied-complete": (["denied,verb=CompleteMultipartUpload"], WHOLE, EACCES, "Permission denied", ["CompleteMultipartUpload"]),
    "wrong-etag-part": (["wrong-etag,verb=UploadPart"], WHOLE, EIO, "Input/output error", ["CompleteMultipartUpload"]),
    "wrong-etag-put": (["wrong-etag,verb=PutObject"], SMALL, EIO, "Input/output error", [], b"small"),
    "denied-fsync": (["denied,verb=PutObject"], SYNCED, f"fsync {errno.EACCES}\n", "Permission denied", [], b"small", 2),  # the second at the program's end
}


def fsync_then_close(context):
    """What fsync has told is not told again by a close that has stored it."""
    with Faulty(context) as faulty:
        faulty.fault("denied,verb=PutObject")
        script = BEGIN + TELL + "fd = fresh(); os.write(fd, b'first'); told('fsync', lambda: os.fsync(fd)); sys.stdin.readline(); told('close', lambda: os.close(fd))\n"
        result = lines_from(context, script, [lambda _: faulty.fault()], context.cloud, **faulty.env)
        want(result.stdout == b"close 0\n" and len(our_lines(result)) == 1, f"{result}")
        want(faulty.store.get("faulty", "w/large") == b"first", "it is not in the bucket")
        faulty.none_left()


def once(rule, verb, script=WHOLE, expected=None):
    """A store that hangs once: the same again, and the program does not notice."""
    def check(context):
        with Faulty(context) as faulty:
            faulty.fault(rule)
            result = context.run([context.skyshim, "run", "python3", "-c", BEGIN + TELL + script], env=faulty.env, timeout=110)
            want(result.stdout == b"close 0\n" and not result.stderr, f"{result}")
            soon(lambda: sum(faulty.store.stats()["faults"].values()) > 0, f"no {verb} was hit")
            check_large(faulty, expected or content())
            faulty.none_left()
    return check


def never(context):
    """A store that takes the body and never answers: in the end an error, and nobody else waits meanwhile."""
    with Faulty(context) as faulty:
        faulty.fault("mute,verb=PutObject,key=faulty/w/large")
        results = []
        thread = threading.Thread(target=lambda: results.append(context.run(
            [context.skyshim, "run", "python3", "-c", BEGIN + TELL + SMALL], env=faulty.env, timeout=BOUND_SECONDS)))
        thread.start()
        soon(lambda: faulty.store.stats()["parallel"] >= 1, "it does not hang")
        other = faulty.run("echo other >$D/other && cat $D/old && ls $D | wc -l", timeout=30)
        want(other.status == 0 and not other.stderr and results == [], f"another program beside it: {other}")
        thread.join()
        want(results, f"still running after {BOUND_SECONDS} s")
        want(results[0].stdout.decode() == EIO and len(our_lines(results[0])) == 1 and "no answer" in our_lines(results[0])[0], f"{results[0]}")
        left = faulty.left()
        want(len(left) == 1 and left[0]["object"] == "s3/faulty/w/large", f"kept: {left}")
        faulty.fault()
        want(faulty.recover("retry", "--all").status == 0, "retry --all")
        want(faulty.store.get("faulty", "w/large") == b"small", "other bytes")
        faulty.none_left()


def bucket_gone_ahead(context):
    """The bucket is deleted while a file is being sent."""
    with Faulty(context) as faulty:
        def remove(_):
            ahead(faulty)(_)
            for key in ("w/keep", "w/old"):
                faulty.store.delete("faulty", key)
            for upload in re.findall("<UploadId>(.*?)</UploadId>", faulty.store.expect("GET", "/faulty", query="uploads=").decode()):
                faulty.store.expect("DELETE", "/faulty/w/large", query=f"uploadId={upload}")
            faulty.store.expect("DELETE", "/faulty")
        script = BEGIN + TELL + "fd = fresh(); fill(fd, 0, 50); wait(); fill(fd, 50); told('close', lambda: os.close(fd))\n"
        result = lines_from(context, script, [remove], context.cloud, **faulty.env)
        want(result.stdout == b"close %d\n" % errno.ENOENT and len(our_lines(result)) == 1, f"{result}")
        number = faulty.kept("w/large", "No such file")
        faulty.exported(number, bytes(content()))
        faulty.store.make_bucket("faulty")
        want(faulty.recover("retry", number).status == 0, "retry")
        check_large(faulty, content())
        faulty.none_left()


def refused_abort(context):
    """Who may write need not be one who may abort. The file does not wait for that, and it is tried again by the next daemon."""
    with Faulty(context) as faulty:
        faulty.fault("denied,verb=AbortMultipartUpload")
        result = lines_from(context, BEGIN + "fd = fresh(); fill(fd, 0, 50); wait(); os.unlink(path)\n", [ahead(faulty)], context.cloud, **faulty.env)
        want(result.status == 0 and not result.stderr, f"{result}")
        cache = os.path.join(context.folder, "cache")
        soon(lambda: not [name for name in os.listdir(f"{cache}/files") if name.endswith(".w")], "the removed file stays in the cache")
        want(len(os.listdir(f"{cache}/uploads")) == 1 and uploads(faulty) == 1, "the upload is not noted")
        faulty.fault()
        want(context.run([context.skyshim, "stop"], timeout=20).status == 0, "stop")
        want(faulty.run("true").status == 0, "true")  # which tells the next daemon the credentials
        soon(lambda: not uploads(faulty) and not os.listdir(f"{cache}/uploads"), "nobody has tried again")
        faulty.none_left()


def refused_told(context):
    """What goes on costing is told of, and can be tried or given up."""
    with Faulty(context) as faulty:
        script = BEGIN + "fd = fresh(); fill(fd, 0, 50); wait(); os.unlink(path)\n"
        folder = os.path.join(context.folder, "cache", "uploads")
        for act in ("retry", "discard"):
            faulty.fault("denied,verb=AbortMultipartUpload")
            faulty.store.reset()
            result = lines_from(context, script, [ahead(faulty)], context.cloud, **faulty.env)
            want(result.status == 0 and not result.stderr, f"{result}")
            soon(lambda: os.listdir(folder), "the upload is not noted")
            kill_daemon(context)
            want(faulty.run("true").status == 0, "true")
            soon(lambda: faulty.left(), "it is not listed")
            left = faulty.left()
            want(len(left) == 1 and left[0]["upload"] and left[0]["kept"] and "AccessDenied" in left[0]["why"], f"listed: {left}")
            want(b"not aborted" in faulty.recover().stdout, "it is not told in words")
            result = faulty.recover("retry", left[0]["id"])
            want(result.status == 1 and result.stderr.count(b"\n") == 1 and b"AccessDenied" in result.stderr, f"retry: {result}")
            want(faulty.left(), "it is forgotten")
            if act == "retry":
                faulty.fault()
            want(faulty.recover(act, left[0]["id"]).status == 0, act)
            want(uploads(faulty) == (act == "discard") and not faulty.left() and not os.listdir(folder), f"after {act}")


def copied_parts(context):
    """UploadPartCopy that answers 200 with an error: again, and if it goes on so, EIO and kept."""
    with Faulty(context) as faulty:
        faulty.store.put("faulty", "w/large", bytes(content()))
        faulty.fault("ok-error,verb=UploadPartCopy,count=2")
        edit = BEGIN + TELL + "fd = os.open(path, os.O_RDWR); os.pwrite(fd, b'WORDS', 40 * MIB); told('close', lambda: os.close(fd))\n"
        result = context.run([context.skyshim, "run", "python3", "-c", edit.replace("WORDS", "first")], env=faulty.env, timeout=110)
        want(result.stdout == b"close 0\n" and not result.stderr, f"{result}")
        check_large(faulty, changed((40 * MIB, b"first"))())
        faulty.fault("ok-error,verb=UploadPartCopy")
        result = context.run([context.skyshim, "run", "python3", "-c", edit.replace("WORDS", "again")], env=faulty.env, timeout=110)
        want(result.stdout.decode() == EIO and len(our_lines(result)) == 1, f"{result}")
        check_large(faulty, changed((40 * MIB, b"first"))())
        number = faulty.kept("w/large", "Input/output error")
        soon(lambda: not uploads(faulty), "an upload in parts is left")
        faulty.fault()
        want(faulty.recover("retry", number).status == 0, "retry")
        check_large(faulty, changed((40 * MIB, b"again"))())
        faulty.none_left()


def clock_off(seconds):
    """A store whose clock is elsewhere: signed by its time, and the program does not notice."""
    def check(context):
        with Faulty(context, "--clock-offset-s", str(seconds)) as faulty:
            result = context.run([context.skyshim, "run", "python3", "-c", BEGIN + TELL + WHOLE], env=faulty.env, timeout=110)
            want(result.stdout == b"close 0\n" and not result.stderr, f"{result}")
            check_large(faulty, content())
            result = faulty.run("echo one >$D/f && echo two >>$D/f && mv $D/f $D/g && cat $D/g && find $D/g -mmin -5 | wc -l")
            want(result.stdout == b"one\ntwo\n1\n" and not result.stderr, f"{result}")
            faulty.none_left()
    return check


FLOOD = """
import os, sys
data = bytes(1 << 20)
fd = os.open(os.environ['D'] + '/flood', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
for _ in range(int(sys.argv[1])): assert os.write(fd, data) == len(data)
os.close(fd)
print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])
"""


def flat_memory(context):
    """Four times as much is written, and neither the daemon nor the program needs more memory; the disk is free afterwards."""
    with Faulty(context, "--discard") as faulty:
        env = {**faulty.env, "SKYSHIM_CACHE_SIZE": "128M"}
        peaks = []
        for mib in FLOOD_MIB:
            result = context.run([context.skyshim, "run", "python3", "-c", FLOOD, str(mib)], env=env, timeout=110)
            want(result.status == 0 and not result.stderr, f"{mib} MiB: {result}")
            want(int(faulty.store.head("faulty", "w/flood")["content-length"]) == mib << 20, "it has another length")
            with open(f"/proc/{context.daemons()[0]}/status", encoding="ascii") as status:
                daemon = [line.split()[1] for line in status if line.startswith("VmHWM")][0]
            peaks.append([int(daemon) // 1024, int(result.stdout) // 1024])
        for name, first, last in zip(("daemon", "program"), *peaks):
            want(last < PEAK_MIB and last - first < GROWTH_MIB, f"the {name}'s peak: {first} MiB, then {last} MiB")
        soon(lambda: used_mib(f"{context.folder}/cache") < 160, "the cache is not emptied")


def used_mib(folder):
    return sum(os.stat(os.path.join(top, name)).st_blocks for top, _, files in os.walk(folder) for name in files) // 2048


class Expiring(Faulty):
    """Faulty's store, with the credentials of cases/creds.py."""

    def __init__(self, context, cloud, env):  # pylint: disable=super-init-not-called
        self.context, self.store = context, cloud.store
        self.store.make_bucket("faulty")
        self.store.put("faulty", "w/keep")
        self.env = {**env, "D": "/cloud/s3/faulty/w"}
        context.cloud = "/cloud/s3/faulty"


PAUSED = BEGIN + TELL + "fd = fresh(); fill(fd, 0, 40); wait(); fill(fd, 40); told('close', lambda: os.close(fd))\n"


def expires_and_is_renewed(context):
    """The credential expires between two parts: the keeper asks for another, and nobody notices."""
    with Cloud(context) as cloud:
        faulty = Expiring(context, cloud, cloud.environment(**container(cloud)))

        def expire(_):
            soon(lambda: cloud.store.stats()["verbs"]["UploadPart"] >= 2 and cloud.store.stats()["parallel"] == 0, "nothing is sent ahead")
            faulty.fault("expired,verb=UploadPart,count=1", "expired,verb=CompleteMultipartUpload,count=1")
        result = lines_from(context, PAUSED, [expire], "/cloud/s3/faulty/w", **faulty.env)
        want(result.stdout == b"close 0\n" and not result.stderr, f"{result}")
        want(cloud.server.count("container") == 3, f"{cloud.server.counts}")
        check_large(faulty, content())
        faulty.none_left()


def expires_for_good(context):
    """One that nobody can renew: EACCES and what to do; kept, and stored once the file has a new one."""
    with Cloud(context) as cloud:
        old, new = (cloud.store.access_key, cloud.store.secret_key, ""), (KEYS["role"].id, KEYS["role"].secret, KEYS["role"].token)

        def write(key):
            cloud.write(".aws/credentials", f"[default]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n"
                        + (f"aws_session_token = {key[2]}\n" if key[2] else ""))
        write(old)
        faulty = Expiring(context, cloud, cloud.environment(AWS_EC2_METADATA_DISABLED="true"))

        def expire(_):
            soon(lambda: cloud.store.stats()["verbs"]["UploadPart"] >= 2 and cloud.store.stats()["parallel"] == 0, "nothing is sent ahead")
            faulty.fault("expired")
        result = lines_from(context, PAUSED, [expire], "/cloud/s3/faulty/w", **faulty.env)
        want(result.stdout.decode() == EACCES, f"{result}")
        want(len(our_lines(result)) == 1 and "expired" in our_lines(result)[0] and "renew" in our_lines(result)[0], f"our lines: {our_lines(result)}")
        number = faulty.kept("w/large", "Permission denied")
        faulty.exported(number, bytes(content()))
        again = faulty.recover("retry", number)
        want(again.status == 1 and len(our_lines(again)) == 1, f"retry with what has expired: {again}")
        write(new)
        faulty.fault()
        want((again := faulty.recover("retry", number)).status == 0, f"retry: {again}")
        check_large(faulty, content())
        soon(lambda: not uploads(faulty), "the upload that was refused is left")  # tried again after ten seconds
        faulty.none_left()


def dies_unheard(context, faulty, number):
    """A program begins an upload of w/large; its daemon dies before it hears which. The id."""
    before = ids(faulty)
    faulty.fault("stall,verb=CreateMultipartUpload,ms=170000,count=1")

    def both(process):
        soon(lambda: len(ids(faulty)) == len(before) + 1, "none is begun")
        faulty.fault("denied,verb=CreateMultipartUpload")  # the next daemon cannot begin another
        kill_daemon(context)
        process.kill()
    try:
        lines_from(context, BEGIN + f"path += '{number}'; fd = fresh(); fill(fd, 0, 20); wait()", [both], context.cloud, **faulty.env)
    except BrokenPipeError:
        pass
    return (ids(faulty) - before).pop()


def ids(faulty):
    return set(re.findall("<UploadId>(.*?)</UploadId>", faulty.store.expect("GET", "/faulty", query="uploads=").decode()))


def unheard(context):
    """Another daemon aborts what the first never heard of, once nobody has used it, and nothing that is anybody else's."""
    with Faulty(context) as faulty:
        def begin(key):
            return re.search(b"<UploadId>(.*?)</UploadId>", faulty.store.expect("POST", f"/faulty/w/{key}", query="uploads=")).group(1).decode()
        noted = os.path.join(context.folder, "cache", "uploads")
        used, other = begin("large1"), begin("large11")
        faulty.store.expect("PUT", "/faulty/w/large1", b"a part", query=f"partNumber=1&uploadId={used}")
        ours = dies_unheard(context, faulty, 1)
        want(faulty.run("cat $D/keep").status == 0, "the next daemon")
        faulty.kept("w/large1", "Permission denied")
        want(ids(faulty) == {used, other, ours}, "it is aborted before it is old")
        context.run([context.skyshim, "stop"], env=faulty.env, timeout=20)
        want(faulty.run("cat $D/keep", SKYSHIM_UPLOAD_SILENT_S="0").status == 0, "the next daemon")
        soon(lambda: ours not in ids(faulty), "it stays")
        want(ids(faulty) == {used, other}, "another's is aborted")
        soon(lambda: not os.listdir(noted), f"they stay noted: {os.listdir(noted)}")

        another = dies_unheard(context, faulty, 2)
        for name in os.listdir(noted):  # asked for long before that one was begun
            with open(os.path.join(noted, name), "r+b") as journal:
                fields = journal.read().split(b"\0")
                fields[3] = b"%d" % (int(fields[3]) - 1000)
                journal.seek(0)
                journal.write(b"\0".join(fields))
        want(faulty.run("cat $D/keep", SKYSHIM_UPLOAD_SILENT_S="0").status == 0, "the next daemon")
        soon(lambda: not os.listdir(noted), "they stay noted")
        want(ids(faulty) == {used, other, another}, "one of another time is aborted")


def unheard_once(context):
    """The first answer to beginning an upload is lost, the second is not: the one that the first has begun is aborted by the
    daemon itself when nobody has used it, and not the other one, which nobody has sent a part for yet."""
    with Faulty(context) as faulty:
        noted = os.path.join(context.folder, "cache", "uploads")
        faulty.env["SKYSHIM_UPLOAD_SILENT_S"] = "0"
        faulty.fault("reset,verb=CreateMultipartUpload,at=0,count=1", "mute,verb=UploadPart,ms=4000,count=4")

        def look(_):
            soon(lambda: faulty.store.stats()["verbs"].get("AbortMultipartUpload"), "none is aborted")
        result = lines_from(context, BEGIN + TELL + "fd = fresh(); fill(fd); wait()\ntold('close', lambda: os.close(fd))\n",
                            [look], context.cloud, **faulty.env)
        want(result.stdout == b"close 0\n" and not result.stderr, f"{result}")
        cost = requests(faulty.store.stats())
        want(cost.get("CreateMultipartUpload") == 2 and cost.get("AbortMultipartUpload") == 1, f"{cost}")
        want(not ids(faulty), "an upload is left")
        check_large(faulty, content())
        soon(lambda: not os.listdir(noted), f"they stay noted: {os.listdir(noted)}")


CASES = [Case(f"upload/{name}", check=tells(*told), embedded_only=True, timeout=170) for name, told in TOLD.items()]
CASES += [Case(f"upload/{name}", check=check, embedded_only=True, timeout=170) for name, check in {
    "fsync-then-close": fsync_then_close, "unheard": unheard, "unheard-once": unheard_once, "bucket-gone-ahead": bucket_gone_ahead, "ok-error-part-copy": copied_parts, "never-answered": never,
    "mute-put": once("mute,verb=PutObject,count=1", "PutObject", SMALL, b"small"), "deaf-part": once("deaf,ms=12000,verb=UploadPart,count=1", "UploadPart"),
    "refused-abort": refused_abort, "refused-told": refused_told, "clock-ahead": clock_off(7200), "clock-behind": clock_off(-7200),
    "flat-memory": flat_memory, "credential-renewed": expires_and_is_renewed, "credential-expired": expires_for_good}.items()]
