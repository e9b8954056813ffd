# SPDX-License-Identifier: Apache-2.0
"""Reading ahead within a file: how many requests, how many bytes, and what programs may say about it. Nothing here
depends on how fast anything is: what has to be ahead is waited for, what must not be fetched is counted at the end."""
import hashlib
import json
import subprocess
import time

from case import Case, want
from cases.budget import Counted, requests
from store import quote

MIB = 1 << 20
BLOCK = 65536
OPENED = MIB  # what an open fetches
SETTLE_SECONDS = 60

# Reads ranges of file argv[1], "OFFSET+LENGTH" each, "s" for a rest until the daemon has nothing to do any more, and words for
# posix_fadvise: "random", "sequential", "willneed:OFFSET+LENGTH", "dontneed:..."; "ahead:..." for readahead(2).
READ = """
import ctypes, hashlib, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
libc.readahead.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_size_t]
digest = hashlib.md5()
for word in sys.argv[2:]:
    word, _, where = word.rpartition(":")
    if where in ("random", "sequential"):
        os.posix_fadvise(fd, 0, 0, getattr(os, "POSIX_FADV_" + where.upper()))
        continue
    if where == "s":
        print(digest.hexdigest(), flush=True)
        sys.stdin.readline()
        continue
    offset, length = map(int, where.split("+"))
    if word == "ahead":
        assert libc.readahead(fd, offset, length) == 0
    elif word:
        os.posix_fadvise(fd, offset, length, getattr(os, "POSIX_FADV_" + word.upper()))
    else:
        digest.update(os.pread(fd, length, offset))
print(digest.hexdigest())
"""


