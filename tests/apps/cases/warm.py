# SPDX-License-Identifier: Apache-2.0
"""What was asked and read before is answered without the daemon, without the kernel, and never wrongly."""
import array
import os
import re
import subprocess
import time

from case import Case, want
from cases.budget import Counted

LONG = {"SKYSHIM_META_TTL_MS": "60000"}


def words(size):
    """Each 8-byte word is its own number."""
    return array.array("Q", range(size // 8)).tobytes()


def traced(context, program, **env):
    """Runs a string under strace. Returns (its result, how often each system call was made)."""
    log = os.path.join(context.work, "trace")
    context.run_cloud(["true"], env=env)  # or strace would follow the daemon as well, and wait for it
    result = context.run(["strace", "-f", "-o", log, context.skyshim, "run", "sh", "-c", program],
                         env={"D": context.cloud, **env}, timeout=100)
    counts = {}
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name = re.match(r"\d+ +(\w+)\(", line)
            if name:
                counts[name.group(1)] = counts.get(name.group(1), 0) + 1
    return result, counts


def stat_needs_nobody(context):
    """A thousand questions about a file, a folder, a missing name and the root: a few connections."""
    ask = "$P/warm-glibc stat 1000 $D/text/file00.txt $D/text $D/none /cloud /cloud/s3 /cloud/"
    result, calls = traced(context, ask, **LONG)
    native = context.run_local("stat -c 'file00.txt %s %f' $D/text/file00.txt")
    want(result.status == 0 and result.stdout.startswith(native.stdout.rsplit(b" ", 1)[0]), str(result))
    want(b"\nnone -2 0 0\n" in result.stdout, f"a missing name: {result.stdout!r}")
    made = {name: calls.get(name, 0) for name in ("connect", "sendmsg", "newfstatat", "clock_gettime")}
    want(sum(made.values()) < 100, f"6,000 questions made {made}")


def next_process_needs_nobody(context):
    """What one process asked, the next one knows."""
    command = "$P/warm-glibc stat 2 $D/text/file00.txt"
    context.run_cloud(command, env=LONG)
    result, calls = traced(context, f"exec {command}", **LONG)
    want(result.status == 0, str(result))
    want(calls.get("connect", 0) <= 3, f"{calls.get('connect')} connections: {result}")


def pread_needs_nobody(context, path):
    result, calls = traced(context, f"exec $P/warm-glibc pread 5000 {path}", **LONG)
    want(result.status == 0 and result.stdout == b"ok\n", str(result))
    want(calls.get("pread64", 0) < 100, f"5,000 reads made {calls.get('pread64')} of the kernel")


def small_files_are_read_by_the_kernel(context):
    """Of a file of one block that is there as a whole nothing has to be asked or claimed: a read is one call."""
    command = "dd bs=1 status=none if=$D/text/file00.txt"
    native = context.run_local(command)
    context.run_cloud(command, env=LONG)
    result, calls = traced(context, f"exec {command}", **LONG)
    want(result.status == 0 and result.stdout == native.stdout and len(result.stdout) > 100, str(result))
    want(calls.get("read", 0) > len(result.stdout), f"{len(result.stdout)} bytes were read by {calls}")
    want(calls.get("pread64", 0) + calls.get("lseek", 0) < 100, f"{len(result.stdout)} bytes were read by {calls}")


def with_words(size, check):
    """An object of the case's own: cases run side by side on one bucket."""
    def run(context):
        name = "words-" + check.__name__
        context.store.put(context.bucket, name, words(size))
        try:
            check(context, "$D/" + name)
        finally:
            context.store.delete(context.bucket, name)
    return run


def reads_right(context, path):
    """Over more than one window, and at the edges."""
    for program in ("pread 20000", "edges"):
        result = context.run_cloud(f"exec $P/warm-glibc {program} {path}")
        want(result.status == 0 and result.stdout == b"ok\n", f"{program}: {result}")


def reads_right_while_evicted(context, path):
    """The cache is smaller than the file: blocks go while they are read."""
    small = {"SKYSHIM_CACHE_SIZE": "16M"}
    script = f"for i in 1 2; do $P/warm-glibc behind {path} & done; wait"
    result = context.run_cloud(script, env=small, timeout=100)
    want(result.stdout == b"ok\n" * 2, str(result))
    stats = context.run([context.skyshim, "stats", "--json"], env=small).stdout
    want(int(re.search(rb'"cache_bytes_evicted": (\d+)', stats).group(1)) > 0, "nothing was evicted")


def not_beyond_its_time(context):
    """A change at the store is seen when the metadata's time is over, by a process that knew the old state."""
    with Counted(context) as counted:
        counted.store.put("budget", "key", b"old")
        result = pause(context, lambda: (counted.store.put("budget", "key", b"newer"), time.sleep(1.1)),
                       f"{counted.folder}/key", counted.store.environment())
        want(result == b"3 5\n", f"sizes seen: {result!r}")


def pause(context, between, path, env, **options):
    """The sizes that one process saw before and after between()."""
    mark = os.path.join(context.work, "mark")
    process = subprocess.Popen([context.skyshim, "run", f"{context.world.programs}/warm-glibc", "pause", mark, path],
                               env=context.environment({**env, **options}), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not os.path.exists(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        between()
    finally:
        if os.path.exists(mark):
            os.remove(mark)
        out, err = process.communicate(timeout=50)
    want(process.returncode == 0, f"status {process.returncode}: {err!r}")
    return out


def daemon_comes_back(context):
    """Killed and started anew, the daemon goes on in the same table, which running programs have."""
    path = f"{context.cloud}/text/file00.txt"
    size = os.path.getsize(f"{context.world.local}/text/file00.txt")

    def kill():
        for pid in context.daemons():
            os.kill(pid, 9)
        context.run_cloud(["true"])
        context.run_cloud(["stat", "{D}/text/file00.txt"])

    table = os.path.join(context.folder, "cache", "attrs")
    context.run_cloud(["true"])
    before = os.stat(table).st_ino
    want(pause(context, kill, path, {}) == f"{size} {size}\n".encode(), "wrong sizes")
    want(os.stat(table).st_ino == before, "the table was replaced")


def spoil(kind):
    """Ways to spoil the table at path."""
    def do(path):
        if kind == "cut":
            os.truncate(path, 0)
            return
        size = os.path.getsize(path)
        os.remove(path)
        if kind == "folder":
            os.mkdir(path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "link":
            os.symlink("/dev/zero", path)
        elif kind != "gone":
            data = {"short": b"x" * 100, "zeroes": bytes(size), "noise": os.urandom(size)}[kind]
            with open(path, "wb") as out:
                out.write(data)
    return do


def spoiled(kind):
    """A table that is none is not believed, before it is mapped or afterwards."""
    def check(context):
        table = os.path.join(context.folder, "cache", "attrs")
        path = f"{context.cloud}/text/file00.txt"
        size = os.path.getsize(f"{context.world.local}/text/file00.txt")
        context.run_cloud(["true"])
        # while a program has it mapped, and its daemon
        want(pause(context, lambda: spoil(kind)(table), path, {}) == f"{size} {size}\n".encode(), "wrong sizes")
        # for a program that comes later
        result = context.run_cloud("$P/warm-glibc stat 3 $D/text/file00.txt")
        want(result.status == 0 and result.stdout.startswith(f"file00.txt {size} ".encode()), str(result))
        # for a daemon that comes later
        context.run([context.skyshim, "stop"])
        result = context.run_cloud("$P/warm-glibc stat 3 $D/text/file00.txt")
        want(result.status == 0 and result.stdout.startswith(f"file00.txt {size} ".encode()), str(result))
        want(kind == "folder" or (os.path.isfile(table) and os.path.getsize(table) > 100), "there is no table again")
    return check


def other_credentials(context):
    """What one set of credentials was told, another is not."""
    path = "{D}/text/file00.txt"
    first = context.run_cloud(["stat", path], env=LONG)
    want(first.status == 0, str(first))
    second = context.run_cloud(["stat", path], env={**LONG, "AWS_SECRET_ACCESS_KEY": "wrong"})
    want(second.status == 1 and b"Permission denied" in second.stderr, str(second))


def owner(context):
    result = context.run_cloud("exec $P/warm-glibc ids $D/text/file00.txt", env=LONG)
    want(result.status == 0 and result.stdout == b"ok\n", str(result))


MIB = 1 << 20
CASES = [
    Case("warm/stat-needs-nobody", check=stat_needs_nobody, timeout=100),
    Case("warm/next-process-needs-nobody", check=next_process_needs_nobody),
    Case("warm/small-files-are-read-by-the-kernel", check=small_files_are_read_by_the_kernel),
    Case("warm/pread-needs-nobody", check=with_words(2 * MIB, pread_needs_nobody), timeout=100),
    Case("warm/reads-right", check=with_words(80 * MIB + 1000, reads_right), timeout=100),
    Case("warm/reads-right-while-evicted", check=with_words(60 * MIB, reads_right_while_evicted), timeout=120),
    Case("warm/not-beyond-its-time", check=not_beyond_its_time),
    Case("warm/daemon-comes-back", check=daemon_comes_back),
    Case("warm/other-credentials", check=other_credentials),
    Case("warm/owner", check=owner),
    *(Case(f"warm/spoiled-{kind}", check=spoiled(kind))
      for kind in ("gone", "short", "zeroes", "noise", "cut", "folder", "fifo", "link")),
]
for case in CASES:
    case.embedded_only = True
