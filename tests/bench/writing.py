# SPDX-License-Identifier: Apache-2.0
"""The figures of tests/bench/run about writing: time, requests by verb, bytes sent, the daemon's peak.

Times are of ours and the same natively in turn, and end when the data is in the bucket or, natively, handed to
the kernel (with fsync where it says so). Requests are those of the run that needed most.
"""
import hashlib
import os
import shutil
import statistics
import subprocess
import time

FILES = 1000
FILE_BYTES = 4096
MIB = 1 << 20
BIG_MIB = 1024
FLOOD_MIB = int(os.environ.get("FLOOD_MIB", "8192"))  # 51200 for the 50 GiB of docs/writing.md
MOVED = 10000
SETTLE_S = 6  # ext4 steps over inodes deleted in the last five seconds, such as those of the cache before
AWS = "/usr/bin/aws"


class Row:
    """One figure. limit in seconds; ours and native return seconds; before each of ours, the counters begin anew."""

    def __init__(self, bench, name, limit=None):
        self.bench, self.name, self.limit = bench, name, limit
        self.mine, self.native, self.peers = [], [], []
        self.worst = None
        self.peak_mib = 0
        self.cpu = []

    def run(self, ours, native=None, native_name="", peer=None, pairs=None):
        for turn in range(pairs or self.bench.pairs):
            if native:
                self.native.append(native(turn))
            self.bench.cold()
            time.sleep(SETTLE_S)
            self.bench.ours("true")  # the daemon's start is another figure
            began = self.bench.daemon_cpu()
            self.bench.store.reset()
            self.mine.append(ours(turn))
            stats = self.bench.store.stats()
            self.cpu.append(self.bench.daemon_cpu() - began)
            self.peak_mib = max(self.peak_mib, self.bench.daemon("VmHWM"))
            if not self.worst or stats["requests"] > self.worst["requests"]:
                self.worst = stats
        if peer and os.path.exists(AWS):
            self.peers.append(peer())
        self.tell(native_name, peer is not None)

    def tell(self, native_name, has_peer):
        mine = statistics.median(self.mine)
        native = statistics.median(self.native) if self.native else None
        self.bench.tell(self.name, f"{mine:.3f} s", f"{native:.3f} s" if native else "",
                        f"{mine / native:.2f}" if native else "", native_name, f"≤ {self.limit}" if self.limit else "",
                        ours_seconds=self.mine, other_seconds=self.native, wanted=self.limit, stats=self.worst,
                        peak_mib=self.peak_mib, daemon_cpu_seconds=self.cpu, peer_seconds=self.peers)
        verbs = ", ".join(f"{verb} {n}" for verb, n in sorted(self.worst["verbs"].items()) if n)
        print(f"    requests: {verbs}; {self.worst['bytes_in'] / MIB:.1f} MiB sent; the daemon: "
              f"peak {self.peak_mib:.0f} MiB, {statistics.median(self.cpu):.2f} s of processor time", flush=True)
        if self.peers:
            print(f"    aws s3: {self.peers[0]:.3f} s", flush=True)
        elif has_peer:
            print("    no peer is installed", flush=True)


def aws(bench, *argv):
    return bench.seconds([AWS, "--endpoint-url", bench.store.endpoint, "s3", *argv, "--only-show-errors"])


