# SPDX-License-Identifier: Apache-2.0
"""Writing when something is wrong: rights, servers, other writers, the disk. Nothing is lost without a word, and
what could not be stored is kept for `skyshim recover`."""
import errno
import hashlib
import json
import os
import time
import urllib.parse

import store as stores
from case import Case, want
from cases.write import lines_from

KEPT_SECONDS = 30
LARGE_MB = 20  # goes in parts


class Faulty:
    """A store of the case's own, that does what it is told to."""

    def __init__(self, context, *options):
        self.context = context
        self.store = stores.start_embedded(context.world.build, context.folder, *options)
        self.store.make_bucket("faulty")
        self.store.put("faulty", "w/keep")
        self.store.put("faulty", "w/old", b"what was there before\n")
        self.env = {**self.store.environment(), "D": "/cloud/s3/faulty/w"}
        context.store, context.cloud = self.store, "/cloud/s3/faulty"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.stop()

    def setting(self, text):
        """As the store's /_admin/config takes it: latency_ms=20"""
        status, answer = self.store.send("POST", "/_admin/config", text.encode(),
                                         {"host": self.store.netloc, "content-type": "application/x-www-form-urlencoded"})
        want(status == 200, f"{text}: {answer!r}")

    def fault(self, *rules):
        """These from now on; none: all is well again."""
        for rule in ("none", *rules):
            self.setting("fault=" + urllib.parse.quote(rule))

    def run(self, command, timeout=110, **env):
        return self.context.run([self.context.skyshim, "run", "sh", "-c", command], env={**self.env, **env}, timeout=timeout)

    def recover(self, *argv, **env):
        return self.context.run([self.context.skyshim, "recover", *map(str, argv)], env={**self.env, **env}, timeout=110)

    def left(self, **env):
        result = self.recover("--json", **env)
        want(result.status == 0, f"recover --json: {result}")
        return json.loads(result.stdout)

    def kept(self, key, words, **env):
        """The one that is kept, once the daemon has given up on it."""
        deadline = time.monotonic() + KEPT_SECONDS
        while not (left := [one for one in self.left(**env) if not one.get("upload")]) or not all(one["kept"] for one in left):
            want(time.monotonic() < deadline, f"not kept: {left}")
            time.sleep(0.1)
        want(len(left) == 1 and left[0]["object"] == f"s3/faulty/{key}" and words in left[0]["error"], f"kept: {left}")
        want(left[0]["why"], f"it does not say why: {left}")
        return left[0]["id"]

    def exported(self, number, content, **env):
        target = os.path.join(self.context.work, f"exported-{number}")
        result = self.recover("export", number, target, **env)
        want(result.status == 0, f"export: {result}")
        with open(target, "rb") as source:
            want(source.read() == content, "what was exported is not what was written")
        again = self.recover("export", number, target, **env)
        want(again.status == 1 and b"exists" in again.stderr, f"it goes over a file that is there: {again}")

    def none_left(self, **env):
        want(self.left(**env) == [], f"still left: {self.left(**env)}")
        page = self.store.expect("GET", "/faulty", query="uploads=")
        want(b"<Upload>" not in page, f"uploads in parts stay in the bucket: {page!r}")


def our_lines(result):
    return [line for line in result.stderr.decode().split("\n") if line.startswith("skyshim")]


def denied(context):
    """403: the program is told by close, one line says why, and it can be stored once it may be."""
    with open("/etc/passwd", "rb") as source:
        content = source.read()
    with Faulty(context) as faulty:
        faulty.fault("denied,verb=PutObject")
        result = faulty.run("cp /etc/passwd $D/f")
        want(result.status == 1 and b"Permission denied" in result.stderr, str(result))
        want(len(our_lines(result)) == 1 and "faulty" in our_lines(result)[0], f"our lines: {our_lines(result)}")
        number = faulty.kept("w/f", "Permission denied")
        faulty.exported(number, content)
        again = faulty.recover("retry", number)
        want(again.status == 1 and len(our_lines(again)) == 1, f"retry while it is denied: {again}")
        want(faulty.kept("w/f", "Permission denied") == number, "it has another id")
        faulty.fault()
        want(faulty.recover("retry", number).status == 0, "retry")
        want(faulty.store.get("faulty", "w/f") == content, "the bucket has other bytes")
        faulty.none_left()


