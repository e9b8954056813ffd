# SPDX-License-Identifier: Apache-2.0
"""One run of the random operation tester (fsx/): the program under skyshim, and what it asks for."""
import os
import random
import subprocess
import threading

from case import Failure, want

SMALL = (300_000, 120)          # most bytes of the file, and one in so many operations closes or flushes
SIZES = [SMALL, (1_500_000, 200), SMALL, (5_000_000, 400), (200_000, 40)]
LARGE = (42_000_000, 400)       # goes in parts, of which the service copies the unchanged
CACHE = {True: "96M", False: "16M"}


class Session:
    """context: case.Context. most, odds: as in SIZES. The object is there when the program begins, mostly."""

    def __init__(self, context, seed, operations, most, odds):
        self.context, self.seed, self.operations, self.most, self.odds = context, seed, operations, most, odds
        self.key = f"fsx/{seed}"
        self.model = os.path.join(context.folder, f"model-{seed}")
        self.env = {"SKYSHIM_CACHE_SIZE": CACHE[most > 16_000_000]}
        self.asked = {"check": 0, "drop": 0, "evict": 0}

    def prepare(self):
        chance = random.Random(self.seed)
        if self.seed % 4:
            self.context.store.put(self.context.bucket, self.key, chance.randbytes(chance.randrange(self.most)))

    def check(self):
        with open(self.model, "rb") as source:
            model = source.read()
        found = self.context.store.get(self.context.bucket, self.key)
        if found != model:
            at = next((i for i, (a, b) in enumerate(zip(found, model)) if a != b), min(len(found), len(model)))
            raise Failure(f"seed {self.seed}: the object is not what was written: {len(found)} bytes of {len(model)}, "
                          f"the first that differs at {at}")

    def drop(self):
        self.context.run([self.context.skyshim, "stop"], env=self.env)

    def evict(self):
        result = self.context.run_cloud("cat $D/fsx-filler-* | wc -c", env=self.env)
        want(result.status == 0 and int(result.stdout) > 16_000_000, str(result))

    def run(self, timeout):
        """Returns how often it was asked for what. Raises Failure."""
        self.prepare()
        program = [self.context.skyshim, "run", f"{self.context.world.programs}/fsx", f"{self.context.cloud}/{self.key}", self.model,
                   str(self.operations), str(self.seed), str(self.most), str(self.odds)]
        with subprocess.Popen(program, env=self.context.environment(self.env), cwd=self.context.work, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            late = threading.Timer(timeout, process.kill)
            late.start()
            try:
                self.serve(process)
            finally:
                late.cancel()
                process.kill()
        want(min(self.asked["check"], self.operations) > 0, f"seed {self.seed}: nothing was checked")
        return self.asked

    def serve(self, process):
        done = ""
        for line in process.stdout:
            what = line.strip()
            if what.startswith("done"):
                done = what
                break
            getattr(self, what)()
            self.asked[what] += 1
            process.stdin.write("\n")
            process.stdin.flush()
        process.stdin.close()
        said = process.stderr.read()
        status = process.wait()
        want(done == f"done {self.operations}" and status == 0,
             f"seed {self.seed} (at most {self.most} bytes): status {status}, {done!r}: {said[-4000:]}")


def fill(store, bucket):
    """What evict() reads to drive others out of the cache."""
    for i in range(6):
        store.put(bucket, f"fsx-filler-{i}", bytes(3_000_000))


def sizes_of(seed):
    return SIZES[seed % len(SIZES)]
