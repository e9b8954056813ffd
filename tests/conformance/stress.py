# SPDX-License-Identifier: Apache-2.0
"""stress-ng: each stressor that works natively, with one instance for a second or two. What is compared is its
exit status; its figures are not, one second says too little."""
import re
import subprocess

import world as worlds

PACKAGES = ["stress-ng"]
CLASSES = ("scheduler", "filesystem", "memory", "pipe", "vm", "os", "interrupt")
SECONDS = 2
LIMIT = 40
QUICK = ("fork", "vfork", "clone", "exec", "pthread", "signal", "signest", "sigsegv", "sigrt", "mmap", "mremap",
         "dup", "close", "pipe", "splice", "ptrace", "seccomp", "spawn", "timer", "bad-altstack")
# Kept away from every machine: what they do to it outlives them, or others on it suffer.
NOT_RUN = {
    "reboot", "softlockup", "watchdog", "cpu-online", "memhotplug", "oom-pipe", "bigheap", "resources", "swap", "pageswap",
    "klog", "physpage", "forkheavy", "dirdeep", "dirmany", "icmp-flood", "udp-flood", "loop", "ramfs", "binderfs", "quota",
}
HUNGRY = ("brk", "malloc", "mmapmany", "stack", "tmpfs", "vm", "shm")


def stressors():
    found = []
    for name in CLASSES:
        said = subprocess.run(["stress-ng", "--class", f"{name}?"], capture_output=True, text=True, check=False)
        _, _, names = said.stdout.partition(":")
        found += [n for n in names.split() if n not in NOT_RUN and n not in found]
    return sorted(found)


class Suite:
    title = "stress-ng"
    packages = PACKAGES
    as_root = False

    def __init__(self, quick):
        self.seconds = 1 if quick else SECONDS
        self.parts = QUICK if quick else stressors()

    def run(self, world, side, part, only=()):
        # what takes all the memory there is gets a part of it
        some = ["prlimit", "--as=4000000000"] if part in HUNGRY else []
        result = world.run([*some, "stress-ng", f"--{part}", "1", "--timeout", str(self.seconds), "--oomable", "--temp-path",
                            "."], side, timeout=LIMIT)
        world.done_with(result)
        # 3: not implemented here, or not allowed to this user; 4: not resources enough
        what = {0: "pass", 3: "skip", 4: "skip", worlds.TIMED_OUT: "timeout"}.get(result.status,
                                                                                 f"status {result.status}")
        if what == "pass" and re.search("No stress workers invoked|skipping|[1-9] skipped|skipped: [1-9]", result.output):
            what = "skip"
        return {part: what}, result.output

    def can_repeat(self, name):
        return True