def denied_at_open(context):
    """403: who was refused once is told when the next file is opened, before the work is done; until it is allowed again."""
    with Faulty(context) as faulty:
        faulty.store.put("faulty", "w/there", b"there")
        faulty.store.put("faulty", "other/there", b"there")
        faulty.fault("denied,verb=PutObject")
        script = ("import os\nD = os.environ['D']\n"
                  "def attempt(what, flags):\n    try:\n        f = os.open(D + what, flags)\n        print('opened', end=' ')\n"
                  "        os.close(f)\n        print('closed')\n    except OSError as e:\n        print(e.errno)\n"
                  "attempt('/f', os.O_WRONLY | os.O_CREAT)\nattempt('/g', os.O_WRONLY | os.O_CREAT)\nattempt('/there', os.O_WRONLY | os.O_TRUNC)\n"
                  "attempt('/there', os.O_RDONLY)\nattempt('/../other/f', os.O_WRONLY | os.O_CREAT)\nattempt('/f', os.O_RDWR)\n")
        result = context.run([context.skyshim, "run", "python3", "-c", script], env=faulty.env)
        want(result.stdout == b"opened 13\n13\n13\nopened closed\nopened 13\nopened 13\n", f"{result}")
        faulty.fault()
        want(faulty.recover("retry", "--all").status == 0, "retry")
        result = faulty.run("echo more >$D/g; cat $D/g")
        want(result.stdout == b"more\n", f"it is allowed again: {result}")
        faulty.none_left()


def storm(context):
    """5xx: tried again; beyond the budget an error, and kept; `retry --all` afterwards."""
    with Faulty(context) as faulty:
        faulty.fault("internal,verb=PutObject,count=3", "slowdown,verb=PutObject,count=2")
        result = faulty.run("echo through >$D/f")
        want(result.status == 0 and not result.stderr, str(result))
        want(faulty.store.get("faulty", "w/f") == b"through\n", "other bytes")
        faulty.fault("internal,verb=PutObject")
        result = faulty.run("cp /etc/passwd $D/g")
        want(result.status == 1 and b"Input/output error" in result.stderr, str(result))
        want(len(our_lines(result)) == 1, f"our lines: {our_lines(result)}")
        faulty.kept("w/g", "Input/output error")
        faulty.fault()
        want(faulty.recover("retry", "--all").status == 0, "retry --all")
        with open("/etc/passwd", "rb") as source:
            want(faulty.store.get("faulty", "w/g") == source.read(), "other bytes")
        faulty.none_left()


def damaged_upload(*rules, command):
    """A connection that breaks, or an answer that lies: once, and the program does not notice."""
    def check(context):
        with open(f"{context.work}/large", "wb") as out:
            out.write(os.urandom(LARGE_MB << 20))
        with open(f"{context.work}/large", "rb") as source:
            digest = hashlib.sha256(source.read()).hexdigest()
        with Faulty(context) as faulty:
            faulty.fault(*rules)
            result = faulty.run(command)
            want(result.status == 0 and not result.stderr, str(result))
            key = "w/small" if "small" in command else "w/large"
            found = faulty.store.get("faulty", key)
            want("small" in command and found == b"small\n" or hashlib.sha256(found).hexdigest() == digest, f"{len(found)} other bytes")
            config = json.loads(faulty.store.admin("GET", "stats"))
            want(sum(config.get("faults", {}).values()) > 0, f"no fault happened: {config}")
            faulty.none_left()
    return check


def replaced(context):
    """Somebody else's version underneath: both are kept, and only force goes over theirs."""
    with Faulty(context) as faulty:
        script = ("import os, sys\nf = os.open(os.environ['D'] + '/w/old', os.O_RDWR)\nos.pwrite(f, b'OURS', 0); print(1); sys.stdin.readline()\n"
                  "try:\n    os.close(f); print('closed')\nexcept OSError as e:\n    print(e.errno)\n")
        result = lines_from(context, script, [lambda p: faulty.store.put("faulty", "w/old", b"theirs\n")], faulty.context.cloud)
        want(result.stdout == b"1\n%d\n" % errno.ESTALE or result.stdout == b"%d\n" % errno.ESTALE, str(result))
        number = faulty.kept("w/old", "Stale file handle")
        want(faulty.store.get("faulty", "w/old") == b"theirs\n", "their version is gone")
        want(faulty.run("cat $D/old").stdout == b"theirs\n", "the name does not mean theirs")
        faulty.exported(number, b"OURS was there before\n")
        want(faulty.recover("retry", number).status == 1, "retry went over theirs")
        want(faulty.store.get("faulty", "w/old") == b"theirs\n", "retry went over theirs")
        want(faulty.recover("retry", "--force", number).status == 0, "retry --force")
        want(faulty.store.get("faulty", "w/old") == b"OURS was there before\n", "other bytes after force")
        want(faulty.run("cat $D/old", timeout=30).stdout == b"OURS was there before\n", "the name does not mean ours after force")
        faulty.none_left()


