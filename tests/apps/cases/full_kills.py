# SPDX-License-Identifier: Apache-2.0
"""The daemon is killed at any instant while a program changes files and names on a disk with three MiB to a page left: what the
program was told is done is in the bucket, what it was told has failed is as before or done, and nothing is in no place."""
import functools
import os
import random
import signal
import time

from case import Case, want
from cases.full_journals import on_disk

KILLS = int(os.environ.get("SKYSHIM_TEST_KILLS", "5"))  # in each case; `make crash-full` has more
SEED = int(os.environ.get("SKYSHIM_TEST_SEED", "1"))
SETTLE_SECONDS = 60
FILES = [f"f{i}" for i in range(6)]
INSIDE = [str(i) for i in range(30)]

# Prints what it does and how that ended, an operation a line, until a file appears.
PROGRAM = """
import errno, os, random, sys
D, stop, chance = os.environ['D'], sys.argv[1], random.Random(sys.argv[2])
FILES, INSIDE = sys.argv[3].split(), sys.argv[4].split()
def content(n):
    return b'%08d' % n * random.Random(n).choice((1, 500, 5000, 40000))
def put(n, name):
    f = os.open(f'{D}/{name}', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        left = content(n)
        while left:
            left = left[os.write(f, left):]
    finally:
        os.close(f)
def do(n, what, *names):
    try:
        put(n, *names) if what == 'put' else os.unlink(f'{D}/{names[0]}') if what == 'unlink' else os.rename(*(f'{D}/{x}' for x in names))
        result = '0'
    except OSError as e:
        result = errno.errorcode[e.errno]
    print(n, what, *names, result, flush=True)
    return result == '0'
here, there, sure, n = 'd', 'e', True, 0
os.mkdir(D + '/d')
for i in INSIDE:
    n += 1
    if not do(n, 'put', f'd/{i}'):
        sys.exit('no room to begin')
print('begun', flush=True)
while not os.path.exists(stop):
    n += 1
    what = chance.choice(('put', 'put', 'put', 'unlink', 'rename', 'rename', 'dir'))
    if what == 'put':
        do(n, 'put', chance.choice(FILES))
    elif what == 'unlink':
        do(n, 'unlink', chance.choice(FILES))
    elif what == 'rename':
        do(n, 'rename', *chance.sample(FILES, 2))
    elif sure:
        sure = do(n, 'move', here, there)
        here, there = there, here
"""


def content(n):
    return b"%08d" % n * random.Random(n).choice((1, 500, 5000, 40000))


class Model:
    """Of each name what may be there: ("is", bytes), ("begins", bytes) or None for nothing."""

    def __init__(self):
        self.may, self.moved = {}, []

    def of(self, name):
        return self.may.get(name, [None])

    def see(self, number, what, names, done):
        if what == "put":
            # one that failed may have been stored as far as it came
            self.may[names[0]] = [("is", content(number))] if done else [*self.of(names[0]), ("begins", content(number))]
        elif what == "unlink":
            self.may[names[0]] = [None] if done or self.of(names[0]) == [None] else [*self.of(names[0]), None]
        elif what == "rename":
            old, new = self.of(names[0]), self.of(names[1])
            self.may[names[1]] = [x for x in old if x] if done else [*new, *(x for x in old if x)]
            self.may[names[0]] = [None] if done or old == [None] else [*old, None]
        else:
            for i in INSIDE:
                old = self.of(f"{names[0]}/{i}")
                self.may[f"{names[1]}/{i}"] = old if done else [*old, None]
                self.may[f"{names[0]}/{i}"] = [None] if done else [*old, None]
                if not done:
                    self.moved.append((f"{names[0]}/{i}", f"{names[1]}/{i}"))

    @staticmethod
    def fits(may, found):
        return any(found is None if x is None else found is not None and (found == x[1] if x[0] == "is" else x[1].startswith(found)) for x in may)

    def wrong(self, found):
        return [name for name, may in self.may.items() if not self.fits(may, found.get(name))] + \
            [pair for pair in self.moved if not any(name in found for name in pair)] + [name for name in found if name not in self.may]


def found_in(faulty):
    return {key[2:]: faulty.store.get("faulty", key) for key, _ in faulty.store.times("faulty", "w/") if not key.endswith("/") and key not in ("w/keep", "w/old")}


def kills(durability, context, faulty, disk):
    faulty.env["SKYSHIM_DURABILITY"] = durability
    chance = random.Random(SEED)
    stop = f"{context.folder}/stop"
    want(faulty.run("mkdir $D/here; rmdir $D/here").status == 0, "before")  # twins are made, and the daemon's files
    with open(f"{context.folder}/program", "w+", encoding="ascii") as told, open(f"{context.folder}/program.err", "w+", encoding="utf-8") as err:
        process = context.start([context.skyshim, "run", "python3", "-c", PROGRAM, stop, str(SEED), " ".join(FILES), " ".join(INSIDE)],
                                env=faulty.env, stdout=told, stderr=err)
        deadline = time.monotonic() + SETTLE_SECONDS
        while "begun" not in open(told.name, encoding="ascii").read():
            want(process.poll() is None and time.monotonic() < deadline, f"it did not begin: {open(err.name, encoding='utf-8').read()}")
            time.sleep(0.05)
        for _ in range(KILLS):
            disk.fill(chance.choice((1, 8, 64, 256, 512, 768)))
            time.sleep(chance.uniform(0.02, 0.6))
            for pid in context.daemons():
                os.kill(pid, signal.SIGKILL)
        open(stop, "w", encoding="ascii").close()
        want(process.wait(SETTLE_SECONDS) in (0, 1), f"it ended with {process.returncode}")
        model = Model()
        for line in open(told.name, encoding="ascii").read().splitlines():
            if line != "begun":
                number, what, *names, result = line.split()
                model.see(int(number), what, names, result == "0")
    want(process.returncode == 0 or durability == "exit", f"it ended with {process.returncode}: {open(err.name, encoding='utf-8').read()}")
    want(any(x and x[0] == "is" for may in model.may.values() for x in may), "nothing was stored")
    disk.free()
    deadline = time.monotonic() + SETTLE_SECONDS
    while wrong := model.wrong(found_in(faulty)):
        want(time.monotonic() < deadline, f"seed {SEED}: {wrong}; left: {faulty.left()}; log: {open(f'{context.folder}/program', encoding='ascii').read()[-1500:]}")
        faulty.run("ls $D >/dev/null")
        time.sleep(0.3)


CASES = []
if os.geteuid() == 0:
    CASES += [Case(f"full-disk/kills/{kind}/{durability}", check=on_disk(kind, functools.partial(kills, durability)), embedded_only=True, timeout=60 + 3 * KILLS)
              for kind, durability in (("tmpfs", "close"), ("ext4", "close"), ("tmpfs", "exit"))]
