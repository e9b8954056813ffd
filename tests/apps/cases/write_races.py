# SPDX-License-Identifier: Apache-2.0
"""What a program writes while another's question about the same name is under way.

A relay between the daemon and the store keeps the one waiting for the other, so that the order is always
the bad one.
"""
import threading
import urllib.parse

from case import Case, want
from relay import Relay

WAIT_SECONDS = 10
SETTLE_SECONDS = 0.3  # for the daemon to take in an answer; only makes the bad order surer


class Holder(Relay):
    """Of the GET and PUT of one key, holds `held` until `until` has happened."""

    def __init__(self, store, key, hold_answer):
        self.key = key.encode()
        self.hold_answer = hold_answer
        self.armed = False
        self.get_waits, self.put_applied, self.got = threading.Event(), threading.Event(), threading.Event()
        super().__init__(store)

    def request(self, data, link):
        first = urllib.parse.unquote_to_bytes(data.split(b"\r\n", 1)[0])
        if first.split(b" ")[0] in (b"GET", b"PUT", b"HEAD"):
            link.verb = first.split(b" ")[0] if self.armed and self.key in first else b""
        elif first.startswith(b"POST /upload/"):  # Google's has the name in its body; nothing else is written meanwhile
            link.verb = b"PUT" if self.armed else b""
        if getattr(link, "verb", b"") in (b"GET", b"HEAD") and not self.hold_answer:
            self.get_waits.set()
            self.put_applied.wait(WAIT_SECONDS)

    def answer(self, data, link):
        verb = getattr(link, "verb", b"")
        if verb in (b"GET", b"HEAD"):
            if self.hold_answer:
                self.get_waits.set()
                self.put_applied.wait(WAIT_SECONDS)
            threading.Timer(SETTLE_SECONDS, self.got.set).start()
        elif verb == b"PUT":
            self.put_applied.set()
            if not self.hold_answer:
                self.got.wait(WAIT_SECONDS)
        link.verb = b""


def race(name, hold_answer, script, expected):
    """script: Python; `asked()` returns once the question is under way, `open_late` opens in a thread."""
    head = ("import os, sys, threading, time\np = os.environ['D'] + '/" + name + "/f'\nfound = []\n"
            "def open_late(flags):\n    t = threading.Thread(target=lambda: found.append(os.open(p, flags)))\n    t.start()\n    return t\n"
            "def asked():\n    print('asked', flush=True)\n    sys.stdin.readline()\n")

    def check(context):
        bucket = context.bucket + context.world.CHANGING
        context.store.put(bucket, f"{name}/keep")
        if not hold_answer:
            context.store.put(bucket, f"{name}/f", b"-" * 100)
        relay = Holder(context.store, f"{name}/f", hold_answer)
        try:
            run_steps(context, relay, head + script)
        finally:
            relay.close()
        want(context.store.get(bucket, f"{name}/f") == expected, f"the bucket has {context.store.get(bucket, f'{name}/f')!r}")
    return check


def run_steps(context, relay, script):
    process = context.start([context.skyshim, "run", "python3", "-c", script],
                            env={"D": context.cloud + context.world.CHANGING, **context.store.environment(relay.netloc),
                                 "SKYSHIM_META_TTL_MS": "100"})
    try:
        for line in iter(process.stdout.readline, b""):
            if line == b"arm\n":
                relay.armed = True
            elif line == b"asked\n":
                want(relay.get_waits.wait(WAIT_SECONDS), "nothing was asked")
                want(not relay.put_applied.is_set(), "the bad order was not had")
            process.stdin.write(b"\n")
            process.stdin.flush()
        err = process.stderr.read()
        want(process.wait(WAIT_SECONDS) == 0, err.decode("utf-8", "replace"))
        want(relay.put_applied.is_set(), "nothing was put")
    finally:
        if process.poll() is None:
            process.kill()


ARM = "print('arm', flush=True)\nsys.stdin.readline()\n"
# One has the file open and publishes; the other's GET brings that very version, before the first knows it.
VERSION = ("f = os.open(p, os.O_RDWR)\ntime.sleep(0.5)\n" + ARM + "late = open_late(os.O_RDWR)\nasked()\n"
           "os.pwrite(f, b'one', 0)\nos.fsync(f)\nlate.join()\nos.pwrite(found[0], b'two', 10)\nos.close(found[0])\n"
           "os.pwrite(f, b'end', 20)\nos.close(f)\n")
# One is told that nothing is there, after another has made and published it.
NOTHING = (ARM + "late = open_late(os.O_WRONLY | os.O_CREAT | os.O_APPEND)\nasked()\n"
           "f = os.open(p, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\nos.write(f, b'one')\nos.close(f)\n"
           "late.join()\nos.write(found[0], b'two')\nos.close(found[0])\n")

CASES = [
    Case("write/race-version", check=race("race-version", False, VERSION, b"one" + b"-" * 7 + b"two" + b"-" * 7 + b"end" + b"-" * 77)),
    Case("write/race-nothing", check=race("race-nothing", True, NOTHING, b"onetwo")),
]
