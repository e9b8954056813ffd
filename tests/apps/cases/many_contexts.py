# SPDX-License-Identifier: Apache-2.0
"""Many buckets and many sets of credentials, one after another, in one daemon: each is answered, and what the daemon holds of those
that are over does not grow with their number."""
import json
import os
import re
import time

from case import Case, want
from cases.budget import Counted
from store import start_embedded

BUCKETS = 1000
CREDENTIALS = 300  # more than there once was room for
LOOP = "seq $1 $(($2 - 1)) | xargs -P 4 -I N env AWS_REGION=region-N $SKYSHIM run cat /cloud/s3/plain/f"
PER_CONTEXT_KB = 8


# Slots for descriptors, which the kernel doubles as they are needed: the cache keeps up to 256 files open, and the rest is little.
SLOTS = 512


class Daemon:
    """By what anybody may read of it: its descriptors are its own."""

    def __init__(self, context):
        (self.pid,) = context.daemons()

    def said(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{name}:\s+(\d+)", status.read(), re.M).group(1))

    def slots(self):
        return self.said("FDSize")

    def resident_kb(self):
        return self.said("VmRSS")

    def own_kb(self):
        """Without the tables in files, which have a fixed size and of which every name takes a page at first."""
        return self.said("RssAnon")


def served(context, *options):
    folder = os.path.join(context.folder, "served")
    os.mkdir(folder)
    return start_embedded(context.world.build, folder, *options)


def buckets(context):
    """Read, written and listed."""
    store = served(context)
    try:
        for i in range(BUCKETS):
            store.make_bucket(f"bucket-{i}")
            store.put(f"bucket-{i}", "f", b"%d\n" % i)

        def use(first, last):
            script = f"for i in $(seq {first} {last - 1}); do set -- /cloud/s3/bucket-$i; read -r x <$1/f; echo $x; echo new >$1/new; done"
            result = context.run([context.skyshim, "run", "sh", "-ec", script], env=store.environment(), timeout=300)
            want(result.status == 0 and result.stdout == b"".join(b"%d\n" % i for i in range(first, last)), result)

        use(0, 200)
        daemon = Daemon(context)
        resident = daemon.resident_kb()
        use(200, BUCKETS)
        want(Daemon(context).pid == daemon.pid, "it is another daemon")
        want(daemon.slots() <= SLOTS, f"it has {daemon.slots()} slots for descriptors")
        want(daemon.resident_kb() <= resident + 16384, f"{resident} kB became {daemon.resident_kb()}")
        want(store.get(f"bucket-{BUCKETS - 1}", "new") == b"new\n", "it was not written")
    finally:
        store.stop()


def credentials(context):
    """Each in an environment of its own."""
    store = served(context, "--bucket", "plain")
    try:
        store.put("plain", "f", b"x\n")

        def use(first, last):
            result = context.run(["sh", "-ec", LOOP, "sh", str(first), str(last)], env={**store.environment(), "SKYSHIM": context.skyshim},
                                 timeout=300)
            want(result.status == 0 and result.stdout == b"x\n" * (last - first) and not result.stderr, result)

        use(0, 100)
        daemon = Daemon(context)
        resident = daemon.own_kb()
        use(100, CREDENTIALS)
        want(Daemon(context).pid == daemon.pid, "it is another daemon")
        want(daemon.slots() <= SLOTS, f"it has {daemon.slots()} slots for descriptors")
        known = json.loads(context.run([context.skyshim, "stats", "--json"]).stdout)["contexts"]
        want(known >= CREDENTIALS, f"it knows {known} contexts")
        grown = daemon.own_kb() - resident
        want(grown <= PER_CONTEXT_KB * (CREDENTIALS - 100), f"{grown} kB for {CREDENTIALS - 100} more")
    finally:
        store.stop()


def others_know_nothing(context):
    """Beside others' credentials, too, new files in a directory that was made here cost their PUT and no question."""
    with Counted(context) as counted:
        counted.store.put("budget", "small", b"small object\n")
        counted.run("cat $D/small", AWS_REGION="elsewhere", SKYSHIM_META_TTL_MS="60000")
        cost = counted.cost("set -C; mkdir $D/new; for i in $(seq 20); do echo $i >$D/new/f$i; done")
        want(cost.pop("PutObject") == 21 and sum(cost.values()) <= 6, f"{cost} beside the PUTs")


def crowded(context):
    """With many that are over, a daemon does not wait for its usual end when nobody is there any more; with few it does."""
    store = served(context, "--bucket", "plain")
    try:
        store.put("plain", "f", b"x\n")
        env = {**store.environment(), "SKYSHIM": context.skyshim, "SKYSHIM_CONTEXTS_KEPT": "10", "SKYSHIM_IDLE": "3600"}

        def use(first, last):
            result = context.run(["sh", "-ec", LOOP, "sh", str(first), str(last)], env=env, timeout=120)
            want(result.status == 0 and result.stdout == b"x\n" * (last - first) and not result.stderr, result)

        use(0, 5)
        few = context.daemons()
        program = context.start([context.skyshim, "run", "sh", "-c", "read x </cloud/s3/plain/f; echo $x; read y; cat /cloud/s3/plain/f"],
                                env={**env, "AWS_REGION": "region-0"})
        want(program.stdout.readline() == b"x\n", "it cannot be read")
        use(5, 20)
        time.sleep(2.5)  # long enough for it to leave, were it not for the program
        want(context.daemons() == few, "the daemon left while a program lived, or before there were many")
        want(program.communicate(b"\n")[0] == b"x\n" and not program.returncode, "it cannot be read again")
        deadline = time.monotonic() + 60
        while context.daemons():
            want(time.monotonic() < deadline, "the daemon stays")
            time.sleep(0.1)
        use(0, 5)
        want(context.daemons() and context.daemons() != few, "there is no other daemon")
    finally:
        store.stop()


CASES = [
    Case("contexts/others-know-nothing", check=others_know_nothing),
    Case("contexts/crowded", check=crowded, embedded_only=True, timeout=200),
    Case("contexts/buckets", check=buckets, embedded_only=True, timeout=300),
    Case("contexts/credentials", check=credentials, embedded_only=True, timeout=300),
]
