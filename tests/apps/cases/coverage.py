# SPDX-License-Identifier: Apache-2.0
"""Nothing escapes and nothing is disturbed: hazards built in every way, code made at run time, keys."""
import os
import resource
import shutil

import build_programs
from case import Case

# Each in every way of building; what a group guards is said at the head of its tests/apps/hazard file.
GROUPS = ["start", "site", "jit", "patch", "mem", "plugin", "int80", "stack", "registers", "thread", "child", "stale", "view", "clock",
          "mask", "fork", "order", "unmap", "fault", "race"]
# What hardly any program does, or asks for.
RARE = ["clobbered", "align", "segment", "foreign"]
# These take their time: there, the libc and how it was linked make the difference.
SLOW = {"storm": ["glibc", "glibc-static-pie", "musl"], "jump": ["glibc", "musl-static"],
        "cancel": ["glibc", "glibc-static", "musl", "musl-static"]}
PROGRAMS = os.path.join(build_programs.HERE, "programs")

CASES = [Case(f"hazard/{variant}/{group}", f"$P/hazard-{variant} $D/probe {group}")
         for variant in build_programs.VARIANTS for group in GROUPS]
CASES += [Case(f"hazard/glibc/{group}", f"$P/hazard-glibc $D/probe {group}", stderr=False) for group in RARE]
CASES += [Case(f"hazard/{variant}/{group}", f"$P/hazard-{variant} $D/probe {group}")
          for group, variants in SLOW.items() for variant in variants]
CASES += [Case(f"hazard/{variant}/step", f"$P/hazard-{variant} $D/probe step", timeout=300)
          for variant in ("glibc", "musl-static")]
CASES += [
    # Sleeping threads, when the trap is set in them.
    Case("hazard/arming", "$P/arming $D/probe/small.txt"),
    # A program that changes a call of its own, which until then was a jump.
    Case("hazard/changes-mprotect", "$P/changes mprotect $D/probe/small.txt"),
    Case("hazard/changes-mem", "$P/changes mem $D/probe/small.txt"),
    # Code that a page of text becomes, and that a child leaves to its parent.
    Case("hazard/lends-mremap", "$P/lends mremap $D/probe/small.txt"),
    Case("hazard/lends-vfork", "$P/lends vfork $D/probe/small.txt"),
    Case("hazard/plugs", "$P/plugs $P/plugin-glibc.so $D/probe/small.txt"),
    # Data in text that looks like system calls: libcrypto's tables of P-256.
    Case("hazard/p256", "$P/p256"),
    # Preemption and profiling by signals that look at where they found a goroutine.
    Case("hazard/go-preempt", "$P/preempt-go $D"),
    # Callbacks of ctypes are machine code that libffi makes.
    Case("hazard/python-ctypes", ["python3", "-c", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 100)(*[(i * 37) % 100 for i in range(100)])
path = os.environ["D"].encode() + b"/probe/small.txt"
def compare(a, b):
    fd = libc.syscall(257, -100, path, 0)
    got = os.read(fd, 14)
    os.close(fd)
    return a[0] - b[0] if got == b"hello skyshim\\n" else 0
libc.qsort(numbers, 100, 4, kind(compare))
print(list(numbers) == list(range(100)))
"""]),
]
if shutil.which("luajit"):
    CASES.append(Case("hazard/luajit", ["luajit", os.path.join(PROGRAMS, "jit.lua"), "{D}"]))
if shutil.which("node"):
    CASES.append(Case("hazard/node", ["node", os.path.join(PROGRAMS, "jit.js"), "{D}"]))
if resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 70100:  # descriptors above 65535 can be had
    CASES += [Case(f"hazard/{variant}/high", f"$P/hazard-{variant} $D/probe high") for variant in ("glibc", "musl-static")]
