# SPDX-License-Identifier: Apache-2.0
"""Where and when a run was made, and what else the machine did: without it no time means anything."""
import datetime
import os
import platform
import re
import subprocess
import tempfile
import time

MIB_OF_ZEROS = bytes(1 << 20)
QUIET_PERCENT = 10  # of all processors, by others, before a run: more is not quiet


def ticks():
    """(busy, all) of all processors since the machine started."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def busy_percent(seconds):
    """Of all processors' time, in a sample while this does nothing."""
    busy, total = ticks()
    time.sleep(seconds)
    busy_then, total_then = ticks()
    return round(100 * (busy_then - busy) / max(total_then - total, 1), 1)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for text in info:
            if text.startswith("model name"):
                return text.split(":", 1)[1].strip()
    return platform.machine()


def memory_mib():
    with open("/proc/meminfo", encoding="ascii") as info:
        return int(info.readline().split()[1]) // 1024


def free_bytes():
    with open("/proc/meminfo", encoding="ascii") as info:
        return 1024 * next(int(text.split()[1]) for text in info if text.startswith("MemFree:"))


def touched(folder, size):
    """Free memory is the machine's own again, as far as it reaches. A virtual machine may have given it back to its host (free page
    reporting of virtio-balloon): the first use of a GiB then cost 1.6 to 2.5 s of a processor instead of 0.2, and whichever
    way came first paid it. A file, since only large blocks are given back, and small pages are taken from others."""
    size = min(size, free_bytes() // 2)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(size >> 20):
            file.write(MIB_OF_ZEROS)


def limit_mib():
    """What the daemon's memory is measured against: min(1 GiB, a quarter of what the machine or cgroup has)."""
    most = memory_mib()
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:
            text = limit.read().strip()
        most = min(most, int(text) >> 20) if text != "max" else most
    except OSError:
        pass
    return min(1024, most // 4)


def version(*argv):
    try:
        told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20).stdout
    except OSError:
        return None
    return told.splitlines()[0].strip() if told else None


def number(*argv):
    """The first thing like a version in what it says."""
    found = re.search(r"\d+\.\d+(\.\d+)*", version(*argv) or "")
    return found.group() if found else None


def described(top, sample_seconds):
    commit = version("git", "-C", top, "describe", "--always", "--dirty", "--exclude=*")
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "commit": commit,
            "processor": processor(), "processors": os.cpu_count(), "memory_mib": memory_mib(),
            "kernel": platform.release().split("-")[0], "busy_percent_before": busy_percent(sample_seconds),
            "programs": {name: number(name, "--version") for name in ("curl", "s3fs", "rclone")}}