class Big(Counted):
    """A store with one large file."""

    def __init__(self, context, mib, **settings):
        super().__init__(context)
        self.size = mib * MIB
        self.store.admin("POST", "generate", f"bucket=budget&key=big&size={self.size}")
        self.env = self.store.environment()
        context.run_cloud(["true"], env=self.env)
        if settings:
            self.store.admin("POST", "config", "&".join(f"{k}={v}" for k, v in settings.items()))
        self.store.reset()

    def content(self):
        data = self.store.get("budget", "big")
        want(len(data) == self.size, f"{len(data)} bytes of {self.size}")
        return data

    def python(self, program, *argv):
        result = self.context.run([self.context.skyshim, "run", "python3", "-c", program, f"{self.folder}/big", *map(str, argv)],
                                  env=self.env, timeout=100)
        want(result.status == 0, str(result))
        return result.stdout.decode().split()

    def started(self, *argv):
        """READ at work, to be gone on with after each rest."""
        return subprocess.Popen([self.context.skyshim, "run", "python3", "-c", READ, f"{self.folder}/big", *argv],
                                env=self.context.environment(self.env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stats(self):
        told = self.context.run([self.context.skyshim, "stats", "--json"], env=self.env)
        return json.loads(told.stdout)

    def settled(self):
        """GETs and bytes, once nothing is on its way any more."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.stats()["cache_fills"]:
            want(time.monotonic() < deadline, f"it never ends: {self.stats()}")
            time.sleep(0.02)
        told = self.store.stats()
        want(set(requests(told)) == {"GetObject"}, f"{requests(told)}")
        return told["verbs"]["GetObject"], told["bytes_out"]

    def ensures(self):
        return self.stats()["runtime_requests"]["ensure"]


def once(command, mib=64, ensures=None):
    """All of the file is read, however: each byte is fetched once."""
    def check(context):
        with Big(context, mib) as big:
            if command.lstrip().startswith("import"):
                told = big.python(command)
            else:
                told = big.run(command).stdout.decode().split()
            gets, sent = big.settled()
            want(sent == big.size, f"{sent} bytes of {big.size}, {gets} GETs")
            want(gets <= 3 * mib, f"{gets} GETs")
            if ensures:
                want(big.ensures() <= ensures, f"{big.ensures()} questions to the daemon")
            ahead = big.stats()["ahead"]["within"]
            want(ahead["bytes_wasted"] == 0 and ahead["bytes_fetched"] >= big.size // 2, f"{ahead}")
            sums = {hashlib.md5(big.content()).hexdigest()}
            want(set(word for word in told if len(word) == 32) <= sums and told, f"{told}, not {sums}")
    return check


EIGHT_PROCESSES = "for i in 1 2 3 4 5 6 7 8; do md5sum < $D/big & done; wait"
EIGHT_OFFSETS = """
import hashlib, os, sys, threading
path = sys.argv[1]
size = os.fstat(os.open(path, 0)).st_size
parts = [None] * 8
def read(k):
    with open(path, "rb", buffering=0) as file:
        file.seek(k * size // 8)
        data = bytearray()
        while len(data) < size // 8:
            data += file.read(min(131072, size // 8 - len(data)))
        parts[k] = bytes(data)
threads = [threading.Thread(target=read, args=(k,)) for k in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(hashlib.md5(b"".join(parts)).hexdigest())
"""
BACKWARD = """
import hashlib, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
size = os.fstat(fd).st_size
parts = [os.pread(fd, 65536, offset) for offset in range(size - 65536, -1, -65536)]
print(hashlib.md5(b"".join(reversed(parts))).hexdigest())
"""


def random_reads(context):
    """4 KiB here and there: a block each, and little else."""
    with Big(context, 1024) as big:
        program = ("import os, random, sys\nfd = os.open(sys.argv[1], os.O_RDONLY)\nr = random.Random(7)\n"
                   "for _ in range(500): os.pread(fd, 4096, 4096 * r.randrange(1 << 18))")
        big.python(program)
        gets, sent = big.settled()
        want(450 <= gets <= 520, f"{gets} GETs")
        want(sent <= 520 * BLOCK + OPENED + 4 * MIB, f"{sent} bytes")


def strided(context):
    """A column of a matrix: 4 KiB every 4 MiB. Five show the step, all others are there before they are asked for,
    or on their way; and nothing in between."""
    with Big(context, 1024) as big:
        big.python("import os, sys\nfd = os.open(sys.argv[1], os.O_RDONLY)\n"
                   "for i in range(256): os.pread(fd, 4096, i * 4194304 + 2097152)")
        gets, sent = big.settled()
        want(256 <= gets <= 258, f"{gets} GETs")
        want(sent <= 257 * BLOCK + OPENED + 3 * 2 * BLOCK, f"{sent} bytes")
        ahead = big.stats()["ahead"]["within"]
        want(ahead["bytes_fetched"] >= 240 * BLOCK, f"{ahead}")


def advised(words, gets, sent):
    """READ with these words; GETs and bytes that it takes, of a file of 256 MiB."""
    def check(context):
        with Big(context, 256) as big:
            process = big.started(*words)
            try:
                for line in range(words.count("s")):
                    want(len(process.stdout.readline()) == 33, "it does not go on")
                    told = big.settled()
                    want(told == (gets[line], sent[line]), f"rest {line}: {told}")
                    process.stdin.write("\n")
                    process.stdin.flush()
                want(process.wait(100) == 0, "it failed")
            finally:
                process.kill()
                process.wait()
    return check


def at(mib, length=4096):
    return f"{mib * MIB}+{length}"


def first_bytes(context):
    """Who wants 4 KiB does not wait for the megabyte: the GET is still on its way when he has got them."""
    with Big(context, 64, bandwidth_kbs=20) as big:
        result = big.run("head -c 4096 $D/big | wc -c")
        told = big.store.stats()
        want(result.stdout == b"4096\n", str(result))
        want(told["parallel"] == 1 and told["bytes_out"] == 0, f"{told}")


def demand_first(context):
    """Three large files are read as fast as it goes, on slow connections: another file, a listing, and the next byte of
    a fourth are fetched at once all the same, while dozens of GETs that nobody waits for are on their way."""
    with Big(context, 512, bandwidth_kbs=60) as big:
        for name in ("two", "three", "four"):
            big.store.admin("POST", "generate", f"bucket=budget&key={name}&size={512 * MIB}")
        big.store.put("budget", "dir/small", b"small\n")
        for name in ("big", "two", "three", "four"):
            told = big.run(f"python3 -c '{WILLNEED}' $D/{name}")
        deadline = time.monotonic() + SETTLE_SECONDS
        while big.store.stats()["parallel"] < 40:
            want(time.monotonic() < deadline, f"not many on their way: {big.store.stats()} {told}")
            time.sleep(0.05)
        began = big.store.stats()["verbs"]["GetObject"]
        result = big.run("cat $D/dir/small; ls $D/dir; python3 -c 'import os; os.pread(os.open(os.environ[\"D\"] + \"/four\", 0), 1, 500000000)'")
        told = big.store.stats()
        want(result.stdout == b"small\nsmall\n", str(result))
        want(told["parallel"] >= 40 and told["verbs"]["GetObject"] <= began + 6, f"{told}, before {began}")


def stragglers(context):
    """Three bodies come to a halt: each is asked for again where it stopped, long before a connection counts as dead,
    and every byte is right."""
    with Big(context, 32) as big:
        content = hashlib.md5(big.content()).hexdigest().encode()
        big.store.reset()
        big.store.admin("POST", "config", "fault=" + quote("stall,verb=GetObject,skip=4,count=3,ms=60000"))
        result = big.run("md5sum < $D/big")
        want(result.stdout.split()[0] == content, str(result))
        deadline = time.monotonic() + SETTLE_SECONDS
        while big.store.stats()["parallel"]:
            want(time.monotonic() < deadline, f"the store holds on to {big.store.stats()}")
            time.sleep(0.05)
        stalled = [entry for entry in json.loads(big.store.admin("GET", "log")) if entry["fault"] == "stall"]
        want(len(stalled) == 3 and all(entry["us"] < 12e6 for entry in stalled), f"{stalled}")
        want(big.stats()["store_retries"] == len(stalled), f"{big.stats()['store_retries']} retries of {len(stalled)}")


WILLNEED = "import os, sys; os.posix_fadvise(os.open(sys.argv[1], 0), 0, 0, os.POSIX_FADV_WILLNEED)"

# Reads file argv[1] here and there, by six threads at once.
SCATTERED = """
import os, random, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
size, told = os.fstat(fd).st_size, []
def work(seed):
    draw = random.Random(seed)
    for _ in range(1000):
        try:
            if len(os.pread(fd, 70000, draw.randrange(size - 70000))) != 70000:
                told.append("short")
        except OSError as error:
            told.append(str(error))
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(told), told[:1])
"""


def beyond_the_cache(context):
    """Threads that read a file which is larger than the cache: what one waits for is no reason that there is no room for the others."""
    with Big(context, 64, latency_ms=3) as big:
        context.run([context.skyshim, "stop"], env=big.env)
        result = context.run_cloud(["python3", "-c", SCATTERED, "/cloud/s3/budget/big"], env={**big.env, "SKYSHIM_CACHE_SIZE": "40M"})
        want((result.status, result.stdout) == (0, b"0 []\n"), result)


CASES = [
    Case("readahead/beyond-the-cache", check=beyond_the_cache, timeout=120),
    Case("readahead/sequential", check=once("md5sum < $D/big", ensures=1500)),
    Case("readahead/eight-processes", check=once(EIGHT_PROCESSES), timeout=120),
    Case("readahead/eight-offsets", check=once(EIGHT_OFFSETS), timeout=120),
    Case("readahead/backward", check=once(BACKWARD), timeout=120),
    Case("readahead/random", check=random_reads, timeout=120),
    Case("readahead/strided", check=strided, timeout=120),
    # a block each, and what follows is not fetched
    Case("readahead/fadvise-random", check=advised(
        ["random", *(f"{16 * MIB + i * BLOCK}+{BLOCK}" for i in range(20)), "s"], [21], [OPENED + 20 * BLOCK])),
    # the window is large from the start: 8 MiB and the block that was read
    Case("readahead/fadvise-sequential", check=advised(
        ["sequential", at(100, BLOCK), "s"], [10], [OPENED + BLOCK + 8 * MIB])),
    Case("readahead/fadvise-willneed", check=advised(
        ["willneed:" + at(100, 8 * MIB), "s", at(100, 8 * MIB), "s"], [9, 9], [OPENED + 8 * MIB] * 2)),
    Case("readahead/readahead", check=advised(
        ["ahead:" + at(200, 4 * MIB), "s", at(201, MIB), "s"], [5, 5], [OPENED + 4 * MIB] * 2)),
    Case("readahead/fadvise-dontneed", check=advised(
        ["dontneed:" + at(0, 256 * MIB), "s", at(50), "s"], [1, 2], [OPENED, OPENED + 2 * BLOCK])),
    Case("readahead/first-bytes", check=first_bytes),
    Case("readahead/stragglers", check=stragglers, timeout=120),
    Case("readahead/demand-first", check=demand_first, timeout=120),
]
for case in CASES:
    case.embedded_only = True