def check(bench, key, path):
    """What is in the bucket is what was written: a fast answer that is wrong is no figure."""
    told = bench.store.admin("GET", "sha256", f"bucket=bench&key={key}").decode()
    with open(path, "rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    if digest not in told:
        raise RuntimeError(f"{key} is not what was written: {told}, not {digest}")


def many_files(bench):
    source = os.path.join(bench.folder, "source")
    os.makedirs(source)
    for i in range(FILES):
        with open(f"{source}/{i:05}", "wb") as out:
            out.write(os.urandom(FILE_BYTES))
    return source


def copied_natively(bench, source):
    def copy(turn):
        return bench.seconds(["cp", "-r", source, f"{source}.copy{turn}"])
    return copy


def writing_small(bench):
    source = many_files(bench)
    for durability, limit in ("exit", 1.5), ("close", 25):
        def ours(turn, mode=durability):
            bench.env["SKYSHIM_DURABILITY"] = mode
            try:
                return bench.ours("cp", "-r", source, f"/cloud/s3/bench/{mode}{turn}")
            finally:
                del bench.env["SKYSHIM_DURABILITY"]

        row = Row(bench, f"cp -r {FILES} × 4 KiB, {durability}", limit)
        row.run(ours, copied_natively(bench, source), "cp to the local disk",
                (lambda: aws(bench, "cp", "--recursive", source, "s3://bench/aws")) if durability == "exit" else None)
        check(bench, f"{durability}0/{FILES - 1:05}", f"{source}/{FILES - 1:05}")
        puts, all_of_them = row.worst["verbs"]["PutObject"], row.worst["requests"]
        bench.tell("  requests of that", f"{puts} PUT", f"{all_of_them - puts} others", "", "one for each file and one for "
                   "the directory", "≤ 5")
        for turn in range(bench.pairs):
            shutil.rmtree(f"{source}.copy{turn}")


def writing_big(bench):
    source = os.path.join(bench.folder, "big")
    argv = ["dd", f"if={source}", "bs=1M", "status=none"]
    with open(source, "wb") as out:
        for _ in range(BIG_MIB):
            out.write(os.urandom(MIB))
        os.fsync(out.fileno())  # or the disk is busy with it later

    def native(_):
        return bench.seconds([*argv, f"of={source}.copy", "conv=fsync"])

    Row(bench, f"dd of {BIG_MIB} MiB", 4).run(
        lambda _: bench.ours(*argv, "of=/cloud/s3/bench/written"), native, "dd conv=fsync to the local disk",
        lambda: aws(bench, "cp", source, "s3://bench/aws-big"))
    check(bench, "written", source)
    for key in "written", "aws-big":
        bench.store.delete("bench", key)
    os.remove(source)
    os.remove(f"{source}.copy")


def writing_middle(bench):
    source = os.path.join(bench.folder, "middle")
    local = os.path.join(bench.folder, "whole")
    argv = ["dd", f"if={source}", "bs=1M", f"seek={BIG_MIB // 2}", "conv=notrunc,fsync", "status=none"]
    with open(source, "wb") as out:
        out.write(os.urandom(MIB))
    with open(local, "wb") as out:
        out.truncate(BIG_MIB * MIB)
    row = Row(bench, f"1 MiB changed within {BIG_MIB} MiB")
    row.run(lambda _: bench.ours(*argv, "of=/cloud/s3/bench/big"), lambda _: bench.seconds([*argv, f"of={local}"]),
            "dd conv=fsync to the local disk")
    bench.tell("  bytes sent for that", f"{row.worst['bytes_in'] / MIB:.1f} MiB", f"{BIG_MIB} MiB",
               f"{row.worst['bytes_in'] / MIB / BIG_MIB:.2f}", "the whole object, as aws s3 cp sends it", "≤ 32")
    os.remove(local)


def writing_move(bench):
    def ours(turn):
        return bench.ours("mv", f"/cloud/s3/bench/moved{turn}", f"/cloud/s3/bench/moved{turn + 1}")

    bench.store.admin("POST", "generate", f"bucket=bench&prefix=moved0/&count={MOVED}&size=4096")
    bench.store.admin("POST", "generate", f"bucket=bench&prefix=aws-moved/&count={MOVED}&size=4096")
    Row(bench, f"mv of a directory of {MOVED}", 10).run(
        ours, peer=lambda: aws(bench, "mv", "--recursive", "s3://bench/aws-moved", "s3://bench/aws-moved.to"),
        pairs=min(bench.pairs, 3))


def writing_memory(bench):
    """The daemon's peak must not depend on how much is written: an eighth, then the whole."""
    argv = ["dd", "if=/dev/zero", "bs=1M", "status=none", "of=/cloud/s3/bench/flood"]
    bench.store.admin("POST", "config", "discard=1")
    for mib in FLOOD_MIB // 8, FLOOD_MIB:
        Row(bench, f"dd of {mib} MiB, discarded").run(lambda _, n=mib: bench.ours(*argv, f"count={n}"), pairs=1)
        bench.store.delete("bench", "flood")
    bench.store.admin("POST", "config", "discard=0")


FIGURES = [writing_small, writing_big, writing_middle, writing_move, writing_memory]
