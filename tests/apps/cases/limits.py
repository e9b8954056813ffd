# SPDX-License-Identifier: Apache-2.0
"""Limits of the configuration. Only that something takes long enough is looked at: slow machines only make it longer."""
import os
import time

from case import Case, want
from cases.budget import Counted, requests

RATE = 20
MEGABYTES = 8
BANDWIDTH = 4      # MB/s
UNPACED_S = 0.25 + 2 * 0.5 / BANDWIDTH  # what the limit keeps at most, and libcurl's buffer, in which it cannot pace, of two connections

# 400 names that are not there, each in another directory, four at a time, until there is a file "read".
ASK = """
import os, threading
def ask(k):
    for number in range(k, 400, 4):
        assert not os.path.exists(f"{os.environ['D']}/small/{number}/none")
        open("asks", "w").close()
        if os.path.exists("read"):
            break
threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def configure(context, text):
    home = os.path.join(context.folder, "home", ".config", "skyshim")
    os.makedirs(home, exist_ok=True)
    with open(os.path.join(home, "config"), "w", encoding="ascii") as out:
        out.write(text)


def took(counted, command):
    began = time.monotonic()
    result = counted.run(command)
    return time.monotonic() - began, result


def bandwidth(context):
    """In and out, each at most what is configured, for all programs together; another bucket is as fast as it is."""
    with Counted(context) as counted:
        configure(context, f"[s3://]\nbandwidth = 100M\n[s3://budget]\nbandwidth = {BANDWIDTH}M\n")
        counted.store.put("budget", "large", os.urandom(MEGABYTES << 20))
        least = MEGABYTES / BANDWIDTH - UNPACED_S - 0.1
        seconds, result = took(counted, "for i in 1 2; do tail -c +$((i * 4194304 - 4194303)) $D/large | head -c 4194304 | cksum & done; "
                               "wait; cksum $D/large | cut -d' ' -f2")
        want(result.stdout.endswith(b"%d\n" % (MEGABYTES << 20)) and seconds >= least, f"{seconds} s for {MEGABYTES} MiB, {result}")
        seconds, result = took(counted, f"for i in 1 2; do head -c 4194304 /dev/urandom >$D/new$i & done; wait")
        want(seconds >= least, f"{seconds} s to write {MEGABYTES} MiB")


def request_rate(context):
    """At most so many requests a second, and not fewer requests for it."""
    with Counted(context) as counted:
        configure(context, f"[s3://budget]\nrequest_rate = {RATE}\n")
        for number in range(50):
            counted.store.put("budget", f"f{number}", b"x")
        counted.store.reset()
        seconds, result = took(counted, "for i in $(seq 0 49); do cat $D/f$i & done; wait")
        made = sum(requests(counted.store.stats()).values())
        want(result.stdout == b"x" * 50 and made >= 50, f"{result} {made}")
        want(seconds >= (made - RATE * 0.25 - 1) / RATE - 0.1, f"{made} requests in {seconds} s")


def fair(context):
    """While one program reads a lot through a narrow line, another lists a directory and reads a small file: those requests
    go before what the greedy one has waiting, so it is not through by then."""
    with Counted(context) as counted:
        configure(context, "[s3://budget]\nbandwidth = 8M\n")
        counted.store.put("budget", "large", os.urandom(48 << 20))
        counted.store.put("budget", "dir/small", b"small\n")
        result = counted.run("cat $D/large >out & while ! test -s out; do sleep 0.02; done; ls $D/dir/; cat $D/dir/small; "
                             "kill -0 $! && echo reads; wait; wc -c <out")
        want(result.stdout == b"small\nsmall\nreads\n50331648\n", result)


def turns(context):
    """The other way round: many who want little, one after the other without end, do not keep a reader of a large file waiting until
    they are through."""
    with Counted(context) as counted:
        configure(context, "[s3://budget]\nrequest_rate = 40\n")
        counted.store.put("budget", "large", os.urandom(4 << 20))
        counted.store.put("budget", "small/one", b"x")
        with open(os.path.join(context.folder, "home", "ask"), "w", encoding="ascii") as out:
            out.write(ASK)
        result = counted.run("python3 $HOME/ask & while ! test -e asks; do sleep 0.02; done; cksum $D/large | cut -d' ' -f2; "
                             "kill -0 $! && echo asks; touch read; wait")
        want(result.stdout == b"4194304\nasks\n", result)


def greedy(context):
    """Without any limit: who reads 1 GiB, which takes the store more than six seconds, does not keep another waiting until it is through."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=large/&count=1&size={1 << 30}")
        counted.store.put("budget", "dir/small", b"small\n")
        counted.store.admin("POST", "config", "latency_ms=20&bandwidth_kbs=10000")
        result = counted.run("cat $D/large/* >/dev/null & sleep 0.5; ls $D/dir/; cat $D/dir/small; kill $! && echo reads")
        want(result.stdout == b"small\nsmall\nreads\n", result)


def wrong(context):
    for line, remedy in (("bandwidth = 1K", "write bytes a second like 100M; at least 64K"),
                         ("bandwidth = fast", "write bytes a second like 100M; at least 64K"),
                         ("request_rate = 0", "write requests a second like 500; at least 0.1")):
        configure(context, f"[s3://]\n{line}\n")
        result = context.run([context.skyshim, "run", "true"])
        want(result.status == 126 and f"config:2: {line}: {remedy}".encode() in result.stderr, result)


CASES = [
    Case("limits/bandwidth", check=bandwidth),
    Case("limits/request-rate", check=request_rate),
    Case("limits/fair", check=fair),
    Case("limits/turns", check=turns),
    Case("limits/greedy", check=greedy),
    Case("limits/wrong", check=wrong, needs_store=False),
]
