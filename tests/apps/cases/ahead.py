# SPDX-License-Identifier: Apache-2.0
"""What a walk through a tree will open next is fetched ahead: how many requests, what is wasted, and never a wrong byte."""
import json
import os
import subprocess
import threading
import time

from case import Case, want
from cases.budget import Counted, requests

FILES = 300
LONG = {"SKYSHIM_META_TTL_MS": "60000"}  # a loaded machine must not make what was fetched too old
SLOW_MS = 20


class Walk(Counted):
    """A store that takes its time, with small files in it."""

    def __enter__(self):
        self.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={FILES}&size=4096")
        return self

    def slow(self, latency_ms=SLOW_MS, **settings):
        self.store.admin("POST", "config", "&".join(f"{k}={v}" for k, v in {"latency_ms": latency_ms, **settings}.items()))

    def walk(self, command, **env):
        """Returns (result, requests by verb, what was fetched ahead)."""
        self.context.run_cloud(["true"], env={**self.store.environment(), **LONG, **env})
        self.slow()
        self.store.reset()
        result = self.context.run([self.context.skyshim, "run", "sh", "-c", command], timeout=100,
                                  env={**self.store.environment(), "D": self.folder, **LONG, **env})
        counts = requests(self.store.stats())
        return result, counts, self.ahead()

    def ahead(self):
        told = self.context.run([self.context.skyshim, "stats", "--json"], env=self.store.environment())
        return json.loads(told.stdout)["ahead"]


def reads_all(command, files=FILES, lists=1, heads=1):
    """Every object is fetched by one GET, most ahead (how many depends on who runs first), and nothing else. heads: what it takes to find out what the
    folder's name is, HEADs or GETs."""
    def check(context):
        with Walk(context) as walk:
            result, counts, ahead = walk.walk(command)
            want(result.status == 0, str(result))
            gets = counts.pop("GetObject", 0)
            want(gets >= files and gets + counts.pop("HeadObject", 0) <= files + heads and
                 counts.pop("ListObjectsV2", 0) <= lists and not counts, f"{gets}, {counts}, {ahead}")
            ahead = ahead["files"]
            want(ahead["fetched"] >= files * 0.6 and ahead["used"] == ahead["fetched"] and not ahead["wasted"], f"{ahead}")
    return Case(f"ahead/{command.split()[0]}", check=check, timeout=120)


def copied(context):
    """What cp -r makes of it is what curl would."""
    with Walk(context) as walk:
        result, _, ahead = walk.walk("cp -r $D/many $HOME/copy && cat $HOME/copy/* | md5sum; cat $D/many/* | md5sum")
        sums = result.stdout.split()
        want(result.status == 0 and len(sums) == 4 and sums[0] == sums[2], str(result))
        folder = os.path.join(context.folder, "home", "copy")
        for name in ("f000000", "f000150", "f000299"):
            with open(os.path.join(folder, name), "rb") as copy:
                want(copy.read() == walk.store.get("budget", f"many/{name}"), f"{name} differs: {ahead}")


