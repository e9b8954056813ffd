# SPDX-License-Identifier: Apache-2.0
"""What the daemon holds in memory, under a small `memory_cap`."""
import json

from case import Case, want
from cases.budget import Counted

CAP_MIB = 16
LISTINGS_MIB = 4  # pages that come when all else is used up: nobody knows before how long they are
BESIDE_MIB = 64  # the program itself, stacks, connections
MANY = 64
NAMES = 200000


def resident_mib(pid):
    """The most that was ever resident."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def capped(context):
    """64 who read, 64 who write and one who lists 200,000 names, all at once: nothing fails, and no more memory is held than
    there may be, by the ledger and as the kernel sees it."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=big/&count={MANY}&size={6 << 20}")
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={NAMES}&size=10")
        counted.run("ls $D/big >names", SKYSHIM_MEMORY_CAP=f"{CAP_MIB}M")
        counted.store.admin("POST", "config", "latency_ms=20")
        result = counted.run("while read n; do wc -c <$D/big/$n >>read & done <names; for i in $(seq %d); do head -c 2500000 /dev/zero >$D/new$i & done; "
                             "ls $D/many | wc -l; wait; sort read | uniq -c; stat -c %%s $D/new* | sort | uniq -c" % MANY)
        want(result.stdout.split() == [b"%d" % n for n in (NAMES, MANY, 6 << 20, MANY, 2500000)], result)
        pids = context.daemons()
        want(len(pids) == 1, f"daemons: {pids}")
        peak = resident_mib(pids[0])
        held = json.loads(context.run([context.skyshim, "stats", "--json"]).stdout)["memory"]
        want(held["bytes_max"] == CAP_MIB << 20, held)
        want(held["bytes"] == sum(held["uses"].values()) and 1 << 20 < held["bytes_peak"], held)
        want(held["uses"]["contexts"] > 0 and held["uses"]["listings"] > 0 and held["threads"] >= 2 * (60000 + 4096), held)
        want(held["bytes_peak"] <= (CAP_MIB + LISTINGS_MIB) << 20, held)
        want(peak <= CAP_MIB + BESIDE_MIB, f"{peak} MiB were resident; {held}")


CASES = [Case("memory/capped", check=capped)]
