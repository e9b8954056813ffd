# SPDX-License-Identifier: Apache-2.0
"""Builds the test programs in each way that a program may have been built."""
import glob
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
C_FLAGS = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-pthread", "-I" + TOP]
# name: compiler and flags. The probe and the reader are built in all of these ways.
VARIANTS = {
    "glibc": ["gcc"],
    "glibc-static": ["gcc", "-static"],
    "glibc-static-pie": ["gcc", "-static-pie", "-fPIE"],
    "glibc-no-pie": ["gcc", "-no-pie"],
    "musl": ["musl-gcc"],
    "musl-static": ["musl-gcc", "-static"],
}


def newer(target, sources):
    return os.path.exists(target) and all(os.path.getmtime(target) >= os.path.getmtime(s) for s in sources)


def build(folder):
    """Returns the folder that holds probe-VARIANT, reader-VARIANT, warm-glibc and walk-go."""
    os.makedirs(folder, exist_ok=True)
    probe = sorted(glob.glob(os.path.join(HERE, "probe", "*.c")))
    reader = [os.path.join(HERE, "programs", "reader.c")]
    for variant, compiler in VARIANTS.items():
        for name, sources in (("probe", probe), ("reader", reader)):
            target = os.path.join(folder, f"{name}-{variant}")
            if not newer(target, sources + [os.path.join(HERE, "probe", "probe.h")]):
                subprocess.run([*compiler, *C_FLAGS, "-o", target, *sources], check=True)
    target = os.path.join(folder, "warm-glibc")
    source = os.path.join(HERE, "programs", "warm.c")
    if not newer(target, [source]):
        subprocess.run([*VARIANTS["glibc"], *C_FLAGS, "-o", target, source], check=True)
    target = os.path.join(folder, "walk-go")
    source = os.path.join(HERE, "programs", "walk.go")
    if not newer(target, [source]):
        env = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": "",
               "GOCACHE": os.path.join(os.path.abspath(folder), "gocache")}
        subprocess.run(["go", "build", "-o", os.path.abspath(target), source], check=True, env=env)
    return os.path.abspath(folder)