def every(step, most):
    """Who takes only some of the files: most: what may be fetched in vain."""
    def check(context):
        command = f"i=0; for f in $D/many/*; do [ $((i % {step})) = 0 ] && cat $f; i=$((i + 1)); done >$HOME/out; true"
        with Walk(context) as walk:
            result, counts, ahead = walk.walk(command)
            taken = -(-FILES // step)
            want(result.status == 0 and taken <= counts["GetObject"] <= taken + most, f"{result} {counts} {ahead}")
    return Case(f"ahead/every-{step}", check=check, timeout=120)


def stops_early(context):
    with Walk(context) as walk:
        result, counts, ahead = walk.walk("ls $D/many >$HOME/out; cat $D/many/f000000 $D/many/f000001 | wc -c")
        want(result.stdout == b"8192\n" and counts["GetObject"] <= 2 + 32, f"{result} {counts} {ahead}")


def subdirectories(command):
    """Each listed once, most of them ahead."""
    def check(context):
        with Walk(context) as walk:
            walk.store.admin("POST", "generate", "bucket=budget&prefix=tree/&count=1000&size=100&fanout=20")
            result, counts, ahead = walk.walk(command)
            lists = counts.pop("ListObjectsV2")
            want(result.status == 0 and result.stdout == b"1000\n", str(result))
            want(lists == 51 and counts.get("GetObject", 0) == 0, f"{lists} listings, {counts}, {ahead}")
            want(ahead["listings"]["used"] >= 45 and not ahead["listings"]["wasted"], f"{ahead}")
    return Case(f"ahead/{command.split()[0]}-tree", check=check, timeout=120)


def faults(rule):
    """What goes wrong with what nobody asked for is nobody's error: he asks himself. (On a slow machine some of the refused are asked for by the reader himself, so that the first walk may miss them; the second has all.)"""
    def check(context):
        with Walk(context) as walk:
            walk.slow(fault=rule)
            result, counts, ahead = walk.walk("cat $D/many/* | md5sum; cat $D/many/* | wc -c")
            refused = [line for line in result.stderr.decode().splitlines() if not line.startswith("skyshim: ")]
            want(result.status == 0 and result.stdout.endswith(b"\n%d\n" % (FILES * 4096)), f"{result} {counts} {ahead}")
            want(len(refused) <= 3 and all(line.endswith("Permission denied") for line in refused), f"{result} {counts} {ahead}")
    return Case("ahead/fault-" + rule.split(",", 1)[0], check=check, timeout=120)


# Walks through the files again and again, at its own pace, with a rest in which what was fetched ahead gets too old; tells of each what it has read, and when it opened it.
READER = """
import os, sys, time
folder, walks, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for walk in range(walks):
    listed = time.monotonic()
    for name in sorted(os.listdir(folder)):
        opened = time.monotonic()
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        words = set(data.split())
        print(name, len(data), opened, listed, *[word.decode() for word in words], flush=True)
        time.sleep(pause + (1.5 if pause and name == "020" else 0))
"""
ROUND = 60  # files


def content(number, version):
    """Of one version only, and as long as its version says."""
    return b"%d.%d " % (number, version) * (200 + version % 7)


class Writer(threading.Thread):
    """Another client that replaces the files one after the other, and notes when each version was there for certain."""

    def __init__(self, store):
        super().__init__(daemon=True)
        self.store = store
        self.done = [{0: time.monotonic()} for _ in range(ROUND)]
        self.stopping = threading.Event()
        for number in range(ROUND):
            store.put("budget", f"race/{number:03}", content(number, 0))

    def run(self):
        version = 0
        while not self.stopping.is_set():
            version += 1
            for number in range(ROUND):
                self.store.put("budget", f"race/{number:03}", content(number, version))
                self.done[number][version] = time.monotonic()


def replaced(walks, pause):
    """Files are replaced while a tree is walked through: each open sees one version, whole, and none that was
    replaced longer ago than metadata is believed. cold: nothing was known before, so an open is right by itself;
    what a listing told of versions that are here already counts as of when it was asked for."""
    def check(context):
        with Walk(context) as walk:
            writer = Writer(walk.store)
            context.run_cloud(["true"], env=walk.store.environment())
            walk.slow(5)
            writer.start()
            try:
                result = context.run([context.skyshim, "run", "python3", "-c", READER, f"{walk.folder}/race", str(walks), str(pause)],
                                     env=walk.store.environment(), timeout=150)
            finally:
                writer.stopping.set()
                writer.join()
            want(result.status == 0, str(result))
            judge(result.stdout.decode().splitlines(), writer, walks)
            want(walk.ahead()["files"]["used"] > 0, f"nothing was fetched ahead: {walk.ahead()}")
    return Case(f"ahead/replaced-{walks}", check=check, timeout=200)


def judge(lines, writer, walks):
    want(len(lines) == ROUND * walks, f"{len(lines)} files read")
    for line in lines:
        name, size, opened, listed, *words = line.split()
        number = int(name)
        want(len(words) == 1 and words[0].startswith(f"{number}."), f"mixed: {line[:200]}")
        version = int(words[0].split(".")[1])
        want(int(size) == len(content(number, version)), f"not whole: {line[:200]}")
        since = (float(opened) if walks == 1 else float(listed)) - 1.0
        following = writer.done[number].get(version + 1)
        want(following is None or following >= since,
             f"{name}: version {version} was replaced {since + 1 - (following or 0):.3f} s before it was opened")


TREE_FILES, TREE_FOLDERS = 1000, 40


def tree(command):
    """Who has read one folder to its end is expected in the next: its first files are on their way before it is opened.
    Without that each folder's first files, and the folder's own name, are waited for."""
    def check(context):
        with Walk(context) as walk:
            walk.store.admin("POST", "generate",
                             f"bucket=budget&prefix=tree/&count={TREE_FILES}&size=1000&fanout={TREE_FILES // TREE_FOLDERS}")
            result, counts, ahead = walk.walk(command)
            want(result.status == 0, str(result))
            told = walk.context.run([context.skyshim, "stats", "--json"], env=walk.store.environment())
            waited = json.loads(told.stdout)["total"]["programs"]["open"]["asked"]
            want(waited <= 25, f"{waited} opens waited for the store: {counts}, {ahead}")  # 3 for each folder without it
            want(counts["GetObject"] <= TREE_FILES + 5 and counts["ListObjectsV2"] <= TREE_FOLDERS + 5 and
                 counts.get("HeadObject", 0) <= 5, f"{counts}, {ahead}")
            ahead = ahead["files"]
            want(ahead["used"] >= 0.95 * TREE_FILES and ahead["wasted"] <= 0.05 * TREE_FILES, f"{ahead}")
    return Case(f"ahead/tree-{command.split()[0]}", check=check, timeout=120)


def passes_folders(context):
    """Who reads the files of one folder, and then only lists others, causes few files to be fetched in vain."""
    with Walk(context) as walk:
        walk.store.admin("POST", "generate", f"bucket=budget&prefix=tree/&count={TREE_FILES}&size=1000&fanout=25")
        first = "set -- $D/tree/*; cat $1/* $2/* >/dev/null; shift 2; for d; do ls $d >/dev/null; done"
        result, counts, ahead = walk.walk(first)
        want(result.status == 0, str(result))
        want(counts["GetObject"] <= 50 + 150, f"{counts}, {ahead}")  # 32 files in each of the next folders, if he were expected


THREADS = ("python3 -c \"import os, hashlib, concurrent.futures as c; d = os.environ['D'] + '/many'; "
           "print(sum(len(x) for x in c.ThreadPoolExecutor(4).map(lambda n: open(d + '/' + n, 'rb').read(), sorted(os.listdir(d)))))\"")
CASES = [
    reads_all("cp -r $D/many $HOME/copy"),
    reads_all("grep -rc zz $D/many >$HOME/out; true"),
    reads_all("tar cf $HOME/out.tar -C $D many", lists=2),
    reads_all("rsync -a $D/many $HOME/", lists=4, heads=2),
    reads_all(THREADS),
    Case("ahead/copied", check=copied, timeout=120),
    every(100, 0),
    every(3, 60),
    Case("ahead/stops-early", check=stops_early),
    tree("grep -rc zz $D/tree >$HOME/out; true"),
    tree("tar cf - -C $D tree | wc -c"),
    tree("cp -r $D/tree $HOME/copy"),
    Case("ahead/passes-folders", check=passes_folders, timeout=120),
    subdirectories("find $D/tree -type f | wc -l"),
    subdirectories("du -a $D/tree | grep -c /f"),
    faults("denied,verb=GetObject,skip=2,count=5"),
    faults("truncate,verb=GetObject,rate=0.1,seed=3"),
    replaced(1, 0.04),
    replaced(3, 0.0),
]
for case in CASES:
    case.embedded_only = True
