# SPDX-License-Identifier: Apache-2.0
"""Rows with a store that fails: every twentieth request is answered 503, or one body in ten comes to a halt."""
import json

from reading import big
from rows import Row, clean_ratio
from trees import fetched, same_copy, tiny

SLOWDOWN = "slowdown,rate=0.05,seed=7"
STALL_MS = 130_000
STALL = f"stall,verb=GetObject,rate=0.1,seed=3,ms={STALL_MS}"
NOTICED_S = 12


def longest_stall(session):
    """How long a connection was kept on which nothing came any more."""
    log = json.loads(session.store.admin("GET", "log"))
    stalls = [entry["us"] / 1e6 for entry in log if entry["fault"] == "stall"]
    return {"stalls": len(stalls), "longest_stall_s": max(stalls, default=0)}


def noticed(results):
    mine = results["skyshim"]
    if not mine.runs:
        return None
    longest, stalls = mine.worst("longest_stall_s"), sum(run["stalls"] for run in mine.runs)
    if not stalls:
        return None
    return f"noticed ≤ {NOTICED_S} s", f"{longest:.1f} s, {stalls} stalls", longest <= NOTICED_S


def rows(sizes):
    return [
        Row("cp_503", f"cp -r {sizes.files} × 4 KiB, 5 % of requests 503", ["cp", "-r", "{M}/tiny", "{L}/copy"], need=tiny,
            local=None, raw=fetched("tiny", retry=8), check=same_copy, faults=[SLOWDOWN], clean_too=True, reaches=[clean_ratio(2)]),
        Row("read_503", f"read {sizes.big_bytes >> 20} MiB, 5 % of requests 503", ["cat", "{M}/big"], need=big, local=None,
            faults=[SLOWDOWN], clean_too=True, reaches=[clean_ratio(2)]),
        Row("read_stalls", f"read {sizes.big_bytes >> 20} MiB, one body in ten stalls", ["cat", "{M}/big"], need=big,
            local=None, faults=[STALL], watch=longest_stall, reaches=[noticed]),
    ]