def bucket_gone(context):
    """The bucket is deleted while a file is written."""
    with Faulty(context) as faulty:
        script = ("import os, sys\nf = os.open(os.environ['D'] + '/w/new', os.O_RDWR | os.O_CREAT)\nos.write(f, b'kept'); print(1); sys.stdin.readline()\n"
                  "try:\n    os.close(f); print('closed')\nexcept OSError as e:\n    print(e.errno)\n")

        def remove(_):
            for key in ("w/keep", "w/old"):
                faulty.store.delete("faulty", key)
            faulty.store.expect("DELETE", "/faulty")
        result = lines_from(context, script, [remove], faulty.context.cloud)
        want(result.stdout == b"%d\n" % errno.ENOENT, str(result))
        want(len(our_lines(result)) == 1, f"our lines: {our_lines(result)}")
        number = faulty.kept("w/new", "No such file")
        faulty.exported(number, b"kept")
        faulty.store.make_bucket("faulty")
        want(faulty.recover("retry", number).status == 0, "retry")
        want(faulty.store.get("faulty", "w/new") == b"kept", "other bytes")
        faulty.none_left()


def discarded(context):
    with Faulty(context) as faulty:
        faulty.fault("denied,verb=PutObject", "denied,verb=UploadPart")
        faulty.run(f"head -c {LARGE_MB << 20} /dev/zero >$D/f")
        number = faulty.kept("w/f", "Permission denied")
        want(faulty.recover("discard", number).status == 0, "discard")
        faulty.none_left()
        want(faulty.recover("discard", number).status == 1, "discarded twice")
        faulty.fault()
        time.sleep(2)  # a daemon that had not forgotten it would store it now
        want(faulty.run("ls $D").stdout == b"keep\nold\n", "it was stored after all")


def second_machine(context):
    other = {"SKYSHIM_CACHE_DIR": f"{context.folder}/cache2", "XDG_RUNTIME_DIR": f"{context.folder}/run2"}
    os.makedirs(other["XDG_RUNTIME_DIR"], mode=0o700)
    return other


def two_machines(context):
    """Two caches, one bucket: what one has closed, the other sees when it opens, once its metadata's time is over."""
    with Faulty(context) as faulty:
        other = second_machine(context)
        try:
            want(faulty.run("cat $D/old", **other).stdout == b"what was there before\n", "the second machine reads")
            for text in ("short", "longer than before, and another size"):
                want(faulty.run(f"echo {text} >$D/old").status == 0, "the first machine writes")
                time.sleep(1.1)
                want(faulty.run("cat $D/old", **other).stdout == text.encode() + b"\n", "the second does not see it")
            want(faulty.run("mv $D/old $D/moved; echo new >$D/made; mkdir $D/dir").status == 0, "names")
            time.sleep(1.1)
            want(faulty.run("ls $D; cat $D/made", **other).stdout == b"dir\nkeep\nmade\nmoved\nnew\n", "names on the second machine")
            lost_on_second(faulty, other)
        finally:
            context.run([context.skyshim, "stop"], env={**faulty.env, **other}, timeout=20)


def lost_on_second(faulty, other):
    """Both edit one version: the first to close has it, the other is told, and keeps its own."""
    script = ("import os, sys\nf = os.open(os.environ['D'] + '/w/moved', os.O_RDWR)\nos.pwrite(f, b'SECOND', 0); print(1); sys.stdin.readline()\n"
              "try:\n    os.close(f); print('closed')\nexcept OSError as e:\n    print(e.errno)\n")
    late = lines_from(faulty.context, script, [lambda p: want(faulty.run("printf FIRST 1<>$D/moved").status == 0, "the first")], faulty.context.cloud, **other)
    want(faulty.store.get("faulty", "w/moved") == b"FIRSTr than before, and another size\n", f"the first: {late}")
    want(late.stdout == b"%d\n" % errno.ESTALE and "somebody else" in our_lines(late)[0], str(late))
    number = faulty.kept("w/moved", "Stale file handle", **other)
    faulty.exported(number, b"SECOND than before, and another size\n", **other)
    faulty.none_left()


