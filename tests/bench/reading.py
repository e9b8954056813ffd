# SPDX-License-Identifier: Apache-2.0
"""The figures of tests/bench/run about reading: time beside another client's in turn, requests by verb, bytes received, and what
the daemon has computed. Requests and bytes are those of the run that needed most.
"""
import os
import shutil
import statistics
import time

import store as stores

MIB = 1 << 20
BIG_BYTES = 1 << 30
PART_BYTES = 8 << 20
CONNECTIONS = 16
ENTRIES = 10000
SMALL_FILES = 1000
RANDOM_READS = 2000

RANDOM = """
import os, random, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
reads, readers = int(sys.argv[2]), int(sys.argv[3])
dice = random.Random(5)
offsets = [4096 * dice.randrange(1 << 18) for _ in range(reads)]
def read(k):
    for offset in offsets[k::readers]:
        assert len(os.pread(fd, 4096, offset)) == 4096
threads = [threading.Thread(target=read, args=(k,)) for k in range(readers)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def curl_ranges(bench):
    """A curl command that fetches the big object in parallel ranges."""
    path = os.path.join(bench.folder, "ranges")
    with open(path, "w", encoding="ascii") as out:
        for start in range(0, BIG_BYTES, PART_BYTES):
            out.write("" if start == 0 else "next\n")
            out.write(f'url = "{bench.store.endpoint}/bench/big"\nrange = "{start}-{start + PART_BYTES - 1}"\n'
                      f'output = "/dev/null"\nsilent\nfail\nheader = "x-amz-content-sha256: UNSIGNED-PAYLOAD"\n'
                      f'aws-sigv4 = "aws:amz:us-east-1:s3"\nuser = "{bench.store.access_key}:{bench.store.secret_key}"\n')
    return ["curl", "--no-progress-meter", "--parallel", "--parallel-max", str(CONNECTIONS), "-K", path]


def row(bench, name, ours, other=None, other_name="", limit=None, seconds=None, pairs=None, warm=False):
    """ours and other return seconds. limit: of the ratio; seconds: of ours. Each of ours starts with an empty cache and
    a daemon that runs, unless it is to be warm."""
    mine, theirs, cpu, worst = [], [], [], None
    for _ in range(pairs or bench.pairs):
        if other:
            theirs.append(other())
        if not warm:
            bench.cold()
            bench.ours("true")  # the daemon's start is another figure
        began = bench.daemon_cpu()
        bench.store.reset()
        mine.append(ours())
        cpu.append(bench.daemon_cpu() - began)
        stats = bench.store.stats()
        if not worst or stats["requests"] > worst["requests"]:
            worst = stats
    a, b = statistics.median(mine), statistics.median(theirs) if theirs else None
    bench.tell(name, f"{a:.3f} s", f"{b:.3f} s" if b else "", f"{a / b:.2f}" if b else "", other_name,
               f"≤ {limit}" if limit else f"≤ {seconds} s" if seconds else "", ours_seconds=mine, other_seconds=theirs,
               wanted=limit or seconds, stats=worst, daemon_cpu_seconds=cpu)
    verbs = ", ".join(f"{verb} {n}" for verb, n in sorted(worst["verbs"].items()) if n) or "none"
    print(f"    requests: {verbs}; {worst['bytes_out'] / MIB:.1f} MiB received; the daemon: {statistics.median(cpu):.2f} s of a processor")


def sequential(bench):
    curl = curl_ranges(bench)
    row(bench, "read 1 GiB, cold", lambda: bench.ours("cat", "/cloud/s3/bench/big"), lambda: bench.seconds(curl),
        f"curl, {CONNECTIONS} ranges at once", 1.1)
    bench.memory()


def uncapped(bench):
    curl = curl_ranges(bench)
    with bench.paced(0, 0):
        row(bench, "... without latency or cap", lambda: bench.ours("cat", "/cloud/s3/bench/big"), lambda: bench.seconds(curl),
            f"curl, {CONNECTIONS} ranges at once", 1.3)


def warm(bench):
    local = os.path.join(bench.folder, "big")
    bench.cold()
    bench.ours("cp", "/cloud/s3/bench/big", local)
    bench.ours("cat", "/cloud/s3/bench/big")
    row(bench, "read 1 GiB, warm", lambda: bench.ours("cat", "/cloud/s3/bench/big"), lambda: bench.seconds(["cat", local]),
        "cat of a local file", 1.1, warm=True)
    os.remove(local)


def random_reads(bench):
    for readers in (32, 1):
        row(bench, f"{RANDOM_READS} × 4 KiB at random, {readers} at once",
            lambda readers=readers: bench.ours("python3", "-c", RANDOM, "/cloud/s3/bench/big", str(RANDOM_READS), str(readers)),
            seconds=3 if readers > 1 else None, pairs=None if readers > 1 else 1)


def eight_processes(bench):
    bench.store.admin("POST", "generate", f"bucket=bench&key=quarter&size={BIG_BYTES // 4}")
    row(bench, "8 processes read the same 256 MiB",
        lambda: bench.ours("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do cat /cloud/s3/bench/quarter & done; wait"))


def copying(bench):
    bench.store.admin("POST", "generate", f"bucket=bench&prefix=tiny/&count={SMALL_FILES}&size=4096")
    target = os.path.join(bench.folder, "copy")

    def copy():
        shutil.rmtree(target, ignore_errors=True)
        return bench.ours("cp", "-r", "/cloud/s3/bench/tiny", target)
    row(bench, f"cp -r {SMALL_FILES} × 4 KiB, cold", copy, seconds=1.0)
    shutil.rmtree(target)


def small_files(bench):
    local = os.path.join(bench.folder, "small")
    bench.cold()
    bench.ours("cp", "-r", "/cloud/s3/bench/small", local)

    def grep():
        return bench.ours("grep", "-rc", "zz", "/cloud/s3/bench/small")

    def grep_local():
        return bench.seconds(["grep", "-rc", "zz", local])
    row(bench, f"grep -r {SMALL_FILES} × 16 KiB, cold", grep, grep_local, "grep of local files", seconds=1.0)
    row(bench, f"grep -r {SMALL_FILES} × 16 KiB, warm", grep, grep_local, "grep of local files", seconds=0.1, warm=True)


def pages(bench):
    """How long the bare listing takes, page by page."""
    token = ""
    began = time.monotonic()
    while True:
        query = "list-type=2&prefix=many%2F"
        query = (f"continuation-token={stores.quote(token)}&" if token else "") + query
        page = bench.store.expect("GET", "/bench", query=query).decode()
        if "<NextContinuationToken>" not in page:
            return time.monotonic() - began
        token = page.split("<NextContinuationToken>")[1].split("<")[0]


def listing(bench):
    row(bench, f"ls -l of {ENTRIES}, cold", lambda: bench.ours("ls", "-l", "/cloud/s3/bench/many"), lambda: pages(bench),
        "the bare ListObjectsV2 pages", seconds=0.4)


def finding(bench):
    bench.store.admin("POST", "generate", f"bucket=bench&prefix=tree/&count={ENTRIES}&size=100&fanout=100")
    row(bench, f"find {ENTRIES} in 100 folders", lambda: bench.ours("find", "/cloud/s3/bench/tree", "-type", "f"), seconds=0.5)


FIGURES = [sequential, uncapped, warm, random_reads, eight_processes, copying, small_files, listing, finding]
