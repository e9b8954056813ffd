# SPDX-License-Identifier: Apache-2.0
"""Rows about reading single files."""
from rows import Row, copies, moved, ratio, seconds
from ways import curl, transfer

PART_BYTES = 8 << 20
RANGES_AT_ONCE = 16
READERS = 32
PROCESSES = 8

RANDOM = """
import os, random, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
reads, readers = int(sys.argv[2]), int(sys.argv[3])
pages = os.fstat(fd).st_size // 4096
dice = random.Random(5)
offsets = [4096 * dice.randrange(pages) for _ in range(reads)]
def read(k):
    for offset in offsets[k::readers]:
        assert len(os.pread(fd, 4096, offset)) == 4096
threads = [threading.Thread(target=read, args=(k,)) for k in range(readers)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def big(session):
    session.generated("big", f"key=big&size={session.sizes.big_bytes}")


def quarter(session):
    session.generated("quarter", f"key=quarter&size={session.sizes.quarter_bytes}")


def ranges(session):
    size = session.sizes.big_bytes
    return curl(session, [transfer(session, "big", range=f"{start}-{min(start + PART_BYTES, size) - 1}", output="/dev/null")
                          for start in range(0, size, PART_BYTES)], RANGES_AT_ONCE)


def pages(readers):
    """As many single ranges as the readers want, of other offsets."""
    def argv(session):
        count = session.sizes.big_bytes // 4096
        starts = (4096 * (i * 7919 % count) for i in range(session.sizes.reads))
        return curl(session, [transfer(session, "big", range=f"{start}-{start + 4095}", output="/dev/null") for start in starts],
                    readers)
    return argv


def rows(sizes):
    read = ["cat", "{M}/big"]
    together = "for i in " + " ".join(map(str, range(PROCESSES))) + "; do cat {M}/quarter & done; wait"
    mib = sizes.big_bytes >> 20
    cached = {"memory_bytes": 2 * sizes.big_bytes}

    def at_random(readers, reaches, **more):
        return Row(f"random_{readers}", f"{sizes.reads} × 4 KiB at random in {mib} MiB, {readers} at a time",
                   ["/usr/bin/python3", "-c", RANDOM, "{M}/big", str(sizes.reads), str(readers)], need=big, raw=pages(readers),
                   known=True, reaches=reaches, **more)

    return [
        Row("read", f"read {mib} MiB, cold", read, need=big, raw=ranges, reaches=[ratio("curl", 1.1)], **cached),
        Row("read_unpaced", f"read {mib} MiB, no latency, no cap", read, need=big, raw=ranges, pace=(0, 0), reaches=[ratio("curl", 1.3)],
            **cached),
        Row("reread", f"read {mib} MiB again, warm", read, need=big, warm=True, reaches=[ratio("local", 1.1)]),
        at_random(READERS, [seconds(3), moved(300)]),
        at_random(1, [moved(300)], runs_max=1),  # 20 ms for each read, whoever does it: three quarters of a minute
        Row("together", f"{PROCESSES} processes read the same {mib // 4} MiB", ["sh", "-c", together], need=quarter,
            reaches=[copies(sizes.quarter_bytes)]),
    ]