MAKER = """import os, sys
def made(name):
    try:
        f = os.open(os.environ['D'] + '/w/d/' + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(f, b'ours')
        os.close(f)
        return 0
    except OSError as e:
        return e.errno
os.mkdir(os.environ['D'] + '/w/d')
print(made('first'), flush=True)
sys.stdin.readline()
print(made('second'), made('theirs'), made('other'), flush=True)
"""


def made_on_two(context):
    """Of two machines one makes a directory, which then need not look for each name that it makes; who is met is not lost."""
    with Faulty(context) as faulty:
        other = second_machine(context)

        def theirs(_):
            result = faulty.run("mkdir $D/d; echo theirs >$D/d/theirs; echo theirs >$D/d/other", **other)
            want(b"File exists" in result.stderr, f"mkdir on the second machine: {result}")
            time.sleep(1.1)
        try:
            want(faulty.run("ls $D", **other).stdout == b"keep\nold\n", "the second machine knows that it is not there")
            made = lines_from(context, MAKER, [theirs], faulty.context.cloud)
            want(made.stdout == b"0 %d %d\n" % (errno.ESTALE, errno.EEXIST), f"at the upload, and then at the open: {made}")
            for key, text in ("first", b"ours"), ("second", b"ours"), ("theirs", b"theirs\n"), ("other", b"theirs\n"):
                want(faulty.store.get("faulty", f"w/d/{key}") == text, key)
            faulty.exported(faulty.kept("w/d/theirs", "Stale file handle"), b"ours")
        finally:
            context.run([context.skyshim, "stop"], env={**faulty.env, **other}, timeout=20)


def no_cache(context):
    """A cache directory that cannot be: said, and nothing else happens."""
    with Faulty(context) as faulty:
        result = faulty.run("echo x >$D/f", SKYSHIM_CACHE_DIR="/proc/none/cache")
        want(result.status != 0 and our_lines(result), str(result))
        want(any("/proc/none/cache" in line for line in our_lines(result)), f"it does not say where: {our_lines(result)}")
        want(b"w/f" not in faulty.store.expect("GET", "/faulty", query="list-type=2"), "it was written somehow")


def limited_daemon(context):
    """A daemon that was started where files may not grow: an error where it needs more, and it lives on."""
    with Faulty(context) as faulty:
        faulty.store.put("faulty", "w/big", bytes(3 << 20))
        argv = ["sh", "-c", f"ulimit -f 1024; {context.skyshim} run cat /cloud/s3/faulty/w/old; {context.skyshim} run cat /cloud/s3/faulty/w/big | wc -c; "
                f"{context.skyshim} run cat /cloud/s3/faulty/w/old"]
        before = None
        for _ in range(2):
            result = context.run(argv, env=faulty.env, timeout=100)
            want(result.stdout.count(b"what was there before\n") == 2, str(result))
            want(b"3145728\n" in result.stdout or result.stderr, f"bytes are missing, and nobody says so: {result}")
            now = context.daemons()
            want(before is None or now == before, "the daemon died of it")
            before = now


def denied_once(context):
    """One refusal is not the end of a name that has just been listed: it is there when it is asked for again."""
    with Faulty(context) as faulty:
        faulty.fault("denied,verb=GetObject,count=1")
        result = faulty.run("ls $D; cat $D/old; cat $D/old")
        want(result.stdout == b"keep\nold\nwhat was there before\n" and result.stderr.count(b"Permission denied") == 1, str(result))
        want(b"No such file" not in result.stderr, str(result))


def replaced_on_its_way(context):
    """What is on its way to a name when another file takes it does not get there afterwards."""
    with Faulty(context) as faulty:
        faulty.fault("stall,verb=PutObject,ms=1500,count=1")
        result = faulty.run("echo late >$D/out; sleep 0.4; mv $D/old $D/out; cat $D/out; echo first >$D/t1; echo second >$D/t2; mv $D/t1 $D/f; sleep 0.2; mv $D/t2 $D/f",
                            SKYSHIM_DURABILITY="exit")
        want(result.stdout == b"what was there before\n" and result.status == 0, str(result))
        want(faulty.store.get("faulty", "w/out") == b"what was there before\n", f"{faulty.store.get('faulty', 'w/out')!r} came late")
        want(faulty.store.get("faulty", "w/f") == b"second\n", f"{faulty.store.get('faulty', 'w/f')!r} came late")


MAKE_NEW = """
import os, sys, time
while True:
    try:
        os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL), b"second" + bytes([10]))
        break
    except FileExistsError:
        time.sleep(0.02)
"""


def removed_on_its_way(context):
    """A file that is made while one of its name is being removed, which takes as long as its upload, is stored."""
    with Faulty(context) as faulty:
        faulty.fault("stall,verb=PutObject,ms=1500,count=1")
        result = faulty.run(f"echo first >$D/f; sleep 0.4; rm $D/f & sleep 0.3; python3 -c '{MAKE_NEW}' $D/f; wait; cat $D/f", SKYSHIM_DURABILITY="exit")
        want(result.stdout == b"second\n" and result.status == 0, str(result))
        want(faulty.store.get("faulty", "w/f") == b"second\n", f"{faulty.store.get('faulty', 'w/f')!r}")


def names(context):
    """Names that no key can be."""
    with Faulty(context) as faulty:
        long = "/".join("n" * 250 for _ in range(5))
        result = faulty.run(f"echo x >$D/{long}")
        want(result.status != 0 and result.stderr, str(result))
        script = ("import os, sys\npath = os.environ['D']\nfor i in range(6):\n    path += '/' + 'n' * 250\n    try:\n        os.mkdir(path)\n"
                  "    except OSError as e:\n        print(i, e.errno)\n        break\n")
        result = faulty.context.run([faulty.context.skyshim, "run", "python3", "-c", script], env=faulty.env)
        want(result.stdout == b"4 %d\n" % errno.ENAMETOOLONG, str(result))
        faulty.none_left()


SMALL = "echo small >$D/small"
LARGE = "cp large $D/large"
DAMAGE = {
    "reset-put": (SMALL, "reset,verb=PutObject,count=2"),
    "answer-lost-put": (SMALL, "reset,verb=PutObject,at=0,count=1"),
    "answer-lost-mkdir": ("mkdir $D/dir && echo small >$D/small", "reset,verb=PutObject,at=0,count=1"),
    "stall-put": (SMALL, "stall,verb=PutObject,ms=1500,count=1"),
    "reset-part": (LARGE, "reset,verb=UploadPart,count=2"),
    "answer-lost-part": (LARGE, "reset,verb=UploadPart,at=0,count=1"),
    "begin-twice": (LARGE, "internal,verb=CreateMultipartUpload,count=2"),
    "ok-error-complete": (LARGE, "ok-error,verb=CompleteMultipartUpload,count=2"),
    "answer-lost-complete": (LARGE, "reset,verb=CompleteMultipartUpload,at=0,count=1"),
    "cut-complete": (LARGE, "truncate,verb=CompleteMultipartUpload,count=1"),
    "ok-error-copy": ("echo small >$D/a; mv $D/a $D/small", "ok-error,verb=CopyObject,count=2"),
    "answer-lost-copy": ("echo small >$D/a; mv $D/a $D/small", "reset,verb=CopyObject,at=0,count=1"),
    "answer-lost-delete": ("echo small >$D/a; mv $D/a $D/small", "reset,verb=DeleteObject,at=0,count=1"),
}
CASES = [Case(f"fault/{name}", check=damaged_upload(*rules, command=command), embedded_only=True) for name, (command, *rules) in DAMAGE.items()]
CASES += [Case(f"fault/{name}", check=check, embedded_only=True) for name, check in {
    "denied": denied, "denied-once": denied_once, "replaced-on-its-way": replaced_on_its_way, "removed-on-its-way": removed_on_its_way, "denied-at-open": denied_at_open, "storm": storm, "replaced": replaced, "bucket-gone": bucket_gone, "discarded": discarded, "two-machines": two_machines, "made-on-two": made_on_two,
    "no-cache": no_cache, "limited-daemon": limited_daemon, "names": names}.items()]
